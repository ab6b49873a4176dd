"""How high the first case stands, and that nothing is wider than the screen, for every role."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import go
from tests.browser.harness.cases import HOUR, case, clock, publish
from tests.browser.harness.console import PEOPLE
from tests.browser.test_console_pages import keep_picture, serious, too_wide
from tests.browser.test_console_work import listed

HIGHEST = 200
# One person of each role; by day only of the role that decides most and of the one that sees least.
ONE_OF_EACH = [
    pytest.param(ref, id=role, marks=[pytest.mark.nightly] * (role != "desk"))
    for role, ref in {role: ref for ref, role in PEOPLE.items()}.items()
]


@pytest.mark.parametrize("ref", ONE_OF_EACH)
def test_the_first_case_is_near_the_top_and_nothing_is_wider_than_the_screen(
    deployment, people, channel, ref
):
    publish(
        deployment, clock(channel, -HOUR), case(channel, category="csam"), case(channel, category="fraud")
    )
    page = people.person(ref, viewport={"width": 1280, "height": 860})
    listed(page, channel, 3 if PEOPLE[ref] != "authority_liaison" else 1)
    for address in (
        "/desk",
        f"/desk?channel={channel}",
        "/desk?at_stake=children&clock=none&level=1&by=category",
    ):
        page.set_viewport_size({"width": 1280, "height": 860})
        go(page, address)
        rows = page.locator("tr[data-id]")
        expect(rows.first).to_be_visible()
        top = rows.first.bounding_box()["y"]
        print(f"\n{PEOPLE[ref]} {address}: {top:.0f} px")
        assert top < HIGHEST, (address, top)
        assert not too_wide(page)
        keep_picture(page, f"layout-{PEOPLE[ref]}-1280", full_page=False)
        page.set_viewport_size({"width": 390, "height": 844})
        print(f"{PEOPLE[ref]} {address}, 390 px wide: {rows.first.bounding_box()['y']:.0f} px")
        assert not too_wide(page)
        keep_picture(page, f"layout-{PEOPLE[ref]}-390", full_page=False)
        # All filters, and all pages, can be reached where they do not fit.
        page.locator("details.filter > summary").press("Enter")
        expect(page.locator(".filters select").first).to_be_visible()
        assert not too_wide(page)
    assert serious(page) == []


@pytest.mark.nightly
def test_unfolding_the_filters_moves_no_case(deployment, people, channel):
    publish(deployment, case(channel))
    page = people.person(viewport={"width": 1280, "height": 860})
    listed(page, channel, 1)
    row = page.locator("tr[data-id]").first
    before = row.bounding_box()
    page.keyboard.press("f")
    expect(page.locator("select[name=listed]")).to_be_focused()
    assert row.bounding_box() == before
