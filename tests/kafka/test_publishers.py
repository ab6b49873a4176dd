"""The programs in docs/publishing.md work as shown: they share one topic, and each report counts once."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import orjson
import pytest

from tests.kafka.harness.deployment import SOURCE, VERIFIED, Deployment
from tests.kafka.harness.oracle import check_outputs
from tests.kafka.harness.reports import generate, now_ms, report, source_of
from tests.kafka.harness.workers import ROOT, patience
from tests.readers import decode_report
from tests.tools import missing, npm_install, program
from tocsin_demo.local_kafka.jars import broker_jars

KAFKAJS = "kafkajs@2.2.4"
REPORTS = 300


@cache
def programs() -> dict[str, str]:
    """The programs on the page by file name: a block begins with "```python publish.py"."""
    page = (ROOT / "docs/publishing.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^```\w+ (\S+)\n(.*?)^```$", page, re.DOTALL | re.MULTILINE))


def python(folder: Path) -> list[str]:
    return [sys.executable, "publish.py"]


def kcat(folder: Path) -> list[str]:
    program("kcat", "apt-get install kcat")
    return ["sh", "publish.sh"]


def java(folder: Path) -> list[str]:
    # The Java of the local broker cannot compile.
    java = program("java", "apt-get install default-jdk-headless")
    modules = subprocess.run([java, "--list-modules"], capture_output=True, text=True, check=False).stdout
    if "jdk.compiler" not in modules:
        missing("needs a Java that compiles: apt-get install default-jdk-headless")
    class_path = os.pathsep.join(map(str, broker_jars()))
    quiet = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"]
    return [java, *quiet, "-cp", class_path, "Publish.java"]


def node(folder: Path) -> list[str]:
    npm_install(folder, KAFKAJS)
    return [program("node", "apt-get install nodejs"), "publish.js"]


def publish_with(
    publisher: Callable[[Path], list[str]], deployment: Deployment, folder: Path, seed: int
) -> list:
    folder.mkdir()
    for name, text in programs().items():
        (folder / name).write_text(text, encoding="utf-8")
    records = generate(seed, REPORTS, channels=40, duplicates=0.1, bad=0)
    for topic in (SOURCE, VERIFIED):
        done = subprocess.run(
            [*publisher(folder), deployment.bootstrap, deployment.name(topic)],
            cwd=folder,
            input=b"".join(record.value + b"\n" for record in records if source_of(record) == topic),
            capture_output=True,
            timeout=120 * patience(),
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()[-3000:]
    return records


@pytest.mark.nightly
def test_publishers_in_four_languages_share_one_topic(deploy, tmp_path):
    deployment = deploy()
    deployment.fleet.start()
    missing_here = []
    # At the same time, as different teams would.
    with ThreadPoolExecutor() as teams:
        published = [
            teams.submit(publish_with, publisher, deployment, tmp_path / publisher.__name__, seed)
            for seed, publisher in enumerate((python, kcat, java, node), 800)
        ]
    for records in published:
        try:
            deployment.published += records.result()
        except pytest.skip.Exception as reason:
            missing_here.append(str(reason))
    deployment.wait_until_applied()

    reader = deployment.outputs()
    totals = check_outputs(deployment, reader)
    assert totals.duplicates > 0
    sources = {dict(row.headers).get("ce_source") for row in reader.all(deployment.name(SOURCE))}
    languages = {b"/abuse-desk/python", None, b"/abuse-desk/java", b"/abuse-desk/node"}
    assert len(sources) == len(languages) - len(missing_here) and sources <= languages
    if missing_here:
        pytest.skip("; ".join(missing_here))


def test_pseudonyms_are_valid_refs():
    made: dict = {}
    exec(programs()["pseudonym"], made)
    refs = {
        made["pseudonym"](key, kind, "shop", "anna@example.org")
        for key in (b"a", b"b")
        for kind in ("reporter", "channel")
    }
    assert len(refs) == 4
    for ref in refs:
        document = report(
            "r-1", 0, channel={"ref": ref, "visibility": "public"}, reporter={"kind": "user", "ref": ref}
        )
        decode_report(orjson.dumps(document), (), now_ms())
