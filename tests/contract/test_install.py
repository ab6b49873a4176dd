"""`make` says how far the installation is, and what pip says if it fails."""

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

INSTALL = Path(__file__).parents[2] / "requirements" / "install.py"


def wheel(folder: Path, name: str) -> str:
    """Make a wheel of an empty package. Returns the line that pins it."""
    path = folder / f"{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info"
    files = {
        f"{name}.py": "",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(path, "w") as made:
        for each, text in files.items():
            made.writestr(each, text)
        made.writestr(f"{info}/RECORD", "".join(f"{each},,\n" for each in (*files, f"{info}/RECORD")))
    return f"{name}==1.0 --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


@pytest.mark.nightly
def test_what_is_installed_is_said_and_an_error_of_pip_is_shown(tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    pins = [wheel(wheels, name) for name in ("one", "two")]
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True, timeout=120)
    python = tmp_path / "venv" / "bin" / "python"

    def install(*lines: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "pins.txt").write_text("".join(lines))
        return subprocess.run(
            [python, INSTALL, "pins.txt"],
            cwd=tmp_path,
            env={"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels), "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    done = install(*pins, f"three==1.0 ; python_version < '3' {pins[0].split()[1]}\n")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "Installing 3 packages, once\n  all are downloaded; unpacking\n"
    subprocess.run([python, "-c", "import one, two"], check=True, timeout=30)

    forged = install(pins[0].replace("one", "four"), pins[1])
    assert forged.returncode == 1
    assert "No matching distribution found for four==1.0" in forged.stderr
