"""Which setting points at a file of rules that cannot be read."""

from pathlib import Path

from streams.worker.settings import PREFIX, Settings


def pointing_at(path: Path, settings: Settings) -> str | None:
    """The variable by which a worker came to `path`, with its value; None if no setting points there."""
    for name in ("policies_file", "scoring_file", "categories_file", "platform_file", "law_folder"):
        there = getattr(settings, name)
        if there is not None and there in (path, *path.parents):
            return f"{PREFIX}{name.upper()}={there}"
    return None
