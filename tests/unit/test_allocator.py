"""How memory is returned to the system.

Each test runs a new process: the allocator's settings are per process.
"""

import platform
import subprocess
import sys

import pytest

# Allocates a few hundred megabytes in blocks on malloc's heap, frees them, and prints the resident memory.
PROGRAM = """
import re, sys
from streams.running.app.allocator import keep_freed_memory
if sys.argv[1] == "keep":
    keep_freed_memory()
blocks = [bytearray(b"x") * 100_000 for _ in range(2_000)]
del blocks
print(re.search(r"VmRSS:\\s+(\\d+)", open("/proc/self/status").read())[1])
"""


def held_kilobytes(how):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, timeout=60, check=True
    )
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="has no effect without glibc")
def test_what_was_freed_stays_with_the_process():
    assert held_kilobytes("keep") - held_kilobytes("leave") > 150_000
