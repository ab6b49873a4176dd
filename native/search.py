"""Searches for bytes that make the native core panic, overflow or take too much memory: `make fuzz-native`.

`.venv/bin/python native/search.py INPUTS --seconds N` runs each target of native/fuzz under libFuzzer and
AddressSanitizer, all for so long together, from the inputs in INPUTS/NAME and from what earlier runs found.
Exits with 1 and the path of an input that fails. Needs a nightly Rust (the sanitizer is in no other), a C++
compiler, and the network for the first time.
"""

import argparse
import os
import re
import subprocess
import sys
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from cargo import FUZZ, NATIVE, PROGRAM, cargo, prepare

# What earlier runs found worth going on from, and what failed, in folders by target.
_FOUND: Final = FUZZ / "found"
_FAILED: Final = FUZZ / "failed"

# What libFuzzer needs to see which code an input reaches, and the sanitizer.
_FLAGS: Final = (
    "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4"
    " -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table"
    " -Cllvm-args=-sanitizer-coverage-trace-compares -Zsanitizer=address -Ccodegen-units=1"
)
# The longest report has 64 KiB; what is in longer inputs is in shorter ones too, and those are faster.
_LONGEST: Final = 16 * 1024
# A claimed length must never become an allocation: the largest is some times the input.
_LARGEST_ALLOCATION_MB: Final = 64
_LONGEST_RUN_S: Final = 10
# The message and the calls that led to it.
_LINES_OF_A_FAILURE: Final = 60


class Searched(NamedTuple):
    """What a target's run has done."""

    name: str
    executions: int
    edges: int
    inputs: int
    failed: bool


def main() -> None:
    """Build, search, and print what was done."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("inputs", type=Path)
    parser.add_argument("--seconds", type=int, default=3_600, help="for all targets together")
    parser.add_argument("--again", type=Path, help="run this input of an earlier failure alone")
    options = parser.parse_args()
    _require_nightly()
    prepare()
    prepare(NATIVE / "fuzz", FUZZ)
    target = _host()
    if not cargo(
        *("+nightly", "build", "--release", "--locked", "--offline"),
        *("--bin", "search", "--features", "search"),
        # Named, so that the flags are not those of what runs during the build.
        *("--target", target),
        build=FUZZ,
        flags=_FLAGS,
    ):
        sys.exit(f"{PROGRAM}: cargo failed, see above")
    program = FUZZ / "target" / target / "release" / "search"
    if options.again:
        sys.exit(_run(program, options.again.parent.name, str(options.again)).returncode)
    names = sorted(folder.name for folder in options.inputs.iterdir())
    searched = [_search(program, options.inputs / name, options.seconds // len(names)) for name in names]
    print(f"{'target':<16}{'executions':>14}{'edges':>8}{'inputs':>8}")
    for name, executions, edges, inputs, _ in searched:
        print(f"{name:<16}{executions:>14,}{edges:>8,}{inputs:>8,}")
    if any(one.failed for one in searched):
        sys.exit(1)


def _require_nightly() -> None:
    asked = ["cargo", "+nightly", "--version"]
    try:
        found = subprocess.run(asked, capture_output=True, check=False).returncode == 0  # noqa: S603
    except OSError:
        found = False
    if not found:
        sys.exit(
            f"{PROGRAM}: needs a nightly Rust beside the usual one (`cargo +nightly --version` fails): "
            "rustup toolchain install nightly"
        )


def _host() -> str:
    """Rust's name of this machine."""
    asked = ["rustc", "+nightly", "--version", "--verbose"]
    answer = subprocess.run(asked, capture_output=True, text=True, check=True).stdout  # noqa: S603
    found = re.search(r"^host: (\S+)$", answer, re.MULTILINE)
    assert found
    return found[1]


def _search(program: Path, inputs: Path, seconds: int) -> Searched:
    """Search with one target for so long, or until an input fails."""
    name = inputs.name
    found, failed = _FOUND / name, _FAILED / name
    for folder in (found, failed):
        folder.mkdir(parents=True, exist_ok=True)
    print(f"{name}: {seconds} s", flush=True)
    done = _run(
        program, name, str(found), str(inputs), f"-max_total_time={seconds}", f"-artifact_prefix={failed}/",
        "-print_final_stats=1", "-verbosity=1",
    )  # fmt: skip
    last = re.findall(r"cov: (\d+)", done.stderr)
    executions = re.search(r"stat::number_of_executed_units: (\d+)", done.stderr)
    if done.returncode != 0:
        # Without the progress before.
        lines = (line for line in done.stderr.splitlines() if not re.match(r"#\d+\t|\tNEW_FUNC|INFO: ", line))
        print("\n".join(islice(lines, _LINES_OF_A_FAILURE)))
        path = re.search(r"Test unit written to (\S+)", done.stderr)
        shown = path[1] if path else "no input, see above"
        print(f"{name} fails: {shown}\nAgain: make fuzz-native ARGS='--again {shown}'", flush=True)
    return Searched(
        name,
        int(executions[1]) if executions else 0,
        int(last[-1]) if last else 0,
        sum(1 for _ in found.iterdir()),
        done.returncode != 0,
    )


def _run(program: Path, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    limits = (
        f"-dict={NATIVE / 'fuzz' / 'tokens.dict'}",
        f"-max_len={_LONGEST}", f"-malloc_limit_mb={_LARGEST_ALLOCATION_MB}", f"-timeout={_LONGEST_RUN_S}",
    )  # fmt: skip
    again = subprocess.PIPE if len(arguments) > 1 else None
    return subprocess.run(  # noqa: S603
        [program, *arguments, *limits],
        env=os.environ | {"TOCSIN_FUZZ_TARGET": name},
        stderr=again,
        text=True,
        check=False,
    )


if __name__ == "__main__":
    main()
