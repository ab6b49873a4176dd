"""A release as its readers install it, from the folder that `make dist` makes, in an empty folder and
environment: the native core from a folder of wheels, the demo without any installation, and a table of reports
that becomes a case.

Installs packages from the index, as a newcomer does.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from streams import __version__
from tests.kafka.harness import workers
from tests.kafka.harness.one_machine import Machine
from tests.kafka.harness.reports import now_ms, rfc3339
from tests.kafka.harness.workers import ROOT
from tests.tools import build_release, program

pytestmark = pytest.mark.nightly

WHEEL = f"tocsin-{__version__}-py3-none-any.whl"
TOOLS = ROOT / ".venv-release" / "bin"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What `make dist` makes, the native core for this machine included."""
    program("cargo", "apt-get install cargo-web")
    folder = tmp_path_factory.mktemp("whole") / "dist"
    build_release(folder, f"PYTHON={sys.executable}")
    return folder


def run(folder, *command, **variables):
    """Run a command in a folder with nothing of this checkout, its environment and its variables."""
    kept = {name: os.environ[name] for name in ("HOME", "LANG", "SSL_CERT_FILE") if name in os.environ}
    done = subprocess.run(
        list(map(str, command)),
        cwd=folder,
        env=kept | {"PATH": f"{TOOLS}:/usr/local/bin:/usr/bin:/bin"} | variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600 * workers.patience(),
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout


def test_the_native_core_needs_no_newer_library_than_its_name_says(whole):
    (wheel,) = whole.glob("tocsin_native-*.whl")
    version, abi, tag = wheel.stem.split("-")[2:]
    assert (version, abi) == ("cp311", "abi3")
    shown = run(whole, TOOLS / "auditwheel", "show", wheel)
    print(shown)
    assert re.search(r'platform tag:\s+"(\w+)"', shown)[1] in tag.split(".")
    # Symbols of glibc 2.17 and older, and libraries that every Linux has.
    found = {tuple(map(int, each.split("."))) for each in re.findall(r"GLIBC_([\d.]+)", shown)}
    assert found and max(found) <= (2, 17)
    assert wheel.name in (whole / "SHA256SUMS").read_text()


def test_pip_finds_the_native_core_in_the_folder_and_a_worker_takes_it(whole, tmp_path):
    run(tmp_path, sys.executable, "-m", "venv", "venv")
    page = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
    pip = tmp_path / "venv" / "bin" / "pip"
    lines = re.findall(r"^ {4}/opt/tocsin/bin/pip (.*)$", page, re.MULTILINE)
    assert [line.split()[-1] for line in lines] == ["requirements.txt", "tocsin-*.whl", "'tocsin[native]'"]
    for line in lines:
        run(whole, "sh", "-c", f"exec {pip} {line}")
    asked = (
        "from streams.running.worker.core_choice import choose_core; "
        "from streams.running.worker.settings import load_settings; "
        "print(choose_core(load_settings({})).runs)"
    )
    assert run(tmp_path, tmp_path / "venv" / "bin" / "python", "-c", asked) == "native\n"


@pytest.fixture
def empty(tmp_path, kafka):
    """An empty folder. The broker of the session has fetched the jars that the demo's own needs too."""
    (tmp_path / "empty").mkdir()
    yield tmp_path / "empty"
    assert list((tmp_path / "empty").iterdir()) == []


def played(output):
    """Whether the demo came to its end."""
    print(output[-2500:])
    return "highest level" in output and "deepfake wave" in output


DEMO = ("tocsin", "demo", "--reports", "2000")


@pytest.mark.parametrize("extras", ["", "[console,demo]"], ids=["bare", "extras"])
def test_uvx_plays_the_demo_from_the_wheel(release, empty, tmp_path, extras):
    wheel = shutil.copy(release / WHEEL, tmp_path)
    assert played(run(empty, TOOLS / "uvx", "--from", f"{wheel}{extras}", *DEMO))


@pytest.mark.parametrize("extras", ["", "[console,demo]"], ids=["bare", "extras"])
def test_pipx_plays_the_demo_from_the_wheel(release, empty, tmp_path, extras):
    wheel = shutil.copy(release / WHEEL, tmp_path)
    # Its environments are kept for the next run; these are for this one.
    folders = {"PIPX_HOME": str(tmp_path / "pipx"), "PIPX_BIN_DIR": str(tmp_path / "bin")}
    command = [TOOLS / "pipx", "run", "--python", sys.executable, "--spec", f"{wheel}{extras}", *DEMO]
    assert played(run(empty, *command, **folders))


def test_without_the_packages_of_the_demo_it_says_what_to_type(release, empty, tmp_path):
    """Where neither uvx nor pipx runs it, which would fetch them."""
    run(tmp_path, sys.executable, "-m", "venv", "venv")
    run(tmp_path, "venv/bin/pip", "install", "--quiet", release / WHEEL)
    done = subprocess.run(
        [tmp_path / "venv" / "bin" / "tocsin", "demo"],
        cwd=empty,
        env={"PATH": f"{TOOLS}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert f"uvx --from '{release / WHEEL}[console,demo]' tocsin demo" in done.stderr


OWN = ROOT / "docs" / "one-machine.md"


@pytest.fixture
def machine(tmp_path, kafka):
    """A folder for `tocsin up`, on ports that nobody uses."""
    made = Machine(tmp_path / "data", tmp_path)
    yield made
    print(made.up.tail(40) if made.up else "")
    made.end()


def test_a_table_of_ones_own_becomes_a_case(release, machine, tmp_path):
    """What docs/one-machine.md shows, typed in an empty folder; says how long it took."""
    page = OWN.read_text(encoding="utf-8")
    installation = re.search(r"^## Five minutes\n.*?\n((?: {4}[^\n]+\n)+)", page, re.MULTILINE | re.DOTALL)[1]
    *installing, starting = [line.strip() for line in installation.splitlines()]
    assert starting == "/opt/tocsin/bin/tocsin up --data /srv/tocsin"
    sending = re.search(r"^```sh file\.sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)[1].splitlines()
    empty, venv = tmp_path / "empty", tmp_path / "venv"
    empty.mkdir()
    (empty / "dist").symlink_to(release)
    took = {}

    def typed(step, *lines):
        began = time.monotonic()
        said = ""
        for line in lines:
            here = machine.as_here(line).replace("/opt/tocsin", str(venv)).replace("python3", sys.executable)
            said += run(empty, "sh", "-c", here)
        took[step] = time.monotonic() - began
        return said

    def waited(step, condition):
        began = time.monotonic()
        machine.until(condition, 180)
        took[step] = time.monotonic() - began

    typed("installation", *installing)
    machine.start(venv / "bin" / "tocsin")
    waited("start", machine.works)
    reports = [
        f"{number},{rfc3339(now_ms() - number * 20_000)},room {number % 2},fraud,user {number}"
        for number in range(80)
    ]
    header = "report_id,occurred_at,channel,category,reporter"
    (empty / "reports.csv").write_text("\n".join([header, *reports]) + "\n")
    expected = re.match(r"(\d+) cases? would have opened", typed("tocsin try", sending[0]))[1]
    assert machine.cases() == []
    assert typed("tocsin intake send", sending[1]) == "80 sent, 0 refused\n"
    waited("until the case is on the console", machine.cases)
    machine.until(lambda: len(machine.cases()) == int(expected))
    for step, seconds in (took | {"all of it": sum(took.values())}).items():
        print(f"{step}: {seconds:.1f} s")
    machine.stop()
