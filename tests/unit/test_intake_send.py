"""`tocsin intake send` sends a file of one's own reports to an intake until it has taken them."""

import asyncio
import json
import logging
from contextlib import asynccontextmanager
from time import monotonic

import orjson
import pytest
from aiohttp import web
from click.testing import CliRunner

from streams.commands.intake import sending
from streams.commands.intake.parts import MOST_BYTES, MOST_REPORTS, parts
from streams.commands.main import commands
from streams.commands.shared.report_rows import ReportRow, Unusable
from streams.contract.wire.envelope import rfc3339
from streams.intake.mapping import MOST_REPORTS as MOST_OF_INTAKE
from streams.intake.metrics import IntakeMetrics
from streams.intake.reports import ReportReader
from streams.intake.server import MOST_BODY_BYTES, IntakeServer
from streams.intake.sources import IntakeSource
from streams.intake.verification import Bearer
from streams.contract.wire.forms.report_decoding import FORM
from streams.contract.wire.reading import event_reader
from streams.registry.categories import built_in_categories
from streams.registry.sources import load_sources
from streams.running.operations.http_server import BoundedServer
from streams.running.wall_clock import clock_ms
from tests.unit.intake_documents import MASTODON
from tocsin_demo.local_kafka.probe import free_port

TOKEN = "a token of a small forum"
HEADER = "report_id,occurred_at,channel,category,reporter,message_ref"


class Intake:
    """A real intake, whose brokers confirm at once. `first` are answers that come before its own.

    Each is a status with seconds to wait, or None for a connection that breaks off. `heard` has the bodies.
    """

    def __init__(self):
        self.first, self.heard, self.published = [], [], []
        reader = ReportReader(b"k" * 32, load_sources(), event_reader(FORM, built_in_categories()))
        source = IntakeSource(
            "forum", "/forum", "message-reports", 60_000, "", Bearer([TOKEN.encode()]), None
        )
        self._intake = IntakeServer({"forum": source}, reader, self, "", IntakeMetrics(["forum"]))
        self.address = ""

    async def send(self, topic, value, key, headers):
        self.published.append(orjson.loads(value))

        async def confirmed():
            pass

        return asyncio.ensure_future(confirmed())

    async def answer(self, request):
        self.heard.append(await request.read())
        if not self.first:
            return await self._intake.answer(request)
        match self.first.pop(0):
            case None:
                request.transport.abort()
                return web.Response()
            case web.Response() as response:
                return response
            case status, wait:
                return web.Response(status=status, headers={} if wait is None else {"Retry-After": str(wait)})

    @asynccontextmanager
    async def running(self):
        server = BoundedServer(self.answer, most_connections=10, client_max_size=MOST_BODY_BYTES)
        runner = web.ServerRunner(server, shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield
        await runner.cleanup()


@pytest.fixture
def token(tmp_path):
    path = tmp_path / "forum.secret"
    path.write_text(TOKEN + "\n")
    return path


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(sending, "_FIRST_PAUSE", 0.01)
    monkeypatch.setattr(sending, "_LONGEST_PAUSE", 0.02)


def typed(*arguments):
    return CliRunner().invoke(commands, ["intake", "send", *map(str, arguments)])


def sent(intake, file, token, *arguments):
    """What the command does beside a running intake."""

    async def inner():
        async with intake.running():
            return await asyncio.to_thread(
                typed, file, "--token-file", token, "--to", intake.address, *arguments
            )

    return asyncio.run(inner())


def table(tmp_path, count, *others, ago_ms=60_000):
    """A CSV of some reports, with further rows behind them."""
    moment = rfc3339(clock_ms() - ago_ms)
    rows = [f"{number},{moment},room 7,fraud,alice {number},m {number}" for number in range(count)]
    path = tmp_path / "reports.csv"
    path.write_text("\n".join([HEADER, *rows, *others]) + "\n")
    return path


def test_all_reports_arrive_once_in_requests_below_the_limits_and_the_intake_makes_the_pseudonyms(
    tmp_path, token
):
    intake = Intake()
    done = sent(intake, table(tmp_path, 450), token)
    assert (done.exit_code, done.stdout, done.stderr) == (0, "450 sent, 0 refused\n", "")
    assert [len(orjson.loads(body)) for body in intake.heard] == [200, 200, 50]
    assert orjson.loads(intake.heard[0])[0]["reporter"] == {"kind": "user", "ref": "alice 0"}
    assert [report["report_id"] for report in intake.published] == [str(number) for number in range(450)]
    assert {report["channel"]["visibility"] for report in intake.published} == {"unknown"}
    assert MOST_REPORTS < MOST_OF_INTAKE


def test_long_reports_are_cut_into_requests_below_the_limit():
    long = [ReportRow(line, {"text": "x" * 60_000}) for line in range(1, 21)]
    rows = [*long, ReportRow(21, {"text": "x" * MOST_BYTES}), Unusable(22, "why"), ReportRow(23, {})]
    found = list(parts(rows))
    bodies = [each.body for each in found if not isinstance(each, Unusable)]
    assert max(map(len, bodies)) <= MOST_BYTES < MOST_BODY_BYTES
    assert [report for body in bodies for report in json.loads(body)] == [row.report for row in long] + [{}]
    assert [each.line for each in found if isinstance(each, Unusable)] == [21, 22]


def test_refused_rows_are_named_by_their_line_and_not_quoted(tmp_path, token, caplog):
    moment = rfc3339(clock_ms())
    others = [
        "x,yesterday,room 7,fraud,alice@example.org,m",
        f"y,{moment},room 7,swindle,alice@example.org,m",
        f"z,{moment},room 7,fraud,alice@example.org,m",
    ]
    intake = Intake()
    with caplog.at_level(logging.DEBUG):
        done = sent(intake, table(tmp_path, 250, *others), token)
    assert done.exit_code == 1
    assert done.stdout == "251 sent, 2 refused\n"
    # The intake logs beside it.
    named = [line.split(": ")[:2] for line in done.stderr.splitlines() if "warning" not in line]
    assert named == [
        ["line 252", "occurred_at"],
        ["line 253", "category"],
    ]
    told = done.output + caplog.text
    assert not [text for text in ("alice", "swindle", "yesterday", "room 7", TOKEN) if text in told]


@pytest.mark.parametrize("first", [(429, 0), (503, 0), (503, None), (502, None), (408, None), None])
def test_what_is_put_off_or_breaks_off_is_repeated(tmp_path, token, first):
    intake = Intake()
    # The second request: before the first answer a broken connection says that nobody is there.
    path = table(tmp_path, 250)
    intake.first = [web.json_response({"accepted": [{}] * 200}, status=202), first, first]
    done = sent(intake, path, token)
    assert (done.exit_code, done.stdout) == (0, "250 sent, 0 refused\n")
    assert len(intake.heard) == 4
    assert len(set(intake.heard[1:])) == 1
    # Once for all repetitions.
    assert len(done.stderr.splitlines()) == 1
    assert "trying again, the next time in" in done.stderr


def test_it_waits_as_long_as_the_intake_says(tmp_path, token):
    intake = Intake()
    taken = web.json_response({"accepted": [{}] * 200}, status=202)
    intake.first = [(429, 1), taken, (429, 1)]
    began = monotonic()
    done = sent(intake, table(tmp_path, 250), token)
    assert (done.exit_code, done.stdout) == (0, "250 sent, 0 refused\n")
    # Once for both.
    assert done.stderr == f"{intake.address}: HTTP 429; trying again, the next time in 1 s\n"
    assert monotonic() - began >= 2


def test_what_does_not_come_back_ends_it_with_the_count(tmp_path, token, monkeypatch):
    monkeypatch.setattr(sending, "_MOST_SILENCE", 0.1)
    intake = Intake()
    intake.first = [web.json_response({"accepted": [{}] * 200}, status=202), *[(503, None)] * 100]
    done = sent(intake, table(tmp_path, 250), token)
    assert done.exit_code == 1
    assert "has taken nothing for ten minutes (HTTP 503). Before that, 200 sent, 0 refused" in done.stderr


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((401, None), "has no source with this token (HTTP 401)"),
        ((404, None), "refuses what was sent (HTTP 404): the address must be that of `tocsin intake`"),
        ((302, None), "refuses what was sent (HTTP 302)"),
        (web.Response(text="<html>"), "refuses what was sent (HTTP 200)"),
        (web.Response(status=202, text="<html>"), "is no intake"),
        (web.json_response({"accepted": []}, status=202), "is no intake"),
        (
            web.json_response(
                {"accepted": [{}], "refused": [{"index": 9, "field": "", "detail": ""}]}, status=422
            ),
            "is no intake",
        ),
    ],
)
def test_an_answer_that_is_no_intakes_ends_it(tmp_path, token, answer, said):
    intake = Intake()
    intake.first = [answer]
    done = sent(intake, table(tmp_path, 2), token)
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: ")
    assert said in done.stderr
    assert TOKEN not in done.output


def test_without_an_intake_it_says_so_at_once(tmp_path, token):
    address = f"http://127.0.0.1:{free_port()}"
    done = typed(table(tmp_path, 2), "--token-file", token, "--to", address)
    assert done.exit_code == 1
    assert f"no intake answers at {address} (no connection: Connection refused)" in done.stderr


@pytest.mark.parametrize("address", ["http://tocsin.example.org", "http://10.0.0.7:8490", "tocsin"])
def test_the_token_is_sent_nowhere_in_the_clear(tmp_path, token, address):
    done = typed(table(tmp_path, 2), "--token-file", token, "--to", address)
    assert done.exit_code == 2
    assert "'--to': must be an https address without a path" in " ".join(done.stderr.split())


def test_the_address_is_that_of_the_settings(tmp_path, token, monkeypatch):
    port = free_port()
    monkeypatch.setenv("TOCSIN_INTAKE_PORT", str(port))
    assert f"at http://127.0.0.1:{port} (" in typed(table(tmp_path, 2), "--token-file", token).stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "cannot be read (No such file"),
        ("\n\n", "has no token"),
        ("töken", "has no token"),
        ("x" * 20_000, "has no token"),
    ],
)
def test_a_file_without_a_token_is_refused(tmp_path, text, said):
    file = tmp_path / "token"
    if text is not None:
        file.write_text(text)
    done = typed(table(tmp_path, 2), "--token-file", file)
    assert done.exit_code == 2
    assert said in done.stderr
    assert "must have the token of a source" in done.stderr


def test_reports_that_open_nothing_any_more_are_said_once(tmp_path, token):
    intake = Intake()
    done = sent(intake, table(tmp_path, 30, ago_ms=40 * 24 * 3_600_000), token)
    assert (done.exit_code, done.stdout) == (0, "30 sent, 0 refused, 30 too old for every policy\n")
    (line,) = done.stderr.splitlines()
    assert line.startswith("line 2: 40 days old: outside the window of every policy for fraud")
    assert len(intake.published) == 30


def test_a_mapping_reads_what_a_service_exports(tmp_path, token):
    export = tmp_path / "export.jsonl"
    lines = [MASTODON, MASTODON | {"event": "other"}, MASTODON | {"object": {}}, MASTODON]
    export.write_text("".join(json.dumps(each) + "\n" for each in lines))
    intake = Intake()
    done = sent(intake, export, token, "--mapping", "mastodon")
    assert done.stdout.startswith("2 sent, 1 refused")
    assert "line 3: " in done.stderr
    assert len(intake.published) == 2


def test_what_no_reader_can_take_is_a_refused_line(tmp_path, token):
    deep = '{"a":' * 300 + "1" + "}" * 300
    path = tmp_path / "reports.jsonl"
    path.write_text(deep + "\n")
    done = typed(path, "--token-file", token, "--to", "http://127.0.0.1:1")
    assert (done.exit_code, done.stdout) == (1, "0 sent, 1 refused\n")
    assert done.stderr == "line 1: is nested too deeply\n"


def test_a_token_file_without_an_end_is_refused(tmp_path):
    done = typed(table(tmp_path, 2), "--token-file", "/dev/zero")
    assert done.exit_code == 2
    assert "/dev/zero has no token" in done.stderr


@pytest.mark.parametrize(("name", "text"), [("r.csv", ""), ("r.csv", HEADER + "\n"), ("r.jsonl", "\n")])
def test_a_file_without_a_report_is_an_error(tmp_path, token, name, text):
    path = tmp_path / name
    path.write_text(text)
    done = typed(path, "--token-file", token)
    assert (done.exit_code, done.stdout, done.stderr) == (1, "", f"Error: no report in {path}\n")


@pytest.mark.parametrize(
    "text", [HEADER.replace(",", ";") + "\n1;2\n", (HEADER + "\n1,2\n").encode("utf-16")]
)
def test_a_file_that_cannot_be_read_as_a_table_is_not_sent(tmp_path, token, text):
    path = tmp_path / "reports.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    intake = Intake()
    done = sent(intake, path, token)
    assert (done.exit_code, done.stdout, intake.heard) == (2, "", [])


def test_rows_that_cannot_be_read_are_counted_and_the_others_are_sent(tmp_path, token):
    moment = rfc3339(clock_ms())
    others = [f'x,{moment},"room 7,fraud', f"y,{moment},r\udcfc,fraud", f"z,{moment},room 8,fraud"]
    path = table(tmp_path, 2)
    path.write_text(path.read_text() + "\n".join(others) + "\n", errors="surrogateescape")
    intake = Intake()
    done = sent(intake, path, token)
    assert (done.exit_code, done.stdout) == (1, "3 sent, 2 refused\n")
    assert [line.split(";")[0] for line in done.stderr.splitlines()] == [
        "line 4: a quotation mark is not closed in it, or is inside of a cell and not doubled",
        "line 5: is not UTF-8",
    ]
    assert [report["report_id"] for report in intake.published] == ["0", "1", "z"]


def test_it_ends_after_a_first_request_of_which_nothing_is_taken(tmp_path, token):
    path = table(tmp_path, 450)
    path.write_text(path.read_text().replace("fraud", "swindle"))
    intake = Intake()
    done = sent(intake, path, token)
    assert (done.exit_code, done.stdout) == (1, "")
    assert "Error: the intake refused each report of the first request, so no more were sent" in done.stderr
    assert len(intake.heard) == 1
