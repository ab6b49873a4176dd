"""A fork behaves as the program that a test would otherwise start."""

import os
import signal
import subprocess
import sys

import pytest

from tests.kafka.harness.workers import COMMAND, clean_environment, run, start

SHOWN = """
import os, sys, threading
print(sys.argv[1:], os.getcwd(), os.environ["TOCSIN_X"], len(os.environ), sys.stdin.read(), len(threading.enumerate()))
print(sorted(os.listdir("/proc/self/fd")), file=sys.stderr)
sys.exit(7)
"""


def test_it_has_its_own_arguments_folder_environment_and_streams(tmp_path):
    environment = {"TOCSIN_X": "ü"}
    done = run([sys.executable, "-c", SHOWN, "a", "b"], env=environment, text="typed", cwd=tmp_path)
    assert done.returncode == 7
    assert done.stdout == f"['a', 'b'] {tmp_path} ü 1 typed 1\n"
    # The last is the listing's own.
    assert done.stderr == "['0', '1', '2', '3']\n"


def test_what_it_raises_is_printed_and_ends_it_with_1():
    done = run([sys.executable, "-c", "raise ValueError('why')"], env={})
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith("ValueError: why\n")


def test_a_command_of_tocsin_is_run():
    done = run([*COMMAND, "tail", "no-topic"], env=clean_environment({}))
    assert done.returncode == 2
    assert "no-topic" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_as_it_ends_any_program(number):
    with open(os.devnull, "r+") as nothing:
        sleeping = start(
            [sys.executable, "-c", "print(flush=True); import time; time.sleep(60)"],
            env={}, stdin=nothing, stdout=nothing, stderr=nothing,
        )  # fmt: skip
        assert sleeping.poll() is None
        with pytest.raises(subprocess.TimeoutExpired):
            sleeping.wait(0.1)
        sleeping.send_signal(number)
        # An interpreter that is interrupted kills itself with the signal.
        assert sleeping.wait(10) == -number
        sleeping.kill()
        assert not os.path.exists(f"/proc/{sleeping.pid}")
