"""The report that the README makes, by the lines that it gives for a shell."""

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"


def make_report(folder: Path, shell: Sequence[str] = ("sh",)) -> Path:
    """Make `reports.jsonl` in a folder as a reader of the README would, by pasting its lines into a shell."""
    (lines,) = re.findall(r"```sh\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    subprocess.run([*shell, "-e"], input=lines, cwd=folder, text=True, timeout=30, check=True)
    return folder / "reports.jsonl"
