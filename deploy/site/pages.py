"""Hooks of MkDocs: files outside of docs/, links, and a check that nothing comes from elsewhere.

The pages are written for readers of the repository, so their paths begin at its root. The site has the same
tree: the page docs/events.md is docs/events.html, and README.md is the first page.
"""

import posixpath
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
FOLDERS = ("docs", "schemas")

LINK = re.compile(r"(?<=\]\()(?!https?:|#)([^)#\s]*)")
# A page or a file that is named in code font, outside of a link.
NAMED = re.compile(r"(?<!\[)`((?:docs|schemas)/[\w./-]+\.\w+|[A-Z]+\.md)`(?!\])")
# One group: `split` returns text and code by turns.
CODE = re.compile(r"(^```.*?^```$|^ {4}.*?$)", re.DOTALL | re.MULTILINE)
NAMED_CODE = re.compile(r"\A```(\w+) (\S+)$", re.MULTILINE)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """List the pages that a pattern in the navigation stands for."""
    config["nav"] = _expanded(config["nav"])
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Take the repository's own tree instead of docs/ alone."""
    paths = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*")) if path.is_file()]
    paths += sorted(ROOT.glob("*.md"))
    tree = [
        File.generated(config, path.relative_to(ROOT).as_posix(), abs_src_path=str(path)) for path in paths
    ]
    theme = [file for file in files if not (file.abs_src_path or "").startswith(config["docs_dir"])]
    return Files([*tree, *theme])


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001  # by name
    """Link the pages and files that are named: a folder leads to its first page, a program shows its name."""
    here = posixpath.dirname(page.file.src_uri) or "."

    def named(match: re.Match[str]) -> str:
        name = match[1]
        if files.get_file_from_path(name) is None:
            return match[0]
        return f"[`{name}`]({posixpath.relpath(name, here)})"

    def to_a_page(match: re.Match[str]) -> str:
        target = ROOT / posixpath.normpath(posixpath.join(here, match[1]))
        if not target.is_dir():
            return match[1]
        first = min(target.glob("*.md"), key=lambda path: (path.name != "README.md", path.name))
        return posixpath.relpath(first.relative_to(ROOT).as_posix(), here)

    parts = CODE.split(markdown)
    parts[0::2] = [LINK.sub(to_a_page, NAMED.sub(named, text)) for text in parts[0::2]]
    parts[1::2] = [NAMED_CODE.sub(r'```\1 title="\2"', code) for code in parts[1::2]]
    return "".join(parts)


def on_post_build(config: MkDocsConfig) -> None:
    """Fail if a page or a style loads anything from another host."""
    site = Path(config["site_dir"])
    outside = [
        f"{path.relative_to(site)}: {address}"
        for path in sorted(site.rglob("*"))
        for address in _loaded(path)
        if re.match(r"(?:\w+:)?//", address)
    ]
    if outside:
        raise PluginError("the site must not load anything from other hosts:\n" + "\n".join(outside))


def _expanded(entry: Any) -> Any:
    if isinstance(entry, list):
        return [_expanded(each) for each in entry]
    if isinstance(entry, dict):
        return {title: _expanded(each) for title, each in entry.items()}
    if "*" in entry:
        return [path.relative_to(ROOT).as_posix() for path in sorted(ROOT.glob(entry))]
    return entry


def _loaded(path: Path) -> Iterator[str]:
    """Yield the addresses that a browser asks for when it shows the page or applies the style."""
    if path.suffix == ".html":
        page = _Resources()
        page.feed(path.read_text(encoding="utf-8"))
        yield from page.addresses
    elif path.suffix == ".css":
        yield from re.findall(r"""(?:url\(|@import)\s*["']?([^"')\s]+)""", path.read_text(encoding="utf-8"))


class _Resources(HTMLParser):
    """Collects the addresses of scripts, styles, fonts, pictures and frames.

    Links are for people to follow.
    """

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            if value and (name in ("src", "srcset", "poster") or (tag == "link" and name == "href")):
                self.addresses.append(value)
