"""A console with many open cases: how fast it reads them, what they take, and how long its pages take."""

import re
import signal
import statistics
import time
from collections.abc import Iterator
from urllib.error import URLError
from urllib.parse import quote
from urllib.request import urlopen

import orjson

from tests.bench.figures import CONSOLE_PAGES
from tests.bench.place import Place, Site
from tests.browser.harness.cases import HOUR, case, clock, raised
from tests.kafka.harness.publisher import Publisher
from tests.kafka.harness.reports import Published
from tests.kafka.harness.workers import COMMAND, Worker

ESCALATIONS = "escalations"
CASES = 50_000
# A few channels have most cases, as a few have most reports.
CHANNELS = 5_000
CATEGORIES = ("fraud", "spam", "harassment", "hate", "ip", "ncii", "terrorism", "threat_to_life")
# As often as is needed for a 95th percentile that another run confirms.
ASKED = 100


def measure(place: Place) -> dict[str, float]:
    """The 95th percentile of each page in ms; records read per second; megabytes on disk and in memory."""
    count = place.amount(CASES)
    with Site(place) as site:
        publisher = Publisher(site.bootstrap, site.prefix, ESCALATIONS)
        publisher.publish(records := list(_records(count)))
        database = place.folder / f"{site.prefix}console.sqlite"
        settings = {
            "TOCSIN_CONSOLE_PORT": "0",
            "TOCSIN_CONSOLE_METRICS_PORT": "0",
            "TOCSIN_CONSOLE_DATABASE": str(database),
        }
        began = time.monotonic()
        console = site.start((*COMMAND, "console"), settings)
        metrics = _until_ready(site, console)
        seconds = time.monotonic() - began
        address = re.search(r"console at (http://\S+)", console.text)[1]
        desk = _get(address, "/desk")
        (after,) = re.findall(r'href="/desk\?([^"]*after=[^"]*)"', desk)
        paths = {
            "desk": "/desk",
            "desk, filtered": "/desk?category=fraud&level=2&clock=running",
            "desk, by channel": "/desk?by=channel",
            "desk, by category": "/desk?by=category",
            "desk, next page": f"/desk?{after.replace('&amp;', '&')}",
            "desk, one channel": f"/desk?channel={quote(_channel(0))}",
            "case": re.search(r'href="(/cases/[^"]+)"', desk)[1],
            "clocks": "/clocks",
        }
        assert tuple(paths) == CONSOLE_PAGES
        figures = {f"console, {name}: p95": _p95(address, path) for name, path in paths.items()}
        figures |= {
            "console: records read": len(records) / seconds,
            "console: memory": _metric(metrics, "process_resident_memory_bytes") / 1e6,
            "console: file": sum(each.stat().st_size for each in place.folder.glob(f"{database.name}*"))
            / 1e6,
        }
        site.stop(console, signal.SIGTERM)
    return figures


def _records(count: int) -> Iterator[Published]:
    for number in range(count):
        channel = _channel(number)
        category = CATEGORIES[number % len(CATEGORIES)]
        if number % 10 == 0:
            event = clock(channel, number % 200 * HOUR / 4 - HOUR)
        else:
            event = case(channel)
        event |= {"category": category, "policy": f"policy-{number % 12}"}
        points = number * 7 % 100
        event["priority"] = {
            "value": points,
            "components": {"clock": 0, "level": points, "risk": 0, "voices": 0, "age": 0},
        }
        yield Published(channel.encode(), orjson.dumps(event))
        if number % 3 == 1:
            yield Published(channel.encode(), orjson.dumps(raised(event, 2, "raised")))


def _channel(number: int) -> str:
    return f"channel-{int(CHANNELS * (number * 0.618 % 1) ** 2)}"


def _until_ready(site: Site, console: Worker) -> str:
    """Wait until the console has read everything; the address of its metrics."""

    def ready() -> bool:
        found = re.search(r"serving /metrics.*address=(http://\S+)", console.text)
        if found is None:
            return False
        try:
            return "ready" in _get(found[1], "/readyz")
        except URLError:
            return False

    site.until(ready, 600)
    return re.search(r"serving /metrics.*address=(http://\S+)", console.text)[1]


def _metric(address: str, name: str) -> float:
    return float(re.search(rf"^{name} (\S+)$", _get(address, "/metrics"), re.M)[1])


def _p95(address: str, path: str) -> float:
    times = []
    for _ in range(ASKED):
        began = time.perf_counter()
        _get(address, path)
        times.append((time.perf_counter() - began) * 1000)
    return statistics.quantiles(times, n=20)[-1]


def _get(address: str, path: str) -> str:
    with urlopen(address + path, timeout=60) as answer:
        return answer.read().decode()
