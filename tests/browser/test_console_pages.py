"""Every page in a real browser: accessible, of any width, in both colour schemes; with a picture of each."""

import os
from pathlib import Path

import orjson
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from streams.contract.wire.rules.rule_set import rule_set_id
from tests.browser.conftest import go
from tests.browser.harness.cases import case, examples, publish
from tests.browser.harness.weekday import weekday
from tests.browser.test_console_work import listed
from tests.kafka.harness.deployment import COUNTERS, INTEGRITY, ROUTING, SHADOW
from tests.kafka.harness.reports import Published
from tests.unit.rule_log import OTHER, SAME, RuleLog

# 1280 pixels at 200 % are 640 of CSS.
# What passes need not be described, which takes longer than to look.
ONLY_VIOLATIONS = {"resultTypes": ["violations"]}
SIZES = {"wide": (1280, 800), "double": (640, 800), "narrow": (320, 640)}


def keep_picture(page, name, *, full_page=True):
    """Take a picture for people to look at, if TOCSIN_TEST_PICTURES names a folder."""
    if folder := os.environ.get("TOCSIN_TEST_PICTURES"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=full_page)


class PublishedRules(RuleLog):
    """People who write to the topics of rules on a real broker."""

    def __init__(self, deployment):
        super().__init__()
        self._deployment = deployment

    def append(self, place, key, value, headers):
        self._deployment.publisher(topic=place.topic).publish([Published(key, value, headers=headers)])


@pytest.fixture(scope="module")
def desk(deployment):
    """Something for every page."""
    rules = PublishedRules(deployment)
    rules.propose(OTHER, rules.in_force(SAME))
    publish(deployment, *weekday())
    publish(deployment, case("5vq0shadow", mode="shadow"), topic=SHADOW)
    for topic in (ROUTING, INTEGRITY, COUNTERS):
        records = [Published(each["key"].encode(), orjson.dumps(each["value"])) for each in examples(topic)]
        deployment.publisher(topic=topic).publish(records)


def addresses(page):
    """Every page of the navigation, and a page of each thing that they link to first."""
    found = page.locator("nav[aria-label=Pages] a").evaluate_all(
        "links => links.map((link) => link.pathname)"
    )
    for address in list(found):
        go(page, address)
        links = page.locator("main a[href]").evaluate_all("links => links.map((link) => link.pathname)")
        kinds = {link.split("/")[1]: link for link in reversed(links) if link.count("/") == 2}
        found += [link for link in kinds.values() if link not in found]
    return found


@pytest.mark.parametrize(
    ("scheme", "accessible"),
    [
        ("light", ["wide"]),
        # What axe finds depends on the width where a table becomes cards.
        pytest.param("light", ["narrow"], marks=pytest.mark.nightly),
        pytest.param("dark", ["wide", "narrow"], marks=pytest.mark.nightly),
    ],
)
def test_every_page_is_accessible_and_has_any_width(desk, people, scheme, accessible):
    page = people.person(
        color_scheme=scheme, reduced_motion="reduce", viewport={"width": 1280, "height": 800}
    )
    listed(page, "nc7kd3wq5zn", 1)
    found = [
        *addresses(page),
        "/views",
        "/views?category=fraud&level=2",
        "/search?q=fraud",
        "/desk?at_stake=children",
        # With a form: it is proposed.
        f"/rules/{rule_set_id(OTHER)}",
    ]
    assert any(address.startswith("/cases/") for address in found)
    faults = []
    for address in found:
        go(page, address)
        name = address.strip("/").replace("/", "-")
        for size, (width, height) in SIZES.items():
            page.set_viewport_size({"width": width, "height": height})
            keep_picture(page, f"{name}-{scheme}-{size}")
            faults += [f"{address} {size}: {fault}" for fault in (*too_wide(page), *moving(page))]
            if size in accessible:
                faults += [f"{address} {size}: {fault}" for fault in serious(page)]
    assert not faults, "\n".join(faults)


def too_wide(page):
    """What reaches beyond the right edge of a page that can be scrolled there."""
    return page.evaluate("""() => {
        const { scrollWidth } = document.documentElement;
        if (scrollWidth <= innerWidth) return [];
        const wide = [...document.querySelectorAll('body *')].filter((each) =>
            each.getBoundingClientRect().right > innerWidth && !each.closest('.scroll *'));
        return [`${scrollWidth - innerWidth} px wider`, ...wide.map((each) => each.outerHTML.slice(0, 80))];
    }""")


def moving(page):
    """What moves although the reader asked for no motion."""
    return page.evaluate("""() => [...document.querySelectorAll('*')].filter((each) => {
        const style = getComputedStyle(each);
        return style.animationName !== 'none' || parseFloat(style.transitionDuration) > 0;
    }).map((each) => `moves: ${each.outerHTML.slice(0, 80)}`)""")


def serious(page):
    """What axe finds serious or critical."""
    return [
        f"{each['id']}: {[node['html'][:150] for node in each['nodes'][:3]]}"
        for each in Axe().run(page, options=ONLY_VIOLATIONS).response["violations"]
        if each["impact"] in ("serious", "critical")
    ]


@pytest.mark.nightly
@pytest.mark.parametrize("name", ["Keys", "Go to"])
def test_dialogs_are_accessible(desk, people, name):
    page = people.person()
    go(page, "/desk")
    page.get_by_role("button", name=name).press("Enter")
    expect(page.get_by_role("dialog", name=name)).to_be_visible()
    assert serious(page) == []


def test_without_scripts_lists_and_forms_work(desk, people):
    page = people.person(java_script_enabled=False)
    page.goto("/desk?channel=y8wb5nfr2zpd&listed=all")
    page.locator("a.case").first.click()
    page.get_by_label("dismissed", exact=False).first.check()
    page.get_by_label("Reason if dismissed").select_option(index=1)
    page.locator("select[name=rule]").select_option("spam-1")
    page.get_by_role("button", name="Decide").click()
    expect(page.get_by_role("status").filter(has_text="Done: dismissed.")).to_be_visible()
    expect(page.get_by_role("heading", name="Decision")).to_be_visible()


@pytest.mark.nightly
def test_picture_of_the_readme(desk, people, tmp_path):
    colleague = people.person("desk-2")
    listed(colleague, "ws7kd3wq5zn", 1)
    colleague.keyboard.press("j")
    colleague.keyboard.press("a")
    expect(colleague.locator("#notice")).to_have_text("Claimed.")
    page = people.person(color_scheme="light", viewport={"width": 1280, "height": 860})
    go(page, "/desk")
    page.keyboard.press("j")
    page.keyboard.press("j")
    # Only `make screenshots` changes the one in the repository.
    path = Path(os.environ.get("TOCSIN_README_PICTURE", tmp_path / "readme.png"))
    page.screenshot(path=path)
    # A page that is read over a telephone line; the number of cases and their times move it by some kilobytes.
    assert path.stat().st_size < 200_000
