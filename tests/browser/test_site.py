"""The site that `make docs` builds: every link leads somewhere, search works, and nothing comes from another
host.
"""

import re
import subprocess
import threading
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "deploy/site"

# Building the site takes longer than all that is asked of it.
pytestmark = pytest.mark.nightly


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        ["make", "--silent", "docs", f"SITE={folder}"], cwd=ROOT, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


class Anchors(HTMLParser):
    """The links of a page, and what a link may point at in it."""

    def __init__(self, text):
        super().__init__()
        self.links, self.ids = [], {"", "__comments"}
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name in ("href", "src") and value:
                self.links.append(value)
            elif name == "id":
                self.ids.add(value)


def test_every_link_leads_to_a_page_and_a_heading(site):
    pages = {
        path: Anchors(path.read_text(encoding="utf-8"))
        for path in site.rglob("*.html")
        # Shown at any address, so its links begin at the root of the host.
        if path.name != "404.html"
    }
    # One for each page of docs/ at least.
    assert len(pages) > len(list(ROOT.glob("docs/**/*.md")))
    broken = []
    for page, found in pages.items():
        for link in found.links:
            if re.match(r"\w+:", link):
                continue
            file, _, heading = link.partition("#")
            target = (page.parent / file).resolve() if file else page
            target = target / "index.html" if target.is_dir() else target
            if not target.exists() or (target in pages and heading not in pages[target].ids):
                broken.append(f"{page.relative_to(site)}: {link}")
    assert broken == []


def test_every_program_is_shown_as_code(site):
    assert [path for path in site.rglob("*.html") if "```" in path.read_text(encoding="utf-8")] == []


def test_a_page_that_loads_from_another_host_fails_the_build(site, tmp_path):
    check = "import sys, pages; pages.on_post_build({'site_dir': sys.argv[1]})"
    (tmp_path / "page.html").write_text("<a href='https://a.example/'>link</a><img src='pictures/x.png'>")
    for address in ("", "//b.example/x.css", "https://c.example/x.woff2"):
        if address:
            (tmp_path / "style.css").write_text(f"@font-face {{ src: url({address}) }}")
        command = [ROOT / ".venv-docs/bin/python", "-c", check, tmp_path]
        done = subprocess.run(command, cwd=CONFIG, capture_output=True, text=True, timeout=60)
        assert (done.returncode == 0) == (not address)
        assert address in done.stderr


def test_a_reader_finds_a_page_by_searching_and_no_other_host_is_asked(site, chromium):
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=site))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    page = chromium.new_page()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    try:
        for path in ("index.html", "docs/operations.html", "docs/runbooks/TocsinLagging.html"):
            page.goto(f"{address}/{path}", wait_until="networkidle")
        page.keyboard.press("/")
        page.keyboard.type("pseudonym")
        page.locator(".md-search-result__link").first.click()
        expect(page).not_to_have_url(f"{address}/docs/runbooks/TocsinLagging.html")
    finally:
        page.close()
        server.shutdown()
        server.server_close()
    assert {urlsplit(url).netloc for url in asked} == {urlsplit(address).netloc}
    assert any(url.endswith("search_index.json") for url in asked)
