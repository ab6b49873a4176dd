"""The systemd unit of docs/deployment.md is valid, and any number of instances work side by side."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from streams.desk.adapters.settings import AdapterSettings
from streams.desk.console.settings import ConsoleSettings
from streams.running.log.log import TRANSACTION_SECONDS
from streams.running.worker.settings import load_settings
from tocsin_up import processes

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "deployment.md").read_text(encoding="utf-8")
ONE_MACHINE = re.search(
    r"```ini\n(\[Unit\].*?)```", (DOCS / "one-machine.md").read_text(encoding="utf-8"), re.DOTALL
)[1]
UNIT = re.search(r"```ini\n(\[Unit\].*?)```", PAGE, re.DOTALL)[1]
SHOWN = re.search(r"`systemctl enable --now ((?:tocsin@\d+ ?)+)`", PAGE)[1].replace("tocsin@", "").split()
# From the first that the page shows, as many as a large machine has cores.
INSTANCES = [str(int(SHOWN[0]) + number) for number in range(200)]


def settings_of(instance):
    lines = re.findall(r"^Environment=(\w+)=(.*)$", UNIT, re.MULTILINE)
    return load_settings(
        {name: value.replace("%i", instance).replace("%H", "host-a") for name, value in lines}
    )


def test_two_hundred_instances_of_a_machine_have_ports_and_names_of_their_own():
    found = [settings_of(instance) for instance in INSTANCES]
    ports = {each.http_port for each in found}
    assert len(ports) == len({each.instance for each in found}) == len(INSTANCES)
    others = {each.model_fields["metrics_port"].default for each in (ConsoleSettings, AdapterSettings)}
    assert not ports & others
    assert all(f"{port}" in PAGE.partition("```ini")[0].rpartition("\n\n")[0][-400:] for port in others)


def test_the_name_of_an_instance_is_the_end_of_the_label_instance_of_its_alerts():
    assert [settings_of(each).http_port for each in SHOWN] == [int(each) for each in SHOWN]


def test_it_waits_for_the_transaction_of_the_current_batch():
    (seconds,) = re.findall(r"^TimeoutStopSec=(\d+)$", UNIT, re.MULTILINE)
    assert int(seconds) > TRANSACTION_SECONDS


def test_one_machine_stops_its_processes_itself_and_has_the_time():
    assert "\nKillMode=mixed\n" in ONE_MACHINE
    (seconds,) = re.findall(r"^TimeoutStopSec=(\d+)$", ONE_MACHINE, re.MULTILINE)
    # Worker, intake, what asks for reports, console and a save.
    assert int(seconds) > 5 * processes._STOP_SECONDS + processes._KAFKA_STOP_SECONDS


@pytest.mark.parametrize(("name", "text"), [(f"tocsin@{INSTANCES[-1]}", UNIT), ("tocsin", ONE_MACHINE)])
def test_systemd_accepts_the_unit(tmp_path, name, text):
    if (analyze := shutil.which("systemd-analyze")) is None:
        pytest.skip("systemd-analyze is missing: it is in Debian's package systemd")
    program = tmp_path / "tocsin"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit = tmp_path / f"{name.partition('@')[0]}{'@' if '@' in name else ''}.service"
    unit.write_text(text.replace("/opt/tocsin/bin/tocsin", str(program)))
    done = subprocess.run(
        [analyze, "verify", "--man=no", str(tmp_path / f"{name}.service")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, str(tmp_path) in done.stderr) == (0, False), done.stderr
