"""The repository has what its authors wrote, and little else: what others wrote comes from a package client,
by its checksum.
"""

import hashlib
import re
import subprocess
from fnmatch import fnmatch
from pathlib import Path

from tests.tools import program

ROOT = Path(__file__).parents[2]
GIT = program("git", "apt-get install git")
FILES = {
    name: (ROOT / name).read_bytes()
    for name in subprocess.check_output([GIT, "ls-files", "-z"], cwd=ROOT, text=True).split("\0")
    if name and (ROOT / name).exists()
}

# Written by others, and here for a reason.
FOREIGN = {
    # Its last lines name the authors.
    "LICENSE": "c55570e4d63c88fac00ac7543218437790eb7f047451507e9ab6f4a25bcd15db",
    # Official forms: the README beside them has their source and licence.
    "streams/statutory/templates/10_AMAR.csv": "cea923187f8eea0ad82c8f562ce3cfcdbd371e64908cb4c6acbfeaf2baf04a75",
    "streams/statutory/templates/11_qualitative.csv": "d09603b7b1ec2874595501cd41ace0a02c6ce04a1ba8cbe47fce38849f53020a",
    "streams/statutory/templates/1_report_identification.csv": "355166db774836d59ac3d91994680bcd9821e2c0e1557322b5f3e8f4007a82cd",
    "streams/statutory/templates/2_categories_names.csv": "ce1f80280d31da5e7cf4b85bc8da788760991e30696658bab18995c8829efb7b",
    "streams/statutory/templates/3_member_states_orders.csv": "1c4f6d84ac0cea4b306eb05451bc7477bb94ac0e68b672152628b5ae3524245b",
    "streams/statutory/templates/4_notices.csv": "c9d8986a04c01a6ae4b84583f3479323eceb884489608474c7d0976fb20eb9e6",
    "streams/statutory/templates/5_own_initiative_illegal.csv": "8dc7082e0bfefcbde67323d500a00c65029a85e4a2094e50cba72d4c29767df2",
    "streams/statutory/templates/6_own_initiative_TC.csv": "423dc6c8bc62109b6efeb94f188066b30cac94227ed8a33beeeac3c25e7c3011",
    "streams/statutory/templates/7_appeals_and_recidivism.csv": "c355cf9369a115fa51f9c9626cc7917bc24b48db7d6dc6cff3028c81de388aad",
    "streams/statutory/templates/8_automated_means.csv": "1a687f468468b25b214f505c4a6cb906d6ee8cc80d20f5a60eca383cc1bea71d",
    "streams/statutory/templates/9_human_resources.csv": "2393d48b65e94d86f769d5cb8e1017ad2516ca0883f7f10b0eabad1bf143cb84",
}

NOT_TEXT = {
    "docs/images/console-desk.png": "the picture of the console in README.md, made by `make screenshots`",
    "tests/fixtures/*/*.msgpack.xz": "what earlier versions wrote, recorded by tests/fixtures/record.py",
}

LARGE = 64 * 1024
LARGER = NOT_TEXT | {
    "CHANGELOG.md": "what changed, by release: every release has its part",
    "deploy/grafana/dashboards/overview.json": "generated: a panel for each metric of workers and consoles",
    "requirements/*.txt": "the hashes of pinned packages",
    "schemas/asyncapi.json": "generated from the types of events and the topics",
    "streams/registry/law/EU.yaml": "the law of the Union in one file, because its rows refer to each other",
    "streams/registry/law/calendars.yaml": "generated: dates from the package that it names, with its "
    "licence",
}

# No sentence contains these, also not here: the patterns do not match themselves.
HOSTS = re.compile(
    rb"\b(pypi\.org|pythonhosted\.org|crates\.io|rust-lang\.org|npmjs\.(org|com)|yarnpkg\.com|unpkg\.com|jsdelivr\.net|"
    rb"maven\.(org|apache\.org)|proxy\.golang\.org|sum\.golang\.org|rubygems\.org|docker\.(io|com)|ghcr\.io|quay\.io|gcr\.io|"
    rb"registry\.k8s\.io|mcr\.microsoft\.com|deb\.debian\.org)\b"
)
NOTICES = re.compile(
    rb"copyright \(c\)|copyright\s[0-9]{4}|SPDX-License-\w|permission is hereby\s|all rights\s+reserved|@(license|preserve)\b",
    re.IGNORECASE,
)


def allowed(name, reasons):
    return any(fnmatch(name, pattern) for pattern in reasons)


def is_text(content):
    try:
        return "\0" not in content.decode()
    except UnicodeDecodeError:
        return False


def test_no_archive_font_or_program_is_in_the_repository():
    assert [
        name for name, content in FILES.items() if not is_text(content) and not allowed(name, NOT_TEXT)
    ] == []


def test_a_large_file_has_a_reason():
    assert [
        name for name, content in FILES.items() if len(content) > LARGE and not allowed(name, LARGER)
    ] == []
    # A reason without a file is out of date.
    assert [pattern for pattern in LARGER if not any(fnmatch(name, pattern) for name in FILES)] == []


def test_no_code_is_minified():
    code = (".js", ".mjs", ".css", ".html", ".svg", ".py", ".rs", ".sql")
    long = [
        name for name, text in FILES.items() if name.endswith(code) and max(map(len, text.split(b"\n"))) > 500
    ]
    assert long == []


def test_what_others_wrote_is_unchanged_and_nothing_else_has_their_notice():
    assert {name: hashlib.sha256(FILES[name]).hexdigest() for name in FOREIGN} == FOREIGN
    assert [name for name in FILES if name.endswith(".csv") and name not in FOREIGN] == []
    beside = FILES["streams/statutory/templates/README.md"].decode()
    assert "Implementing Regulation (EU) 2024/2835" in beside and "2011/833/EU" in beside
    assert [name for name, content in FILES.items() if NOTICES.search(content) and name not in FOREIGN] == []


def test_nothing_names_the_host_of_a_package_registry():
    assert {name: HOSTS.findall(content) for name, content in FILES.items() if HOSTS.search(content)} == {}
