"""The rights that docs/deployment.md grants to each role are sufficient on a broker with ACLs."""

import asyncio
import re
import socket
import time
from types import SimpleNamespace

import httpx
import orjson
import pytest
from aiokafka import AIOKafkaProducer
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from streams.deciding.partition.hash_key import DEMONSTRATION_KEY
from streams.running.identity import new_transactional_id
from streams.running.log.connection import Connection
from streams.running.operations.access_rights import ROLES
from tests.contract.examples import SCHEMAS, example
from tests.kafka.harness import workers
from tests.kafka.harness.adapters import Adapters, metric, until
from tests.kafka.harness.brokers import throwaway_broker
from tests.kafka.harness.deployment import (
    CLAIMS,
    DEAD_LETTERS,
    ENRICHED,
    ESCALATIONS,
    REFUSALS,
    ROUTING,
    SOURCE,
    STANDING,
    VERIFIED,
)
from tests.kafka.harness.ozone import Ozone, ozone_settings
from tests.kafka.harness.receiver import Receiver
from tests.kafka.harness.reports import Published, source_of
from tests.kafka.harness.workers import COMMAND, Worker, clean_environment, patience
from tests.unit.console_pages import hidden_fields
from tocsin_demo.local_kafka import properties

PASSWORD = "not-a-secret-of-anybody"
# Confluent's names of operations and of kinds of resources are Kafka's own with underscores.
KINDS = {
    "topic": ResourceType.TOPIC,
    "group": ResourceType.GROUP,
    "transactionalId": ResourceType.TRANSACTIONAL_ID,
}
RIGHTS = {role.name: role.rights for role in ROLES}
# A worker without the transactional ids, to see what it says.
RIGHTS["unfenced"] = tuple(right for right in RIGHTS["worker"] if right.resource != "transactionalId")


def bindings():
    """Every right as a Kafka ACL."""
    return [
        AclBinding(
            KINDS[right.resource],
            right.name,
            ResourcePatternType.PREFIXED if right.prefixed else ResourcePatternType.LITERAL,
            f"User:{role}",
            "*",
            AclOperation[re.sub(r"(?<=[a-z])(?=[A-Z])", "_", operation).upper()],
            AclPermissionType.ALLOW,
        )
        for role, rights in RIGHTS.items()
        for right in rights
        for operation in right.operations
    ]


@pytest.fixture
def guarded(tmp_path, monkeypatch):
    """Address of a listener that requires a password and grants the rights in `bindings`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    render = properties.render

    def with_rights(**options):
        lines = dict(line.split("=", 1) for line in render(**options).splitlines())
        address = f",GUARDED://127.0.0.1:{port}"
        users = " ".join(f'user_{role}="{PASSWORD}"' for role in RIGHTS)
        lines |= {
            "listeners": lines["listeners"] + address,
            "advertised.listeners": lines["advertised.listeners"] + address,
            "listener.security.protocol.map": lines["listener.security.protocol.map"]
            + ",GUARDED:SASL_PLAINTEXT",
            "listener.name.guarded.sasl.enabled.mechanisms": "PLAIN",
            "listener.name.guarded.plain.sasl.jaas.config": (
                f"org.apache.kafka.common.security.plain.PlainLoginModule required {users};"
            ),
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            # The broker itself and this test use the other listener, without a login.
            "super.users": "User:ANONYMOUS",
        }
        return "".join(f"{name}={value}\n" for name, value in lines.items())

    monkeypatch.setattr(properties, "render", with_rights)
    with throwaway_broker(tmp_path / "kafka") as broker:
        admin = AdminClient({"bootstrap.servers": broker.bootstrap, "log_level": 0})
        for done in admin.create_acls(bindings()).values():
            done.result(20)
        yield f"127.0.0.1:{port}"


def settings_of(role, address):
    return {
        "TOCSIN_KAFKA_BOOTSTRAP": address,
        "TOCSIN_KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
        "TOCSIN_KAFKA_SASL_MECHANISM": "PLAIN",
        "TOCSIN_KAFKA_SASL_USERNAME": role,
        "TOCSIN_KAFKA_SASL_PASSWORD": PASSWORD,
        "TOCSIN_REPLICATION_FACTOR": "1",
        "TOCSIN_MIN_INSYNC_REPLICAS": "1",
        "TOCSIN_HTTP_PORT": "0",
        "TOCSIN_HASH_KEY": DEMONSTRATION_KEY.hex(),
    }


async def leave_open(address, instance):
    """Leave a transaction open as a worker that is killed does; return its id."""
    connection = Connection(
        address, "SASL_PLAINTEXT", sasl_mechanism="PLAIN", sasl_username="worker", sasl_password=PASSWORD
    )
    transactional_id = new_transactional_id("", instance)
    producer = connection.producer(transactional_id)
    await producer.start()
    await producer.begin_transaction()
    await producer.send_and_wait(CLAIMS, b"", b"reports/0/x", partition=0)
    await producer.abandon()
    return transactional_id


async def refuse_a_record(address):
    """Write a dead letter and a refusal as a worker does."""
    connection = Connection(
        address, "SASL_PLAINTEXT", sasl_mechanism="PLAIN", sasl_username="worker", sasl_password=PASSWORD
    )
    async with AIOKafkaProducer(**connection.client_options()) as producer:
        await producer.send_and_wait(DEAD_LETTERS, b"{", headers=[("tocsin-reason", b"not_json")])
        told = example(SCHEMAS / "examples/refusals/v1/bad-envelope.json")
        await producer.send_and_wait(REFUSALS, told.value, told.key.encode(), headers=told.headers)


def wait_until(done, console):
    deadline = time.monotonic() + 60 * patience()
    while not done():
        assert console.exit_code is None and time.monotonic() < deadline, console.tail()
        time.sleep(0.1)


def note_on_console(settings, folder, case):
    """Start a console with these settings, note something about a case, and save and delete a queue."""
    own = {"TOCSIN_CONSOLE_PORT": "0", "TOCSIN_CONSOLE_METRICS_PORT": "0"}
    own["TOCSIN_CONSOLE_DATABASE"] = str(folder / "console.sqlite")
    console = Worker(folder / "console.log", settings | own, (*COMMAND, "console"))
    try:
        wait_until(lambda: "console at" in console.text, console)
        (address,) = re.findall(r"^console at (\S+)$", console.text, re.MULTILINE)
        with httpx.Client(base_url=address, timeout=30 * patience()) as browser:
            wait_until(lambda: browser.get(f"/cases/{case}").status_code == 200, console)
            page = browser.get(f"/cases/{case}").text
            # The part on which the whole case is decided.
            (action,) = set(re.findall(r'action="(/cases/[^"]+/acts)"', page))
            done = browser.post(
                action, data=hidden_fields(page, action, "noted") | {"note": "context_checked"}
            )
            assert done.status_code == 303, done.text
            page = browser.get("/views?level=2").text
            fields = hidden_fields(page, "/save-view") | {"name": "From 2", "kind": "queue"}
            assert browser.post("/save-view", data=fields).status_code == 303
            page = browser.get("/views").text
            assert "From 2" in page
            assert browser.post("/delete-view", data=hidden_fields(page, "/delete-view")).status_code == 303
            assert "From 2" not in browser.get("/views").text.partition("<h2")[2]
    finally:
        console.end()


def report_to_ozone(settings, folder):
    """Report escalations to a stand-in for Ozone, and take a decision back."""
    (folder / "mapping.yaml").write_text(
        "decisions: [{event: Takedown, verdict: {decision: upheld, category: fraud, ground: {kind: terms, "
        "rule: r-1}, reason: phishing}}]"
    )
    ozone = Ozone()
    with Receiver(folder, ozone) as receiver:
        own = ozone_settings(receiver, folder / "mapping.yaml")
        adapters = Adapters("ozone", SimpleNamespace(settings=settings), receiver, folder, own)
        try:
            process = adapters.start()
            until(lambda: ozone.external)
            ozone.moderate({"$type": "Takedown"}, ozone.events[0]["subject"])
            until(lambda: metric(process, 'tocsin_adapter_outcomes_total{decision="upheld"}') == 1)
            until(lambda: metric(process, "tocsin_adapter_waiting") == 0)
            process.terminate()
        finally:
            adapters.end()


def tell_a_publisher(settings, folder):
    """Send a refusal to its publisher."""
    with Receiver(folder) as receiver:
        own = {
            "address": receiver.address,
            "secret": "whsec_" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo=",
            "events": "refusals",
            "publisher": "/reports/eu",
        }
        adapters = Adapters("webhook", SimpleNamespace(settings=settings), receiver, folder, own)
        try:
            process = adapters.start()
            until(lambda: receiver.requests)
            until(lambda: metric(process, "tocsin_adapter_waiting") == 0)
            process.terminate()
        finally:
            adapters.end()


def examine(run):
    """`tocsin doctor` says of each user which roles it has, what is lacking, and what it could not try."""
    # The brokers let the users of this test do nothing else, so settings of brokers stay unknown.
    found = run("examiner", "doctor", "--role", "examiner")
    assert {line[:9].rstrip() for line in found.splitlines()[:-1] if not line.startswith("ok")} == {
        "not tried",
        "warning",
    }
    for proved in ("ok         fencing", "ok         largest record", "ok         rights of examiner"):
        assert proved in found, found
    found = run("worker", "doctor", "--role", "worker", "--role", "console", code=1)
    assert "not tried  probe topic: fencing, read_committed" in found
    assert "ok         rights of worker" in found
    lacking = "Read of topic escalations, "
    assert f"failed     rights of console: this user lacks {lacking}" in found, found
    found = run("unfenced", "doctor", "--role", "worker", code=1)
    assert "lacks Write, Describe of transactional ids that begin with tocsin-." in found
    assert "the rights of desk, " in run("desk", "doctor", code=None)


def mark_as_handled(settings, folder):
    """Tell a Mastodon which of its reports were decided: none are."""
    with Receiver(folder) as receiver:
        own = {
            "address": receiver.address,
            "service": "mastodon",
            "ce_source": "/social.example",
            "token": "token-of-an-application",
        }
        adapters = Adapters("handled", SimpleNamespace(settings=settings), receiver, folder, own)
        try:
            process = adapters.start()
            until(lambda: metric(process, "tocsin_adapter_ready") == 1)
            process.terminate()
        finally:
            adapters.end()


def test_the_rights_of_every_role_are_sufficient(guarded, tmp_path):
    reports = tmp_path / "reports.jsonl"

    def run(role, *arguments, code: int | None = 0):
        done = workers.run([*COMMAND, *arguments], env=clean_environment(settings_of(role, guarded)))
        assert code in (None, done.returncode), (
            f"{role}: tocsin {' '.join(arguments)}\n{done.stdout}{done.stderr}"
        )
        return done.stdout

    run("topic-creator", "topics", "create")
    run("worker", "topics", "check")
    examine(run)
    refused = Worker(tmp_path / "refused.log", settings_of("unfenced", guarded))
    try:
        assert refused.wait(60) == 1
    finally:
        refused.end()
    assert re.search(
        r"this user may not use the transactional id tocsin-\S+-[0-9a-f]{12}: grant Write", refused.text
    )
    left_open = asyncio.run(leave_open(guarded, "pod-0"))
    settings = settings_of("worker", guarded) | {"TOCSIN_INSTANCE": "pod-0"}
    worker = Worker(tmp_path / "worker.log", settings)
    try:
        # Each report goes to the topic that takes it, and neither role may write to the topic of the other.
        run("topic-creator", "simulate", "--reports", "2000", "--out", str(reports))
        lines = reports.read_bytes().splitlines(keepends=True)
        for role, topic in (("report-publisher", SOURCE), ("verified-publisher", VERIFIED)):
            own = [line for line in lines if source_of(Published(None, line)) == topic]
            (tmp_path / role).write_bytes(b"".join(own))
            assert own
            run(role, "publish", "--to", topic, str(tmp_path / role))
        run("request-intake", "simulate", "--requests")
        run("report-publisher", "publish", "--to", VERIFIED, str(tmp_path / "verified-publisher"), code=1)
        run("verified-publisher", "publish", "--to", SOURCE, str(tmp_path / "report-publisher"), code=1)
        run("report-publisher", "simulate", "--requests", code=1)
        warning = tmp_path / "warning"
        warning.write_bytes(example(SCHEMAS / "examples/reporter-standing/v1/warned.json").value)
        run("standing-publisher", "publish", "--to", STANDING, str(warning))
        run("desk", "publish", "--to", STANDING, str(warning), code=1)
        # Each `tail` waits until the worker has written the output.
        tailed = run(
            "desk", "tail", ESCALATIONS, "--from-beginning", "--policy", "legal-clock", "--json", "--max", "1"
        )
        clock = orjson.loads(tailed)["value"]["clock"]["clock_id"]
        run("desk", "tail", ROUTING, "--from-beginning", "--max", "1")
        run("desk", "tail", ENRICHED, "--from-beginning", "--max", "1", code=1)
        note_on_console(settings_of("console", guarded), tmp_path, clock)
        report_to_ozone(settings_of("adapter", guarded), tmp_path)
        run("desk", "clock", clock, "fulfilled", "--actor", "legal-7f3a")
        judged = (
            "--channel",
            "channel-a",
            "--message",
            "message-a",
            "--category",
            "fraud",
            "--terms",
            "scams-2.1",
        )
        outcome = (
            "outcome",
            "record",
            "upheld",
            *judged,
            "--reason",
            "phishing",
            "--actor",
            "desk-19c4",
            "--yes",
        )
        run("desk", *outcome)
        run("report-publisher", *outcome, code=1)
        assert "DECISION_GROUND_INCOMPATIBLE_CONTENT" in run("drafter", "transparency", "statements", "draft")
        assert clock in run("explainer", "explain", clock)
        run("explainer", "clocks")
        shipped = "streams/registry/policies.yaml"
        assert "intimate-images" in run("policy-owner", "policy", "backtest", shipped)
        assert "intimate-images" in run("policy-owner", "rules", "backtest", "built-in", "--since", "P1D")
        run("desk", "policy", "backtest", shipped, code=1)
        run("operator", "state", "check")
        asyncio.run(refuse_a_record(guarded))
        tell_a_publisher(settings_of("refusals-adapter", guarded), tmp_path)
        mark_as_handled(settings_of("notices-adapter", guarded), tmp_path)
        run("operator", "tail", REFUSALS, "--from-beginning", "--max", "1")
        # Whoever may read the topic sees the refusals of all.
        run("report-publisher", "tail", REFUSALS, "--from-beginning", "--max", "1", code=1)
        # A clock of the sample traffic lapses less than an hour before its end.
        fine = ("healthy: 1 worker", "not healthy: 1 legal clock has lapsed")
        deadline = time.monotonic() + 60 * patience()
        while not (found := run("operator", "status", code=None)).startswith(fine):
            assert time.monotonic() < deadline, found
        assert "not_json" in found
        assert "this user may not read it" in run("worker", "status", code=None)
        run("desk", "status", code=1)
        run("operator", "dead-letters", "redrive", "--reason", "future_timestamp")
        worker.terminate()
        # Describe is all that it needs to find it.
        assert re.search(f"ended the transactions that a former process .*{left_open}", worker.text), (
            worker.text
        )
    finally:
        worker.end()
    run("state-resetter", "state", "time")
    run("state-resetter", "state", "reset", "--yes")
