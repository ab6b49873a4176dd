"""`tocsin intake poll` on a real broker: what a system lists counts once, wherever the process is killed."""

import itertools
import signal

import orjson
import pytest

from tests.kafka.harness.adapters import metric, rows, until
from tests.kafka.harness.admin import Operator
from tests.kafka.harness.deployment import DEAD_LETTERS, ENRICHED, POSITIONS, SOURCE
from tests.kafka.harness.receiver import Receiver, Reply
from tests.kafka.harness.reports import now_ms
from tests.kafka.harness.workers import COMMAND, Worker
from tests.unit.discourse_stand_in import KEY, DiscourseStandIn
from tests.unit.nostr_relay import NOTE, SELLER, NostrRelay, key_of, signed
from tests.unit.synapse_stand_in import TOKEN, SynapseStandIn

SOURCE_ROW = """
  {name}:
    ce_source: /matrix.example/{name}
    tenant: matrix
    poll:
      service: synapse-{name}
      address: {address}
      secret_file: token
      ca_file: {ca_file}
      allowed_networks: ["127.0.0.0/8", "::1/128"]
      every_seconds: 0.2
"""
REPORTS = 120


@pytest.fixture
def start(deploy, tmp_path):
    """Starts processes that ask a stand-in, one after the other; returns it, the deployment and the function."""
    deployment, server = deploy(partitions=2), SynapseStandIn()
    started, numbers = [], itertools.count()
    with Receiver(
        tmp_path,
        lambda request: Reply(*_answer(server, request)),
    ) as receiver:
        both = (
            SOURCE_ROW.format(name=name, address=receiver.address, ca_file=receiver.ca_file)
            for name in ("rooms", "accounts")
        )
        (tmp_path / "intake.yaml").write_text("sources:\n" + "".join(both))
        server.address = receiver.address
        (tmp_path / "token").write_text(TOKEN)
        own = {
            "TOCSIN_INTAKE_SOURCES_FILE": str(tmp_path / "intake.yaml"),
            "TOCSIN_INTAKE_PSEUDONYM_KEY": "k" * 32,
            "TOCSIN_INTAKE_METRICS_PORT": "0",
        }

        def start():
            log = tmp_path / f"poll-{next(numbers)}.log"
            started.append(Worker(log, deployment.settings | own, (*COMMAND, "intake", "poll")))
            until(lambda: "asking for reports" in started[-1].text)
            return started[-1]

        yield deployment, server, start, started
        for process in started:
            process.end()
            print(f"--- {process.log.name}\n{process.tail()}")


def _check_that_a_refusal_is_no_lack_of_reports(process, server):
    """As an operator sees it, whose token was revoked."""

    def times(answer):
        labels = f'address="{server.address}",answer="{answer}",sender="rooms"'
        return metric(process, f"tocsin_intake_asked_total{{{labels}}}")

    def silent():
        return metric(
            process, f'tocsin_intake_unanswered_seconds{{address="{server.address}",sender="rooms"}}'
        )

    before = times("answered")
    until(lambda: times("answered") > before + 1)
    assert silent() == 0
    server.token = "another"
    until(lambda: times("refused") > 1)
    assert silent() > 0
    assert times("unavailable") == 0
    server.token = TOKEN
    until(lambda: silent() == 0)


def _answer(server, request):
    status, body = server.body(request.path, request.headers.get("authorization", ""))
    return status, {"Content-Type": "application/json"}, body


def test_what_is_listed_counts_once_although_the_process_is_killed_before_its_position_is_written(
    start, kafka
):
    deployment, server, start_one, started = start
    operator, positions = Operator(kafka), deployment.name(POSITIONS)
    for number in range(1, REPORTS + 1):
        server.add(number, now_ms() - 60_000 + number)
    # Kafka takes reports, and no positions: they are too large. No worker would start so.
    operator.set(positions, "max.message.bytes", "100")
    for _ in range(2):
        published = len(rows(deployment, SOURCE))
        process = start_one()
        until(lambda before=published: len(rows(deployment, SOURCE)) >= before + 200)
        process.signal(signal.SIGKILL)
        process.wait(10)
        assert rows(deployment, POSITIONS) == []
    operator.set(positions, "max.message.bytes", "1048576")
    deployment.fleet.start()
    process = start_one()
    until(lambda: len(rows(deployment, POSITIONS)) >= 2)
    # A deleted report moves the others up.
    del server.reports[:5]
    server.add(REPORTS + 1, now_ms())
    everything = {
        (of_message, str(number)) for of_message in (True, False) for number in range(1, REPORTS + 2)
    }

    def counted():
        found = [orjson.loads(row.value)["report"] for row in rows(deployment, ENRICHED)]
        return [(each.get("message_ref") is not None, each["report_id"]) for each in found]

    until(lambda: everything <= set(counted()))
    deployment.wait_until_applied()
    assert len(rows(deployment, SOURCE)) >= 2 * REPORTS + 400
    assert sorted(counted()) == sorted(everything)
    assert rows(deployment, DEAD_LETTERS) == []
    _check_that_a_refusal_is_no_lack_of_reports(process, server)
    # No id, name, address or text of the server is in a topic, nor in any log.
    shown = b"".join(row.key + row.value for row in rows(deployment, SOURCE) + rows(deployment, POSITIONS))
    shown += "".join(each.text for each in started).encode()
    for text in ("@user-", "!1:", "$event-", "@target-", "Lounge", "0123456789", TOKEN, "k" * 32):
        assert text.encode() not in shown, text
    process.terminate()
    assert process.wait(20) == 0


STRANGERS = """
sources:
  forum:
    ce_source: /forum.example
    poll:
      service: discourse
      address: {discourse}
      username: tocsin
      secret_file: key
      ca_file: {ca_file}
      allowed_networks: ["127.0.0.0/8", "::1/128"]
      every_seconds: 0.5
  nostr:
    ce_source: /nostr
    poll: {{service: nostr, relays: ["{first}", "{second}"], every_seconds: 0.5}}
"""


def test_flags_of_a_forum_and_what_two_relays_have_count_once_over_a_kill(deploy, tmp_path):
    deployment, forum = deploy(partitions=2), DiscourseStandIn()

    def answer(request):
        status, body = forum.body(request.path, request.headers["api-key"], request.headers["api-username"])
        return Reply(status, {"Content-Type": "application/json"}, body)

    with Receiver(tmp_path, answer) as receiver, NostrRelay() as first, NostrRelay(most=50) as second:
        (tmp_path / "key").write_text(KEY)
        (tmp_path / "intake.yaml").write_text(
            STRANGERS.format(
                discourse=receiver.address,
                ca_file=receiver.ca_file,
                first=first.address,
                second=second.address,
            )
        )
        own = {
            "TOCSIN_INTAKE_SOURCES_FILE": str(tmp_path / "intake.yaml"),
            "TOCSIN_INTAKE_PSEUDONYM_KEY": "k" * 32,
            "TOCSIN_INTAKE_METRICS_PORT": "0",
        }
        now = now_ms()
        flags = [str(forum.flag(post, now - 60_000 + post)) for post in range(15)]
        events = [signed(author, now // 1000 - 100 + author) for author in range(60)]
        forged = events[0] | {"content": "call 0123456789"}
        # Most of them are on both.
        first.events, second.events = [*events[:50], forged], events[10:]
        started = []

        def start():
            log = tmp_path / f"poll-{len(started)}.log"
            started.append(Worker(log, deployment.settings | own, (*COMMAND, "intake", "poll")))
            return started[-1]

        try:
            process = start()
            until(lambda: len(rows(deployment, SOURCE)) >= 50)
            process.signal(signal.SIGKILL)
            process.wait(10)
            # A post that was handled is flagged again, and a report is dated a minute ago.
            forum.handle(3)
            flags.append(str(forum.flag(3, now_ms())))
            events.append(signed(61, now // 1000 - 60))
            second.events.append(events[-1])
            process = start()
            deployment.fleet.start()
            everything = {*flags, *(event["id"] for event in events)}

            def counted():
                return [orjson.loads(row.value)["report"]["report_id"] for row in rows(deployment, ENRICHED)]

            until(lambda: everything <= set(counted()))
            deployment.wait_until_applied()
            assert sorted(counted()) == sorted(everything)
            assert rows(deployment, DEAD_LETTERS) == []
            assert {row.key.decode() for row in rows(deployment, POSITIONS)} == {
                "/forum.example",
                f"/nostr {first.address}",
                f"/nostr {second.address}",
            }
            assert metric(process, 'tocsin_intake_reports_total{fate="published",sender="nostr"}') > 0
            shown = "".join(each.text for each in started).encode()
            shown += b"".join(
                row.key + row.value for row in rows(deployment, SOURCE) + rows(deployment, POSITIONS)
            )
            for text in ("0123456789", SELLER, NOTE, key_of(1), KEY, "alice"):
                assert text.encode() not in shown, text
            process.terminate()
            assert process.wait(20) == 0
        finally:
            for process in started:
                process.end()
                print(f"--- {process.log.name}\n{process.tail()}")
