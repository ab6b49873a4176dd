"""`tocsin up` without Kafka: its folder, its settings, its ports, what it leaves and finds, and how long it waits."""

import asyncio
import json
import os
import re
import shutil
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from streams.commands.main import commands
from streams.registry.reading.errors import RegistryError
from streams.running.operations.address_refused import AddressRefused
from streams.running.worker.environment import SettingsError
from tocsin_up import keeping, log_files, machine, page, saves, started
from tocsin_up.folder import Folder, held, prepare
from tocsin_up.keeping import Kept
from tocsin_up.ports import require_free
from tocsin_up.processes import Command, Process, StartFailed
from tocsin_up.supervisor import Supervisor
from tocsin_up.settings import Listener, load_machine_settings, read_settings_file

PAGE = (Path(__file__).parents[2] / "docs" / "one-machine.md").read_text(encoding="utf-8")


@pytest.fixture
def folder(tmp_path):
    made = Folder(tmp_path / "data")
    with held(made):
        prepare(made)
    return made


def edit(folder, old, new):
    text = folder.settings.read_text()
    assert re.search(old, text, re.MULTILINE)
    folder.settings.write_text(re.sub(old, new, text, flags=re.MULTILINE))


def refusal(folder, **shell):
    with pytest.raises(SettingsError) as refused:
        load_machine_settings(folder, shell)
    return str(refused.value)


def test_the_first_start_writes_secrets_for_the_owner_alone_and_no_later_one_changes_them(folder, tmp_path):
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    files = (folder.settings, folder.secret, folder.sources)
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    settings = load_machine_settings(folder, {})
    keys = settings.worker.hash_key.get_secret_value(), settings.intake.pseudonym_key.get_secret_value()
    assert len({*keys, folder.secret.read_text()}) == 3
    edit(folder, "^TOCSIN_UP_SAVES=7$", "TOCSIN_UP_SAVES=3")
    before = [file.read_text() for file in files]
    with held(folder):
        assert not prepare(folder)
    assert [file.read_text() for file in files] == before
    other = Folder(tmp_path / "other")
    with held(other):
        assert prepare(other)
    assert load_machine_settings(other, {}).worker.hash_key != settings.worker.hash_key


def test_an_interrupted_first_start_is_repeated_and_a_folder_without_settings_refused(folder):
    folder.settings.unlink()
    secret = folder.secret.read_text()
    assert prepare(folder)
    assert folder.secret.read_text() == secret
    folder.settings.unlink()
    folder.kafka.mkdir()
    with pytest.raises(click.ClickException, match=r"no tocsin\.env, and is not empty \(kafka\).*your copy"):
        prepare(folder)


def test_a_second_one_on_the_folder_refuses_and_names_who_holds_it(folder):
    with held(folder):
        done = CliRunner().invoke(commands, ["up", "--data", str(folder.path)])
    assert done.exit_code == 1
    assert f"{folder.path} is in use by process {os.getpid()}, `tocsin up` since 2" in done.stderr
    with held(folder):
        pass


def test_a_file_instead_of_a_folder_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(click.ClickException, match="cannot be used"),
        held(Folder(tmp_path / "file" / "data")),
    ):
        pass


def test_settings_are_read_as_a_shell_reads_them(tmp_path):
    file = tmp_path / "tocsin.env"
    file.write_text("# a comment\n\nA=1 # one\nB='two words'\nC=\n")
    assert read_settings_file(file) == {"A": "1", "B": "two words", "C": ""}


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("TOCSIN_HASH_KEY = secret", "line 2: must be NAME=VALUE"),
        ("secret", "line 2: must be NAME=VALUE"),
        ("A='secret", "line 2: must be NAME=VALUE"),
        ("1A=secret", "line 2: must be NAME=VALUE"),
        ("X=secret", "line 2: X is set for the second time"),
    ],
)
def test_a_line_that_is_none_is_named_but_not_shown(tmp_path, line, why):
    file = tmp_path / "tocsin.env"
    file.write_text(f"X=1\n{line}\n")
    with pytest.raises(SettingsError) as refused:
        read_settings_file(file)
    assert f"{file}, {why}" in str(refused.value)
    assert "secret" not in str(refused.value)


def test_the_environment_adds_to_the_file_and_contradicts_it_in_nothing(folder):
    assert load_machine_settings(folder, {"TOCSIN_LOG_LEVEL": "DEBUG"}).worker.log_level == "DEBUG"
    same = {"TOCSIN_UP_PORT": "8480"}
    assert load_machine_settings(folder, same).environment["TOCSIN_UP_PORT"] == "8480"
    said = refusal(folder, TOCSIN_HASH_KEY="a" * 64, TOCSIN_UP_PORT="1")
    assert re.findall(r"^(\w+): set in the environment", said, re.MULTILINE) == [
        "TOCSIN_HASH_KEY",
        "TOCSIN_UP_PORT",
    ]
    assert "a" * 64 not in said


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("BOOTSTRAP=127.0.0.1:9092", "BOOTSTRAP=kafka:9092", "TOCSIN_KAFKA_BOOTSTRAP: must be 127.0.0.1"),
        ("REPLICATION_FACTOR=1", "REPLICATION_FACTOR=3", "TOCSIN_REPLICATION_FACTOR: must be 1"),
        ("CONSOLE_PORT=8460", "CONSOLE_PORT=8490", "TOCSIN_INTAKE_PORT: 8490 is the port of TOCSIN_CONSOLE_PORT too"),
        ("HTTP_PORT=9464", "HTTP_PORT=0", "TOCSIN_HTTP_PORT: must not be 0"),
        ("UP_SAVES=7", "UP_SAVES=0", "TOCSIN_UP_SAVES: must be greater than or equal to 1"),
        ("UP_SAVES", "UP_SAFES", "TOCSIN_UP_SAFES: there is no such setting. Did you mean TOCSIN_UP_SAVES?"),
        ("^TOCSIN_INTAKE_SOURCES_FILE=.*$", "", "TOCSIN_INTAKE_SOURCES_FILE: must be set"),
    ],
)  # fmt: skip
def test_what_does_not_fit_one_machine_is_refused(folder, old, new, why):
    edit(folder, old, new)
    assert why in refusal(folder)


def test_encrypted_connections_and_a_console_for_all_without_sign_in_are_refused(folder):
    assert "SECURITY_PROTOCOL: must be PLAINTEXT" in refusal(folder, TOCSIN_KAFKA_SECURITY_PROTOCOL="SSL")
    assert "TOCSIN_CONSOLE_HOST" in refusal(folder, TOCSIN_CONSOLE_HOST="0.0.0.0")


def test_sources_decide_whether_reports_are_taken_asked_for_or_both(folder):
    assert list(load_machine_settings(folder, {}).commands) == ["worker", "intake", "console"]
    polled = "\n  mastodon:\n    ce_source: /m\n    poll: {service: mastodon, address: 'https://m.example', secret_file: t}"
    (folder.path / "t").write_text("t" * 32)
    text = folder.sources.read_text()
    folder.sources.write_text(text + polled)
    settings = load_machine_settings(folder, {})
    assert settings.commands["poll"] == ("intake", "poll")
    assert settings.environment_of("poll")["TOCSIN_INTAKE_METRICS_PORT"] == "9477"
    assert settings.environment_of("intake")["TOCSIN_INTAKE_METRICS_PORT"] == "9476"
    folder.sources.write_text("sources:" + polled)
    assert list(load_machine_settings(folder, {}).commands) == ["worker", "poll", "console"]
    (folder.path / "t").unlink()
    with pytest.raises(RegistryError, match="/t: cannot be read"):
        load_machine_settings(folder, {})


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://127.0.0.1:1"),
        ("0.0.0.0", "http://127.0.0.1:1"),
        ("::", "http://127.0.0.1:1"),
        ("::1", "http://[::1]:1"),
    ],
)
def test_a_process_is_asked_where_this_machine_reaches_it(host, address):
    assert Listener("", "", host, 1).address == address


@pytest.mark.usefixtures("kept_logs")
def test_a_port_that_is_taken_is_named_with_its_variable_before_anything_starts(folder):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        edit(folder, "INTAKE_PORT=8490", f"INTAKE_PORT={port}")
        done = CliRunner().invoke(commands, ["up", "--data", str(folder.path)])
        assert isinstance(done.exception, AddressRefused)
        assert f"TOCSIN_INTAKE_PORT: another program uses port {port} of 127.0.0.1 (intake)." in str(
            done.exception
        )
        assert "starting" not in done.stdout
    with pytest.raises(AddressRefused, match=r"X: nothing can listen on port 1 of 192\.0\.2\.1"):
        require_free([Listener("w", "X", "192.0.2.1", 1)])


SLEEPS = [sys.executable, "-c", "import time; time.sleep(600)"]


def test_what_a_killed_supervisor_left_is_ended_and_nothing_else(tmp_path):
    file = tmp_path / "up.processes"
    assert started.end_left_over(file) == []
    left, other = (subprocess.Popen(SLEEPS) for _ in range(2))
    try:
        started.record(file, {"worker": left.pid, "console": other.pid})
        # The second id belongs to another process by now, as after a restart of the machine.
        worker, console = json.loads(file.read_text())
        file.write_text(json.dumps([worker, console | {"started": "earlier"}]))
        assert started.end_left_over(file) == [f"worker (process {left.pid})"]
        assert left.wait(20) == -15
        assert other.poll() is None
    finally:
        for each in (left, other):
            each.kill()
            each.wait()
    assert started.started_at(other.pid) is None
    file.write_text("{")
    assert started.end_left_over(file) == []


@pytest.mark.skipif(shutil.which("ps") is None, reason="needs ps")
def test_where_there_is_no_proc_ps_says_when_a_process_started():
    process = subprocess.Popen(SLEEPS)
    try:
        began = started._from_ps(process.pid)
        assert began
        assert began == started._from_ps(process.pid)
    finally:
        process.kill()
    # Not waited for yet, so it is there, but does not run.
    while started._from_ps(process.pid) is not None:
        time.sleep(0.05)
    process.wait()
    assert started._from_ps(process.pid) is None


class Ending(Process):
    """Ends at once, or cannot be started."""

    def __init__(self, log, *, starts=True):
        super().__init__("worker", log)
        self.starts = starts

    pid = None

    def start(self):
        if not self.starts:
            raise StartFailed("no such program")

    def ending(self):
        return "ended with exit code 1"

    def reason_not_ready(self):
        return None

    def stop(self):
        return True

    def kill(self):
        pass


@pytest.mark.parametrize("starts", [True, False])
def test_the_pause_grows_to_a_minute_and_each_end_is_said(tmp_path, monkeypatch, starts):
    said, pauses, sleep = [], [], asyncio.sleep

    async def at_once(seconds):
        pauses.append(seconds)
        if len(pauses) == 8:
            raise asyncio.CancelledError
        await sleep(0)

    monkeypatch.setattr(keeping.asyncio, "sleep", at_once)
    log = tmp_path / "worker.log"
    log.write_text("the last words\n")
    kept = Kept(Ending(log, starts=starts), said.append, lambda: None)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(kept.keep())
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]
    reason = "ended with exit code 1" if starts else "could not be started (no such program)"
    assert said[2] == (
        f"worker {reason}; it starts again in 4 s, for the 3rd time. The end of {log}:\n    the last words"
    )
    assert kept.restarts == 8
    assert kept.why_not_ready == f"{reason}; starts again in 60 s"


def test_a_process_that_says_at_its_start_that_a_setting_is_wrong_is_not_started_again(tmp_path):
    command = Command(
        "worker", ["worker"], tmp_path, tmp_path / "log", dict(os.environ), "http://127.0.0.1:1"
    )
    command._command = [sys.executable, "-c", "print('TOCSIN_X: wrong'); raise SystemExit(2)"]
    with pytest.raises(SettingsError, match="worker refused to start:\nTOCSIN_X: wrong"):
        asyncio.run(Kept(command, print, lambda: None).keep())


class Saving:
    """In place of `tocsin state save`."""

    def __init__(self, file, code):
        self.file, self.code = file, code

    def start(self):
        if self.code == 0:
            self.file.write_text("state")

    def wait(self):
        return self.code

    def ending(self):
        return f"ended with exit code {self.code}"

    def tail(self):
        return "no broker answers"


def test_the_state_is_saved_when_the_newest_save_is_a_day_old_and_the_newest_are_kept(tmp_path):
    said, code = [], 0
    kept = saves.Saves(tmp_path, 3, lambda file: Saving(file, code), said.append)
    (tmp_path / "half.state.part").write_text("")
    for hours, name in enumerate(f"2026-01-0{day}.state" for day in (1, 2, 3, 4)):
        (tmp_path / name).write_text("")
        old = time.time() - (30 - hours) * 3600
        os.utime(tmp_path / name, (old, old))

    async def look():
        task = asyncio.create_task(kept.keep_saving())
        before = len(said)
        while len(said) == before and not task.done():
            await asyncio.sleep(0.01)
        task.cancel()

    asyncio.run(look())
    assert [path.name for path in kept.kept()][:2] == ["2026-01-03.state", "2026-01-04.state"]
    assert len(kept.kept()) == 3
    assert "the newest 3 are kept" in said[0]
    assert not list(tmp_path.glob("*.part"))
    assert not kept._due()
    for path in kept.kept():
        os.utime(path, (1, 1))
    code = 1
    asyncio.run(look())
    assert (
        "could not be saved; the next attempt is in an hour. it ended with exit code 1: no broker" in said[1]
    )
    assert "no broker answers" in kept.last_failure
    assert not kept._due()


def test_a_full_disk_is_no_reason_to_end(folder):
    said = []
    supervisor = Supervisor(folder, load_machine_settings(folder, {}), said.append)
    folder.processes = folder.path / "none" / "up.processes"
    supervisor._record()
    assert said == [f"{folder.processes} could not be written: No such file or directory"]


def test_a_large_log_is_cut_while_it_is_written(tmp_path):
    log = tmp_path / "worker.log"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"x" * 100)
        log_files.cut_large_logs([log, tmp_path / "none.log"], most_bytes=99)
        writer.write(b"after\n")
    assert log.read_bytes() == b"after\n"
    assert (tmp_path / "worker.log.1").read_bytes() == b"x" * 100
    log_files.cut_large_logs([log], most_bytes=99)
    assert log.read_bytes() == b"after\n"


def test_the_page_says_what_does_not_work_and_quotes_what_processes_say(folder, tmp_path):
    kept = [Kept(Ending(tmp_path / "log"), print, lambda: None)]
    kept[0].why_not_ready = "<b>no"
    enough, little = machine.Disk(1, 3 * 1024**3), machine.Disk(1, 1024**3)
    empty = saves.Saves(tmp_path, 3, lambda _: None, print)
    assert page.why_not_ready(kept, enough) == "worker: <b>no"
    shown = page.as_html(load_machine_settings(folder, {}), kept, empty, 1024**2, enough)
    assert "Not everything works: worker: &lt;b&gt;no." in shown
    assert "<b>no" not in shown
    kept[0].why_not_ready = None
    assert page.why_not_ready(kept, little) == "only 1.0 GiB are free on the disk of the folder"
    assert page.status(kept, empty, 1, little)["ready"] is False
    assert page.status(kept, empty, 1, enough)["ready"] is True
    assert machine.memory_bytes([os.getpid(), 2**22 + 1]) > 10 * 1024**2
    assert machine.disk_of(Path(__file__).parent).taken > 100_000


def test_the_page_has_every_setting_of_its_own_and_the_files_of_the_folder(folder):
    from tocsin_up.settings import UpSettings

    assert [name for name in UpSettings.model_fields if f"TOCSIN_UP_{name.upper()}`" not in PAGE] == []
    names = [path.name for path in vars(folder).values() if path not in (folder.path,)]
    assert [name for name in names if f"`{name}" not in PAGE] == []
