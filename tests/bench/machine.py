"""Describes the machine that the figures were measured on."""

import os
import platform
from pathlib import Path

import aiokafka
import faust


def describe() -> dict[str, str | float]:
    """Hardware, versions and load: what a reader needs to compare the figures with others."""
    cpu = "unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            cpu = line.partition(":")[2].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "cpu": f"{cpu}, {os.cpu_count()} cores",
        "memory": f"{memory:.0f} GiB",
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        # How Python was built changes its speed by a fifth. The compiler distinguishes a distribution's build
        # from a local one.
        "python": f"CPython {platform.python_version()} ({platform.python_compiler()})",
        "faust": faust.__version__,
        "aiokafka": aiokafka.__version__,
        "load before": round(os.getloadavg()[0], 2),
    }
