"""The demo prints its results, its totals add up, and it leaves nothing behind however it ends."""

import os
import re
import shlex
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient

from tests.kafka.harness.workers import COMMAND, EXECUTED, clean_environment, patience, run, start


class Demo:
    """A demo in a process of its own, with its temporary folder inside `folder`."""

    def __init__(
        self, folder: Path, *arguments: str, command: Sequence[str] = COMMAND, **settings: str
    ) -> None:
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        self.out, self.err = folder / "out", folder / "err"
        with self.out.open("wb") as out, self.err.open("wb") as err:
            with open(os.devnull) as nothing:
                self.process = start(
                    [*command, "demo", "--reports", "2000", *arguments],
                    stdin=nothing,
                    stdout=out,
                    stderr=err,
                    env=clean_environment(settings) | {"TMPDIR": str(self.temporary)},
                )

    @property
    def printed(self) -> str:
        return self.out.read_text()

    def wait_for(self, text: str, seconds: float = 90) -> None:
        deadline = time.monotonic() + seconds * patience()
        while text not in self.printed:
            assert self.process.poll() is None, self.printed + self.err.read_text()
            assert time.monotonic() < deadline, self.printed
            time.sleep(0.05)

    def end(self) -> int:
        return self.process.wait(90 * patience())

    def processes(self) -> dict[int, list[str]]:
        """The command lines of running processes with the demo's environment, by their ids."""
        found = {}
        for environ in Path("/proc").glob("[0-9]*/environ"):
            with suppress(OSError):
                if f"TMPDIR={self.temporary}\0".encode() in environ.read_bytes():
                    found[int(environ.parent.name)] = (environ.parent / "cmdline").read_text().split("\0")
        return found

    def left_behind(self) -> list[str]:
        """Files in the demo's temporary folder, and running processes with its environment."""
        return [str(path) for path in self.temporary.iterdir()] + [
            " ".join(words) for words in self.processes().values()
        ]

    def progress(self) -> list[tuple[int, int]]:
        """How many records were published and answered, line by line."""
        shown = re.findall(r"\.\.\. ([\d,]+) published, ([\d,]+) answered", self.printed)
        return [tuple(int(each.replace(",", "")) for each in line) for line in shown]


@pytest.fixture
def demonstrate(tmp_path: Path) -> Iterator:
    started = []

    def new(*arguments: str, **options: Any) -> Demo:
        started.append(Demo(tmp_path, *arguments, **options))
        return started[-1]

    yield new
    for demo in started:
        # SIGTERM first: the demo then ends its worker and broker too.
        if demo.process.poll() is None:
            demo.process.send_signal(signal.SIGTERM)
            try:
                demo.process.wait(30 * patience())
            except subprocess.TimeoutExpired:
                demo.process.kill()


def topics_of_demos(bootstrap: str) -> set[str]:
    names = AdminClient({"bootstrap.servers": bootstrap}).list_topics(timeout=20).topics
    return {name for name in names if name.startswith("demo-")}


def topics_gone(bootstrap: str, before: set[str]) -> bool:
    """Wait until the topics are deleted: a deletion is confirmed before every broker has applied it."""
    deadline = time.monotonic() + 20 * patience()
    while topics_of_demos(bootstrap) - before:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def check_crowds(printed):
    """The brigade that desks know counts as few, and the honest wave by heads."""
    found = {
        name: (int(reports), int(reporters), float(voices), level)
        for name, reports, reporters, voices, level in re.findall(
            r"^(returning brigade|honest wave) +(\d+) +(\d+) +(\d+\.\d) +(none|\d \S+)$",
            printed,
            re.MULTILINE,
        )
    }
    _, accounts, voices, level = found["returning brigade"]
    assert accounts > 30
    # One voice for those who are linked, and one for each of the few who took part too seldom to be.
    assert voices < 8
    # Review at most, and often not even that: only the first report of a cluster adds to the risk.
    assert level in ("none", "1 internal_review")
    reports, people, voices, level = found["honest wave"]
    assert (reports, people) == (80, 80)
    assert voices >= 0.95 * people
    assert level == "2 priority_review"
    assert re.search(r"^  returning brigade: \d+ of \d+ reporters had before reported", printed, re.MULTILINE)
    assert re.search(r"^  honest wave: none of 80 reporters had before reported", printed, re.MULTILINE)
    assert re.search(r"^The days before: (\d+) reports, [1-9]\d+ notices to reporters", printed, re.MULTILINE)


def check_story(printed):
    """Every storyline is found: reports, channels, episodes and the highest level."""
    assert (
        "It adds up: 2,000 published = 1,974 enriched + 10 duplicates dropped + 16 dead letters." in printed
    )
    for row in (
        r"^deepfake wave +162 +6 +6 +3 channel_review",
        r"^victim requests +5 +5 +5 +1 internal_review",
        r"^fraud ring +321 +12 +12 +3 surge",
        r"^spam flood +420 +1 +[12] +[12] ",
        r"^child safety +10 +4 +4 +3 authority_report_review",
        r"^threats to life +8 +2 +2 +3 authority_notice_review",
        r"^pile-on +46 +1 +0 +none +1 in shadow",
        r"^brigade +110 +1 +0 +none",
        # The desk answered one clock when half of its time was over, before the next step was due.
        r"^IN\.itr\.3-2-b +remove +.* UTC +lapsed$",
        r"^IN\.itr\.3-2-b +remove +.* UTC +fulfilled$",
        r"clock_fulfilled: IN\.itr\.3-2-b, .* [5-8]\d% elapsed",
    ):
        assert re.search(row, printed, re.MULTILINE), row
    check_crowds(printed)


@pytest.mark.nightly
def test_with_its_own_kafka_the_demo_adds_up_and_leaves_nothing_behind(demonstrate):
    demo = demonstrate()
    assert demo.end() == 0, demo.err.read_text()
    printed = demo.printed
    check_story(printed)
    assert re.search(
        r"^\d\d:\d\d:\d\d opened +fraud level 1, internal_review +fraud ring, channel", printed, re.MULTILINE
    )
    assert "threshold_crossed: distinct_reporters 5 >= 5, risk 0." in printed
    assert re.search(
        r"^\d\d:\d\d:\d\d opened +legal-clock level 1, armed +victim requests, channel", printed, re.MULTILINE
    )
    for row in (
        r"^GB\.osa\.s10-3A +remove +.* UTC +running$",
        r"^remove terrorist content; the order is complete +routed +human_review +EU\.tco\.art3-3 due ",
        r"^hide a message; names neither message nor reason +incomplete +two_person_review +missing: statement_of",
        r"^who holds an account; the certificate names no off.* EU\.e-evidence\.art10-3 paused: tell the auth",
        r"^who owns a channel; a Member State's own law +incomplete .* +reach contested: a lawyer today$",
        r"^who holds an account; an emergency, not validated .* EU\.e-evidence\.art10-4 due .*art4-5 due ",
        r"^take down a protest +refused +human_rights_review +block_protest, political_demand$",
        r"^  norm +European Convention on Human Rights, article 11",
    ):
        assert re.search(row, printed, re.MULTILINE), row
    assert "\x1b" not in printed, "control characters although the output is not a terminal"
    assert demo.left_behind() == []


def worker_of(demo: Demo) -> int:
    """The process id of its worker."""
    (worker,) = (pid for pid, words in demo.processes().items() if words[-2:] == ["worker", ""])
    return worker


@contextmanager
def slowed_tenfold(pid: int) -> Iterator[None]:
    """The process runs a tenth of the time."""
    ended = threading.Event()

    def alternate() -> None:
        with suppress(ProcessLookupError):
            while not ended.is_set():
                os.kill(pid, signal.SIGSTOP)
                ended.wait(0.9)
                os.kill(pid, signal.SIGCONT)
                ended.wait(0.1)

    stopping = threading.Thread(target=alternate)
    stopping.start()
    try:
        yield
    finally:
        ended.set()
        stopping.join()


@pytest.mark.nightly
def test_a_worker_that_is_ten_times_slower_tells_the_same_story(demonstrate, kafka):
    demo = demonstrate("--yes", TOCSIN_KAFKA_BOOTSTRAP=kafka)
    demo.wait_for("Playing six hours")
    with slowed_tenfold(worker_of(demo)):
        # Four minutes on two idle cores.
        demo.wait_for("It adds up", seconds=600)
    assert demo.end() == 0, demo.err.read_text()
    check_story(demo.printed)


@pytest.mark.nightly
def test_while_the_worker_stands_still_the_publisher_waits(demonstrate, kafka):
    demo = demonstrate("--yes", TOCSIN_KAFKA_BOOTSTRAP=kafka)
    demo.wait_for("opened")
    worker = worker_of(demo)
    os.kill(worker, signal.SIGSTOP)
    try:
        before = len(demo.progress())
        # The publisher goes on as long as it may, and then prints the same line again.
        while len(after := demo.progress()[before:]) < 2 or after[-1] != after[-2]:
            assert demo.process.poll() is None, demo.err.read_text()
            time.sleep(0.05)
    finally:
        os.kill(worker, signal.SIGCONT)
    published, answered = after[-1]
    assert answered < published < 2_000
    # Of those that are not answered, ten at most are duplicates.
    assert published - answered <= 2_000 / 24 + 10
    assert demo.end() == 0, demo.err.read_text()
    check_story(demo.printed)


# The kept demo below is ended by SIGINT too, on an existing broker as here.
@pytest.mark.nightly
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_leaves_nothing_behind(demonstrate, kafka, number):
    before = topics_of_demos(kafka)
    demo = demonstrate("--yes", "--reports", "100000", TOCSIN_KAFKA_BOOTSTRAP=kafka)
    demo.wait_for("opened")
    demo.process.send_signal(number)
    assert demo.end() == 1
    assert "Traceback" not in demo.err.read_text()
    assert topics_gone(kafka, before)
    assert demo.left_behind() == []


@pytest.mark.nightly
def test_a_kept_demo_can_be_inspected_until_ctrl_c(demonstrate, kafka, tmp_path):
    before = topics_of_demos(kafka)
    # The commands that it prints are those of its own interpreter.
    demo = demonstrate("--yes", "--keep", command=(*EXECUTED, *COMMAND), TOCSIN_KAFKA_BOOTSTRAP=kafka)
    demo.wait_for("publish reports.jsonl")
    assert "It adds up" in demo.printed
    # The printed commands must work in another shell and folder.
    (shown,) = re.findall(r"^  (.+) topics check$", demo.printed, re.MULTILINE)
    exported = re.search(r"export (TOCSIN_\S+ .*)", demo.printed)
    variables = dict(pair.split("=", 1) for pair in exported[1].split())

    def tocsin(*arguments: str, command: Sequence[str] = COMMAND) -> str:
        settings = clean_environment(variables)
        del settings["PYTHONPATH"]
        done = run([*command, *arguments], env=settings, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return done.stdout

    tocsin("topics", "check", command=(*EXECUTED, *shlex.split(shown)))
    assert tocsin("tail", "escalations", "--from-beginning", "--max", "20").count("\n") == 40
    # Of the week before, beside those of the desk that is asked about crowds, in any order of partitions.
    assert "dismissed fraud" in tocsin("tail", "moderation-outcomes", "--from-beginning", "--max", "8")
    # End a report's lapsed clock, as the demo suggests, and then a clock of a request.
    of_report = re.search(r"stop it +.+ clock (\S+) fulfilled", demo.printed)[1]
    assert "lapsed, due" in tocsin("clock", of_report, "fulfilled", "--actor", "legal-7f3a")
    # Two events, because the demo's own desk has already ended another clock.
    tocsin(
        "tail",
        "escalations",
        "--from-beginning",
        "--type",
        "resolved",
        "--policy",
        "legal-clock",
        "--max",
        "2",
    )
    explanation = tocsin("explain", of_report)
    assert explanation.startswith(f"escalation {of_report}: resolved\n")
    assert "clock of    IN.itr.3-2-b: IT (Intermediary Guidelines" in explanation
    routed = tocsin(
        "tail",
        "authority-routing",
        "--from-beginning",
        "--decision",
        "routed",
        "--country",
        "DE",
        "--max",
        "1",
    )
    of_request = re.search(r"EU\.tco\.art3-3 running, due .*, clock (\S+)", routed)[1]
    tocsin("clock", of_request, "fulfilled", "--actor", "legal-7f3a")
    closed = tocsin("tail", "authority-routing", "--from-beginning", "--type", "clock_closed", "--max", "1")
    assert "EU.tco.art3-3 fulfilled" in closed
    demo.process.send_signal(signal.SIGINT)
    assert demo.end() == 0
    assert topics_gone(kafka, before)
    assert demo.left_behind() == []


def test_the_demo_prints_the_error_of_a_worker_that_cannot_start(demonstrate, kafka, tmp_path):
    before = topics_of_demos(kafka)
    missing = tmp_path / "no-such-policies.yaml"
    demo = demonstrate("--yes", TOCSIN_KAFKA_BOOTSTRAP=kafka, TOCSIN_POLICIES_FILE=str(missing))
    assert demo.end() == 1
    assert "the worker ended with exit code 2" in demo.err.read_text()
    assert "no-such-policies.yaml" in demo.err.read_text()
    assert topics_gone(kafka, before)
    assert demo.left_behind() == []
