"""A desk with 50,000 open cases, in a real browser."""

import statistics
import time
import urllib.request
from types import SimpleNamespace

import orjson
import pytest
from playwright.sync_api import expect

from streams.contract.wire.topics import ESCALATIONS
from streams.desk.console.read_model.apply import apply_records
from streams.desk.console.read_model.changes import Changes
from streams.desk.console.read_model.database import Database
from streams.registry.categories import built_in_categories
from tests.browser.conftest import People, go
from tests.browser.harness.cases import HOUR, case, clock
from tests.browser.harness.console import ConsoleProcess
from tests.kafka.harness.deployment import Deployment
from tests.unit.console_pages import opened

# Its limits are times, which say something only on a machine that does nothing else.
pytestmark = pytest.mark.nightly

CASES = 50_000
ASKED = 20
ROUNDS = 5
P95_MS = 150
FIRST_PAINT_MS = 1000


@pytest.fixture(scope="module")
def large(kafka, tmp_path_factory):
    """A console whose file holds many cases: two that a worker wrote, and copies of them."""
    folder = tmp_path_factory.mktemp("large")
    deployment = Deployment(kafka, "browser-large.", tmp_path_factory.mktemp("deployment"), partitions=1)
    process = ConsoleProcess(folder, deployment.settings)
    fill(Database(process.database))
    process.start()
    yield process
    process.end()
    deployment.end()


def fill(database):
    # As a console of the shipped categories opens it: of others, it would make it anew.
    writer = opened(database, built_in_categories())
    events = [case("large", category="fraud"), clock("large", 30 * HOUR)]
    records = [
        (
            ESCALATIONS,
            SimpleNamespace(
                partition=0, offset=offset, timestamp=0, key=None, value=orjson.dumps(event), headers=()
            ),
        )
        for offset, event in enumerate(events)
    ]
    writer.execute("BEGIN")
    assert apply_records(writer, records, Changes()) == 0
    columns = [name for _, name, *_ in writer.execute("PRAGMA table_info(desk_row)")]
    changed = {
        "escalation_id": "'copy-' || n",
        "case_id": "'copy-' || n",
        "channel_ref": "'channel-' || (n % 5000)",
        "level": "1 + n % 4",
        "order_level": "-(1 + n % 4)",
        "due_ms": "due_ms + n * 10000",
        "order_due": "CASE WHEN due_ms IS NULL THEN order_due ELSE due_ms + n * 10000 END",
        "order_priority": "-(n % 100)",
    }
    writer.execute(
        f"""
        WITH RECURSIVE copy (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM copy WHERE n < {CASES})
        INSERT INTO desk_row SELECT {", ".join(changed.get(name, name) for name in columns)}
        FROM copy JOIN desk_row ON is_clock = (n % 10 = 0)
        """
    )
    writer.execute("COMMIT")
    writer.close()


def test_fifty_thousand_cases_are_listed_at_once_and_scroll(large, chromium):
    people = People(chromium, large)
    page = people.person(viewport={"width": 1280, "height": 800})
    go(page, "/desk")
    expect(page.get_by_role("heading", level=1)).to_contain_text("50,0")
    # Other tests run on this machine: what they slowed down is tried again.
    for _ in range(ROUNDS):
        go(page, "/desk")
        page.wait_for_function("() => performance.getEntriesByName('first-contentful-paint').length")
        paint = page.evaluate("() => performance.getEntriesByName('first-contentful-paint')[0].startTime")
        if paint < FIRST_PAINT_MS:
            break

    rows = page.locator("tr[data-id]")
    page.keyboard.press("j")
    for _ in range(5):
        before = rows.count()
        rows.last.scroll_into_view_if_needed()
        page.wait_for_function(
            "before => document.querySelectorAll('tr[data-id]').length > before", arg=before
        )
    ids = rows.evaluate_all("rows => rows.map((row) => row.dataset.id)")
    assert len(ids) == len(set(ids)) >= 600
    # Loading more leaves the focus where it was.
    expect(rows.first.locator("a.case")).to_be_focused()
    people.end()

    times = {
        address: measured(large, address)
        for address in (
            "/desk",
            "/desk?category=fraud",
            "/desk?by=channel",
            "/desk?level=3&clock=running",
            "/desk?clock=overdue",
            "/work",
        )
    }
    print(f"\n{CASES:,} cases: first paint after {paint:.0f} ms")
    for address, p95 in times.items():
        print(f"{address}: p95 of the server {p95:.0f} ms")
    assert paint < FIRST_PAINT_MS
    assert max(times.values()) < P95_MS, times


def measured(console, address):
    """The 95th percentile of answers in ms."""

    def once():
        began = time.perf_counter()
        request = urllib.request.Request(console.address + address, headers=console.headers("desk-1"))
        with urllib.request.urlopen(request, timeout=10) as answer:
            answer.read()
        return (time.perf_counter() - began) * 1000

    for _ in range(ROUNDS):
        p95 = statistics.quantiles([once() for _ in range(ASKED)], n=20)[-1]
        if p95 < P95_MS:
            break
    return p95
