"""Reports by HTTP, one per request: time from when one is due until the intake answers that Kafka has it.

Beside it a publisher that sends the same number to the same broker itself: what an answer cannot be faster than.
"""

import asyncio
import re
import time
from array import array
from collections.abc import Sequence
from urllib.parse import urlsplit

import orjson
from confluent_kafka import Producer

from tests.bench.load import percentile
from tests.bench.place import SOURCE, Place, Site, cpu_seconds
from tests.bench.traffic import pseudonym, rfc3339
from tests.kafka.harness.reports import now_ms
from tests.kafka.harness.workers import COMMAND

RATE = 1_000
SECONDS = 12.0
# Skipped: connections are opened, and the code is run for the first time.
WARM_UP_SECONDS = 2.0
# As a proxy keeps to what is behind it. With more a slow answer holds up fewer others.
CONNECTIONS = 64
CHANNELS = 2_000
TOKEN = "a token of this benchmark"
# With the headers that a client library sends.
REQUEST = (
    "POST {path} HTTP/1.1\r\nHost: {host}\r\n"
    f"Authorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\n"
    "Accept: */*\r\nAccept-Encoding: gzip, deflate\r\nUser-Agent: bench\r\n"
    "Content-Length: {length}\r\n\r\n"
)
LENGTH = re.compile(rb"Content-Length: (\d+)")
SOURCES = """
sources:
  bench:
    ce_source: /bench/app
    reports_per_minute: 6000000
    authentication: {scheme: bearer, secret_file: bench.token}
"""


def measure(place: Place) -> dict[str, float]:
    """Milliseconds to an answer and to a confirmation; microseconds of the intake's CPU per report."""
    seconds = 4.0 if place.quick else SECONDS
    bodies = [_report(number) for number in range(int(RATE * seconds))]
    counted = slice(int(RATE * WARM_UP_SECONDS), None)
    (place.folder / "intake.yaml").write_text(SOURCES)
    (place.folder / "bench.token").write_text(TOKEN)
    settings = {
        "TOCSIN_INTAKE_SOURCES_FILE": str(place.folder / "intake.yaml"),
        "TOCSIN_INTAKE_PSEUDONYM_KEY": "k" * 32,
        "TOCSIN_INTAKE_PORT": "0",
        "TOCSIN_INTAKE_METRICS_PORT": "0",
    }
    with Site(place) as site:
        intake = site.start((*COMMAND, "intake"), settings)
        site.until(lambda: "taking reports at" in intake.text)
        address = re.search(r"taking reports at (http://\S+)", intake.text)[1]
        before = cpu_seconds(intake)
        answered = asyncio.run(_post(f"{address}/v1/reports", bodies))
        used = cpu_seconds(intake) - before
        confirmed = _produce(site, bodies)
    figures = {"intake: CPU per report": used / len(bodies) * 1e6}
    for part in (50, 95, 99):
        figures[f"intake at 1,000/s: p{part}"] = percentile(answered[counted], part / 100) * 1000
        figures[f"direct publisher at 1,000/s: p{part}"] = percentile(confirmed[counted], part / 100) * 1000
    return figures


async def _post(address: str, bodies: Sequence[bytes]) -> array:
    """Send each body when it is due; return the seconds from then until it is taken."""
    latency = array("d", bytes(8 * len(bodies)))
    numbers = iter(range(len(bodies)))
    host = urlsplit(address)
    begun = time.monotonic() + 0.1

    async def send() -> None:
        # Without a client library: aiohttp's takes more than half as long for a request as the intake does, on
        # the same processors.
        reader, writer = await asyncio.open_connection(host.hostname, host.port)
        for number in numbers:
            due = begun + number / RATE
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            body = bodies[number]
            writer.write(REQUEST.format(path=host.path, host=host.netloc, length=len(body)).encode() + body)
            head = await reader.readuntil(b"\r\n\r\n")
            said = await reader.readexactly(int(LENGTH.search(head)[1]))
            assert head.startswith(b"HTTP/1.1 202 "), said
            latency[number] = time.monotonic() - due
        writer.close()

    async with asyncio.TaskGroup() as tasks:
        for _ in range(CONNECTIONS):
            tasks.create_task(send())
    return latency


def _produce(site: Site, bodies: Sequence[bytes]) -> array:
    """Publish each body when it is due; return the seconds from then until the broker has confirmed it."""
    latency = array("d", bytes(8 * len(bodies)))
    # As the intake: no waiting for more, and every replica.
    producer = Producer({"bootstrap.servers": site.bootstrap, "linger.ms": 0, "acks": "all"})
    begun = time.monotonic() + 0.1
    for number, body in enumerate(bodies):
        due = begun + number / RATE
        while (left := due - time.monotonic()) > 0:
            producer.poll(left)

        def confirmed(error: object, _: object, number: int = number, due: float = due) -> None:
            assert error is None, error
            latency[number] = time.monotonic() - due

        producer.produce(site.name(SOURCE), body, str(number % CHANNELS).encode(), on_delivery=confirmed)
    assert producer.flush(60) == 0, "some reports were not confirmed within 60 s"
    return latency


def _report(number: int) -> bytes:
    return orjson.dumps(
        {
            "report_id": f"h-{number}",
            "kind": "user_report",
            "occurred_at": rfc3339(now_ms()),
            "channel": {"ref": f"room {number % CHANNELS}", "visibility": "public"},
            "message_ref": f"message {number}",
            "category": "spam",
            "reporter": {"kind": "user", "ref": pseudonym(f"person/{number % 977}"), "country": "DE"},
        }
    )
