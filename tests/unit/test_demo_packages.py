"""The demo fetches its packages where uvx or pipx runs the wheel alone, and nowhere else."""

import os
import sys
from pathlib import Path

import pytest

from streams import distribution
from tocsin_demo.demo import fetched_packages
from tocsin_demo.demo.fetched_packages import begin_again_with_packages

PYTHON = os.path.realpath(sys.executable)
WHEEL = Path("/release/tocsin.whl")


@pytest.fixture
def begun(monkeypatch):
    """What is begun instead of this process, in an environment without uv and pipx, from a wheel."""
    found = []
    monkeypatch.setattr(fetched_packages.os, "execvpe", lambda *given: found.append(given))
    for module in (distribution, fetched_packages):
        monkeypatch.setattr(module, "installed_wheel", lambda: WHEEL)
    monkeypatch.setattr(sys, "argv", ["/somewhere/tocsin", "demo", "--reports", "2000"])
    monkeypatch.delenv("UV", raising=False)
    return found


def test_uvx_fetches_them_and_only_once(begun, monkeypatch, capsys):
    monkeypatch.setenv("UV", "/bin of/uv")
    begin_again_with_packages()
    [(program, command, environment)] = begun
    assert program == "/bin of/uv"
    wheel = f"{WHEEL}[console,demo]"
    python = ["--python", PYTHON]
    assert command == [
        program, "tool", "run", *python, "--from", wheel, "tocsin", "demo", "--reports", "2000"
    ]  # fmt: skip
    said = capsys.readouterr().err
    assert said.startswith("Fetching the packages of the demo: '/bin of/uv' tool run ")
    assert f"--from '{wheel}' tocsin demo --reports 2000" in said
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    begin_again_with_packages()
    assert len(begun) == 1


def test_pipx_fetches_them(begun, monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setattr(fetched_packages.shutil, "which", lambda name: f"/usr/bin/{name}")
    begin_again_with_packages()
    assert begun == []
    (tmp_path / "pipx_metadata.json").touch()
    begin_again_with_packages()
    [(_, command, _)] = begun
    assert command[:2] == ["/usr/bin/pipx", "run"]
    assert command[4:7] == ["--spec", f"{WHEEL}[console,demo]", "tocsin"]


def test_a_wheel_that_is_gone_is_not_asked_for(begun, monkeypatch):
    monkeypatch.setenv("UV", "/usr/bin/uv")
    monkeypatch.setattr(fetched_packages, "installed_wheel", lambda: None)
    begin_again_with_packages()
    assert begun == []
