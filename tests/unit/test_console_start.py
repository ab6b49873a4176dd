"""A console that cannot have its port or its file says which setting, why, and what would be valid, and exits
with 2.
"""

import socket
import subprocess
from contextlib import contextmanager

import pytest

from tests.kafka.harness.workers import COMMAND, clean_environment


def refused(tmp_path, **settings):
    """What a console prints that must not start. Nothing listens at the address of its brokers: it does not
    get that far.
    """
    variables = {f"TOCSIN_CONSOLE_{name}": str(text) for name, text in settings.items()}
    variables = {
        "TOCSIN_KAFKA_BOOTSTRAP": "127.0.0.1:9",
        "TOCSIN_CONSOLE_PORT": "0",
        "TOCSIN_CONSOLE_METRICS_PORT": "0",
        "TOCSIN_CONSOLE_DATABASE": str(tmp_path / "console.sqlite"),
    } | variables
    done = subprocess.run(
        [*COMMAND, "console"], env=clean_environment(variables), capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    return done.stderr


@contextmanager
def taken():
    """A port that another program uses."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


@pytest.mark.slow
def test_a_taken_port_is_named(tmp_path):
    with taken() as port:
        said = refused(tmp_path, PORT=port)
    assert said == (
        f"Error: TOCSIN_CONSOLE_HOST=127.0.0.1 TOCSIN_CONSOLE_PORT={port}: cannot listen on this address "
        "(Address already in use). Another program uses the port: choose another one, or 0 for a free port, "
        "which is logged.\n"
    )


@pytest.mark.nightly
def test_a_taken_port_of_the_metrics_is_named(tmp_path):
    with taken() as port:
        said = refused(tmp_path, METRICS_PORT=port)
    assert said.startswith(
        f"Error: TOCSIN_CONSOLE_METRICS_HOST=127.0.0.1 TOCSIN_CONSOLE_METRICS_PORT={port}: cannot"
    )


@pytest.mark.slow
def test_a_file_in_a_folder_that_does_not_exist_is_named(tmp_path):
    path = tmp_path / "nowhere" / "console.sqlite"
    said = refused(tmp_path, DATABASE=path)
    assert said.startswith(
        f"Error: TOCSIN_CONSOLE_DATABASE={path}: cannot be used (there is no folder {path.parent}). It must "
        "be a file"
    )
    assert "in which this user may write" in said


@pytest.mark.nightly
def test_a_folder_in_place_of_the_file_is_named(tmp_path):
    assert f"TOCSIN_CONSOLE_DATABASE={tmp_path}: cannot be used (it is a folder)." in refused(
        tmp_path, DATABASE=tmp_path
    )


@pytest.mark.slow
def test_a_file_of_another_program_is_left_as_it_is(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("Not a database, but somebody's notes. " * 100)
    before = path.read_bytes()
    said = refused(tmp_path, DATABASE=path)
    assert f"TOCSIN_CONSOLE_DATABASE={path}: cannot be used (file is not a database)." in said
    assert path.read_bytes() == before
