"""Posts of a real Ozone that people report, a case that the adapter reports there, and what its moderators decide."""

import signal

import httpx
import orjson
import pytest

from streams.desk.adapters.run import adapter_group
from streams.running.clients.pseudonym import pseudonym
from tests.kafka.harness.adapters import Adapters, escalation, metric, rows, until
from tests.kafka.harness.deployment import DEAD_LETTERS, ENRICHED, ESCALATIONS, MODERATION, NOTICES, POSITIONS
from tests.kafka.harness.group import evict_everybody
from tests.kafka.harness.ozone_server import OzoneServer, install_ozone
from tests.kafka.harness.receiver import Receiver, Reply
from tests.kafka.harness.workers import COMMAND, Worker
from tests.readers import decode_moderation_outcome

pytestmark = pytest.mark.nightly

KEY = "k" * 32
COLLECTION = "example.lounge.reported"
OTHER_CASE = "00000001-0000-5000-8000-000000000000"
LATER_MS = 4_000_000_000_000
SOURCES = """
sources:
  bluesky:
    ce_source: /ozone.example
    tenant: bluesky
    poll:
      service: ozone
      address: "{address}"
      secret_file: password
      identifier: tocsin.test
      moderation_service: {service}
      every_seconds: 0.5
"""
MAPPING = """
decisions:
  - event: Takedown
    policy: threats
    verdict: {decision: upheld, ground: {kind: terms, rule: threats-1}, reason: coordinated_harm, action: {visibility: removed}}
  - event: Acknowledge
    verdict: {decision: dismissed, ground: {kind: terms, rule: threats-1}, reason: not_a_violation}
  - event: ReverseTakedown
    verdict: {decision: dismissed, ground: {kind: terms, rule: threats-1}, reason: not_a_violation}
"""
THREATS, SPAM = "tools.ozone.report.defs#reasonViolenceThreats", "com.atproto.moderation.defs#reasonSpam"


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ozone")
    install_ozone(folder)
    return folder


@pytest.fixture
def server(packages):
    with OzoneServer(packages) as running:
        yield running


def account(person):
    return {"$type": "com.atproto.admin.defs#repoRef", "did": person.did}


def message_ref(post):
    return pseudonym(KEY.encode(), "message", "bluesky", post["uri"])


def passed_on(server):
    """Requests to an https address, passed on to the server of the accounts as a proxy does."""
    kept = ("authorization", "atproto-proxy", "content-type")

    def reply(request):
        answer = httpx.request(
            request.method,
            server.address + request.path,
            content=request.body,
            headers={name: request.headers[name] for name in kept if name in request.headers},
            timeout=60,
        )
        return Reply(answer.status_code, {"Content-Type": answer.headers["content-type"]}, answer.content)

    return reply


@pytest.fixture
def poller(deploy, server, tmp_path):
    """A deployment, and a function that starts `tocsin intake poll` for it once more."""
    deployment, started = deploy(partitions=2), []
    (tmp_path / "intake.yaml").write_text(SOURCES.format(address=server.address, service=server.service))
    own = {
        "TOCSIN_INTAKE_SOURCES_FILE": str(tmp_path / "intake.yaml"),
        "TOCSIN_INTAKE_PSEUDONYM_KEY": KEY,
        "TOCSIN_INTAKE_METRICS_PORT": "0",
    }

    def start():
        log = tmp_path / f"poll-{len(started)}.log"
        started.append(Worker(log, deployment.settings | own, (*COMMAND, "intake", "poll")))
        return started[-1]

    yield deployment, start
    for process in started:
        process.end()
        print(process.tail())


@pytest.fixture
def adapters(poller, server, tmp_path):
    """Starts adapters whose subjects are records of an account, by the refs of messages."""
    (tmp_path / "mapping.yaml").write_text(MAPPING)
    with Receiver(tmp_path, passed_on(server)) as receiver:
        made = Adapters(
            "ozone",
            poller[0],
            receiver,
            tmp_path,
            {
                "address": receiver.address,
                "service": server.service,
                "identifier": "tocsin.test",
                "password_file": tmp_path / "password",
                "mapping_file": tmp_path / "mapping.yaml",
                "reviewer_key": KEY,
                "poll_seconds": 0.3,
            },
        )
        yield made
        made.end()


def reports(deployment):
    return [orjson.loads(row.value)["report"] for row in rows(deployment, ENRICHED)]


def decided(deployment):
    return [row for row in rows(deployment, NOTICES) if orjson.loads(row.value)["outcome"] is not None]


def outcomes(deployment):
    events = [
        decode_moderation_outcome(row.value, row.headers, LATER_MS).event
        for row in rows(deployment, MODERATION)
    ]
    return sorted(events, key=lambda event: event.decided_at)


def test_what_people_of_a_real_ozone_report_becomes_a_case_and_a_decision_there_an_outcome(
    server, poller, adapters, tmp_path
):
    deployment, start_poll = poller
    seller, ann, ben, cho, lounge = map(server.register, ("seller", "ann", "ben", "cho", "lounge"))
    tocsin = server.register("tocsin", role="Triage")
    ada = server.register("ada", role="Moderator")
    (tmp_path / "password").write_text(tocsin.app_password())

    posts = [seller.posts(f"I know where you live {number}") for number in range(3)]
    # What the operator keeps under the ref of each message, so that Ozone shows what was reported.
    shown = [lounge.writes(COLLECTION, {"post": post["uri"]}, key=message_ref(post)) for post in posts]
    for person in (ann, ben, cho):
        person.reports(posts[0], THREATS)
    ann.reports(account(seller), SPAM)

    deployment.fleet.start()
    process = start_poll()
    until(lambda: len(reports(deployment)) >= 4)
    until(lambda: rows(deployment, POSITIONS))
    process.signal(signal.SIGKILL)
    process.wait(10)
    # Ozone's moderators have muted a reporter: it keeps what he says, and does not count it.
    ada.moderates("MuteReporter", account(cho))
    cho.reports(posts[1], THREATS)
    ben.reports(posts[1], THREATS)
    ann.reports(posts[2], THREATS)
    start_poll()
    until(lambda: len(reports(deployment)) >= 6)
    ada.moderates("UnmuteReporter", account(cho))
    found = reports(deployment)
    assert sorted(int(each["report_id"]) for each in found) == [
        event["id"] for event in ada.events("Report") if not event["event"]["isReporterMuted"]
    ]
    ref = pseudonym(KEY.encode(), "account", "bluesky", seller.did)
    assert {(each["channel"]["kind"], each["channel"]["ref"]) for each in found} == {("account", ref)}
    assert sorted((each["category"], each.get("message_ref", "")) for each in found) == sorted(
        [
            ("spam", ""),
            *[("threat_to_life", message_ref(posts[number])) for number in (0, 0, 0, 1, 2)],
        ]
    )

    # The adapter reports each message of an escalation once, however often it starts. A threat to life goes to a
    # person from the first report on; the other escalation names two messages.
    until(lambda: rows(deployment, ESCALATIONS))
    both = [message_ref(post) for post in posts[1:]]
    deployment.publisher(topic=ESCALATIONS).publish(
        [escalation(1, "ch-x", escalation_id=OTHER_CASE, message_refs=both, category="threat_to_life")]
    )
    adapter = adapters.start(subject=f"at://{lounge.did}/{COLLECTION}/{{message}}")

    def reported():
        return sorted(event["subject"]["uri"] for event in ada.events("Report", ("createdBy", tocsin.did)))

    until(lambda: len(reported()) >= 3)
    adapter.signal(signal.SIGKILL)
    adapter.wait(10)
    evict_everybody(deployment.bootstrap, adapter_group(deployment.prefix, "ozone"))
    adapter = adapters.start(subject=f"at://{lounge.did}/{COLLECTION}/{{message}}")
    until(lambda: metric(adapter, "tocsin_adapter_waiting") == 0)
    assert reported() == sorted(each["uri"] for each in shown)
    for each in shown:
        tags = [event["event"]["add"] for event in ada.events("Tag", ("subject", each["uri"]))]
        assert any("tocsin-open" in added for added in tags)
    assert rows(deployment) == []

    # What moderators decide comes back.
    ada.moderates("Takedown", shown[0], policies=["threats"])
    ada.moderates("Acknowledge", shown[1])
    until(lambda: len(outcomes(deployment)) == 2)
    # Those who reported it are told.
    until(lambda: len(decided(deployment)) >= 3)
    adapter.signal(signal.SIGKILL)
    adapter.wait(10)
    ada.moderates("ReverseTakedown", shown[0])
    adapter = adapters.start(subject=f"at://{lounge.did}/{COLLECTION}/{{message}}")
    until(lambda: len(outcomes(deployment)) == 3)
    upheld, dismissed, taken_back = outcomes(deployment)
    assert [each.decision for each in (upheld, dismissed, taken_back)] == ["upheld", "dismissed", "dismissed"]
    assert [each.subject.message_ref for each in (upheld, dismissed, taken_back)] == [
        message_ref(posts[number]) for number in (0, 1, 0)
    ]
    assert (upheld.subject.channel_ref, upheld.category) == (ref, "threat_to_life")
    assert dismissed.subject.channel_ref == "ch-x"
    assert taken_back.supersedes == upheld.outcome_id

    # Ozone acknowledges what else is open of an account that is taken down: that dismisses nothing.
    ada.moderates("Takedown", account(lounge), acknowledgeAccountSubjects=True)
    until(lambda: len(ada.events("Acknowledge", ("subject", shown[2]["uri"]))) == 1)
    until(lambda: metric(adapter, 'tocsin_adapter_decisions_left_out_total{why="no_person"}') == 1)
    assert len(outcomes(deployment)) == 3
    # What the adapter reported did not come in again, nor did anything else.
    assert len(reports(deployment)) == 6
    assert rows(deployment, DEAD_LETTERS) == []
    logs = "".join(path.read_text() for path in tmp_path.glob("*.log"))
    for secret in (tocsin.did, seller.did, (tmp_path / "password").read_text(), KEY, "read it yourself"):
        assert secret not in logs
