"""A people file, and the settings of a console that uses it."""

from pathlib import Path
from typing import Any

SECRET = "0123456789abcdef0123456789abcdef"
ADDRESS = "https://desk.example"

PEOPLE = """\
people:
  - {subject: sub-desk, ref: desk-1, role: desk}
  - {subject: sub-desk-2, ref: desk-2, role: desk}
  - {subject: sub-spam, ref: spam-1, role: desk, categories: [spam]}
  - {subject: sub-csam, ref: csam-1, role: lead, categories: [], child_safety: [csam]}
  - {subject: sub-reader, ref: reader-1, role: read_only, child_safety: [csam, csam_synthetic, grooming]}
"""


def people_file(folder: Path, text: str = PEOPLE) -> Path:
    path = folder / "people.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def by_proxy(folder: Path) -> dict[str, Any]:
    """Settings of a console behind a proxy."""
    return {
        "sign_in": "proxy", "address": ADDRESS, "people_file": people_file(folder), "proxy_secret": SECRET,
        "session_secret": SECRET,
    }  # fmt: skip


def from_proxy(subject: str, secret: str = SECRET) -> dict[str, str]:
    """The headers that the proxy adds."""
    return {"X-Forwarded-User": subject, "X-Tocsin-Proxy-Secret": secret}
