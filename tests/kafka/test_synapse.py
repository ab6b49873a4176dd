"""A room of a real Synapse, people who report, a case on the console, and an outcome for those who reported."""

import orjson
import pytest
from click.testing import CliRunner

from streams.commands.main import commands
from streams.running.clients.pseudonym import pseudonym
from tests.kafka.harness.adapters import metric, rows, until
from tests.kafka.harness.deployment import DEAD_LETTERS, ENRICHED, ESCALATIONS, NOTICES, POSITIONS, SET_ASIDE
from tests.kafka.harness.synapse import Synapse, at, installed_synapse
from tests.kafka.harness.workers import COMMAND, Worker
from tests.kafka.test_console_acts import Person
from tests.unit.console_pages import text_of

pytestmark = pytest.mark.nightly

KEY = "k" * 32
SOURCES = """
sources:
  rooms:
    ce_source: /matrix.example/rooms
    tenant: matrix
    poll: {{service: synapse-rooms, address: "{address}", secret_file: token, every_seconds: 0.5}}
  accounts:
    ce_source: /matrix.example/accounts
    tenant: matrix
    poll: {{service: synapse-accounts, address: "{address}", secret_file: token, every_seconds: 0.5}}
"""


HANDLED = (*COMMAND, "adapter", "handled")


def handled_of(server, token):
    """The settings of the adapter that marks reports of rooms as handled."""
    return {
        "TOCSIN_HANDLED_SERVICE": "synapse-rooms",
        "TOCSIN_HANDLED_ADDRESS": server.address,
        "TOCSIN_HANDLED_CE_SOURCE": "/matrix.example/rooms",
        "TOCSIN_HANDLED_TOKEN": token,
        "TOCSIN_HANDLED_METRICS_PORT": "0",
    }


@pytest.fixture
def server(tmp_path):
    folder = tmp_path / "synapse"
    folder.mkdir()
    with Synapse(installed_synapse(tmp_path / "environment"), folder) as running:
        yield running


def test_what_people_of_a_real_synapse_report_becomes_a_case_and_an_outcome(server, deploy, tmp_path):
    deployment = deploy(partitions=2)
    admin, owner, *people = (
        server.register(name, admin=name == "admin") for name in ("admin", "owner", "ann", "ben", "cho")
    )
    room = server.call("POST", at("createRoom"), owner, {"preset": "public_chat", "name": "Lounge"})[
        "room_id"
    ]
    message = {"msgtype": "m.text", "body": "I know where you live"}
    event = server.call("PUT", at("rooms", room, "send", "m.room.message", "1"), owner, message)["event_id"]
    for person in people:
        server.call("POST", at("join", room), person, {})
        harm = {"reason": "org.matrix.msc4456.violence.threats", "score": -100}
        server.call("POST", at("rooms", room, "report", event), person, harm)
    server.call(
        "POST", at("users", "@owner:matrix.example", "report"), people[0], {"reason": "he threatens me"}
    )

    (tmp_path / "intake.yaml").write_text(SOURCES.format(address=server.address))
    (tmp_path / "token").write_text(admin)
    own = {
        "TOCSIN_INTAKE_SOURCES_FILE": str(tmp_path / "intake.yaml"),
        "TOCSIN_INTAKE_PSEUDONYM_KEY": KEY,
        "TOCSIN_INTAKE_METRICS_PORT": "0",
    }
    deployment.fleet.start()
    poll = Worker(tmp_path / "poll.log", deployment.settings | own, (*COMMAND, "intake", "poll"))
    console, handled = Person("anna", deployment, tmp_path), []
    try:
        until(lambda: len(rows(deployment, ENRICHED)) >= 4)
        # One more, and one that an administrator deletes, which moves the others up.
        listed = server.call("GET", "/_synapse/admin/v1/event_reports?dir=f", admin)
        server.call("DELETE", f"/_synapse/admin/v1/event_reports/{listed['event_reports'][0]['id']}", admin)
        server.call("POST", at("rooms", room, "report", event), owner, {"reason": "a joke"})
        until(lambda: len(rows(deployment, ENRICHED)) >= 5)
        reports = [orjson.loads(row.value)["report"] for row in rows(deployment, ENRICHED)]
        room_ref = pseudonym(KEY.encode(), "channel", "matrix", room)
        message_ref = pseudonym(KEY.encode(), "message", "matrix", event)
        of_room = [each for each in reports if each["channel"]["ref"] == room_ref]
        assert [each["category"] for each in of_room] == ["threat_to_life"] * 3 + ["unspecified"]
        assert {each["message_ref"] for each in of_room} == {message_ref}
        (of_account,) = [each for each in reports if each not in of_room]
        assert of_account["channel"]["kind"] == "account"
        assert of_account["channel"]["ref"] == pseudonym(
            KEY.encode(), "account", "matrix", "@owner:matrix.example"
        )
        assert len(rows(deployment, POSITIONS)) >= 2

        # A threat to life goes to a person from the first report on.
        until(lambda: rows(deployment, ESCALATIONS))
        desk = console.ready()
        until(lambda: "Threat to life" in text_of(desk.page(f"/desk?channel={room_ref}")))
        said = CliRunner().invoke(
            commands,
            ["outcome", "record", "upheld", "--channel", room_ref, "--message", message_ref]
            + ["--category", "threat_to_life", "--terms", "threats-1", "--reason", "coordinated_harm"]
            + ["--visibility", "removed", "--actor", "desk-19c4", "--yes"],
            env=deployment.settings,
        )
        assert said.exit_code == 0, said.output
        # Those who reported are told.
        until(lambda: len(rows(deployment, NOTICES)) >= 3)
        assert rows(deployment, DEAD_LETTERS) == []

        # What was decided leaves Synapse's list. What nobody decided stays.
        def listed_now(kind):
            return server.call("GET", f"/_synapse/admin/v1/{kind}", admin)["total"]

        before = listed_now("event_reports")
        told = {orjson.loads(row.value)["report_id"] for row in rows(deployment, NOTICES)}
        handled.append(
            Worker(tmp_path / "handled.log", deployment.settings | handled_of(server, admin), HANDLED)
        )
        until(lambda: listed_now("event_reports") < before)
        until(lambda: metric(handled[0], "tocsin_adapter_waiting") == 0)
        left = {
            str(each["id"])
            for each in server.call("GET", "/_synapse/admin/v1/event_reports", admin)["event_reports"]
        }
        assert not left & told
        assert listed_now("user_reports") == 1
        assert rows(deployment, SET_ASIDE) == []
    finally:
        for process in (poll, *handled):
            process.end()
        if console.http is not None:
            console.http.close()
        console.console.end()
        print(poll.tail(), console.console.tail())
