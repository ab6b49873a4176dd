"""The navigation of the site lists every page once. tests/browser/test_site.py builds the site."""

from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "deploy/site/mkdocs.yml"


def entries(node):
    if isinstance(node, str):
        yield node
    else:
        for item in node.values() if isinstance(node, dict) else node:
            yield from entries(item)


def test_the_navigation_lists_every_page_once():
    listed = [
        path for entry in entries(yaml.safe_load(CONFIG.read_text())["nav"]) for path in ROOT.glob(entry)
    ]
    assert len(listed) == len(set(listed))
    assert set(listed) == {*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("schemas/**/*.md")}
