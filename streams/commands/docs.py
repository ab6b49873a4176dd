"""`tocsin docs`: shows the pages that come with the program."""

import re
from pathlib import Path

import click

from streams.commands.shared.suggesting_group import did_you_mean
from streams.distribution import pages_folder

# Listed by name alone, after the pages: an alert names its own.
_RUNBOOKS = "runbooks/"


@click.command()
@click.argument("page", required=False)
def docs(page: str | None) -> None:
    """Show a PAGE of the documentation, or list them all.

    PAGE is a name in the list, with or without docs/ and .md as messages have it. A terminal shows it in your
    pager; anything else gets the text as it is, which is Markdown.

    \b
    Examples:
      tocsin docs
      tocsin docs concepts
      tocsin docs runbooks/TocsinStuck
      tocsin docs operations | grep -n Sizing
    """  # noqa: D301 - \b tells click not to rewrap the paragraph
    pages = _pages()
    if page is None:
        width = max(map(len, pages))
        runbooks = [name for name in pages if name.startswith(_RUNBOOKS)]
        for name in pages:
            if name not in runbooks:
                click.echo(f"{name:<{width}}  {_title(pages[name])}")
        for name in runbooks:
            click.echo(name)
        return
    name = re.sub(r"^docs/|\.md$", "", page)
    if name not in pages:
        raise click.UsageError(
            f"there is no page {page!r}.{did_you_mean(name, list(pages))} `tocsin docs` lists them."
        )
    click.echo_via_pager(pages[name].read_text(encoding="utf-8"))


def _pages() -> dict[str, Path]:
    """The pages by name."""
    folder = pages_folder()
    found = {path.relative_to(folder).with_suffix("").as_posix(): path for path in folder.rglob("*.md")}
    if not found:
        raise click.ClickException(f"this installation is without the pages: {folder} is missing")
    return dict(sorted(found.items()))


def _title(page: Path) -> str:
    first = page.read_text(encoding="utf-8").partition("\n")[0]
    return first.removeprefix("# ")
