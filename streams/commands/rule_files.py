"""Which setting points at a file of rules that cannot be read."""

from pathlib import Path

from streams.settings import PREFIX, Settings


def pointing_at(path: Path, settings: Settings) -> str | None:
    """The variable by which a worker came to `path`, with its value; None if no setting points there."""
    for name, there in (
        ("policies_file", path == settings.policies_file),
        ("platform_file", path == settings.platform_file),
        ("law_folder", settings.law_folder is not None and settings.law_folder in path.parents),
    ):
        if there:
            return f"{PREFIX}{name.upper()}={getattr(settings, name)}"
    return None
