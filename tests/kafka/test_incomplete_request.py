"""An incomplete certificate on a real broker: its clock is paused, a clock for the answer runs, and it resumes."""

import dataclasses

import orjson
from click.testing import CliRunner

from streams.commands.main import commands
from tests.kafka.harness.deployment import ROUTING
from tests.kafka.harness.law import HOUR
from tests.kafka.harness.reports import now_ms, to_ms
from tests.kafka.harness.requests import FORMS, complete_request

DAY = 24 * HOUR
PRODUCTION, ANSWER = "EU.e-evidence.art10-3", "EU.e-evidence.art10-6.answer"
(CERTIFICATE,) = [form for form in FORMS if PRODUCTION in form.clocks]


def test_an_incomplete_certificate_is_paused_until_the_authority_has_answered(deploy):
    deployment = deploy(partitions=2)

    def tocsin(*arguments):
        done = CliRunner().invoke(
            commands, arguments, env=deployment.settings | {"TOCSIN_ACTOR": "legal-7f3a"}
        )
        assert done.exit_code == 0, done.output
        return done.stdout

    def steps():
        rows = deployment.outputs().all(deployment.name(ROUTING))
        return [orjson.loads(row.value) for row in rows]

    received = now_ms() - HOUR
    without = tuple(element for element in CERTIFICATE.elements if element != "data_category")
    form = dataclasses.replace(CERTIFICATE, elements=without)
    deployment.publish_requests([complete_request(form, "order-1", received)])
    deployment.fleet.start()
    deployment.wait_until_applied(60)
    (judged,) = steps()
    assert (judged["decision"], judged["findings"]["missing"]) == ("incomplete", ["data_category"])
    clocks = {clock["obligation"]: clock for clock in judged["clocks"]}
    assert {name: clock["status"] for name, clock in clocks.items()} == {
        PRODUCTION: "paused",
        ANSWER: "running",
    }
    assert to_ms(clocks[ANSWER]["due_at"]) == received + 5 * DAY
    telling = judged["findings"]["telling"]
    assert (telling["paused"], to_ms(telling["by"])) == ([PRODUCTION], received + DAY)

    by = f"{telling['by'][:10]} {telling['by'][11:16]} UTC"
    assert f"paused: tell the issuing authority by {by}" in tocsin("clocks", "--request", "order-1")
    shown = tocsin("tail", "authority-routing", "--from-beginning", "--max", "1")
    assert f"paused: tell the issuing authority by {by}" in shown

    before = now_ms()
    tocsin("clock", clocks[PRODUCTION]["clock_id"], "resumed")
    tocsin("clock", clocks[ANSWER]["clock_id"], "fulfilled")
    deployment.wait_until_applied(60)
    changed = {step["clocks"][0]["obligation"]: step for step in steps()[1:]}
    assert {name: step["reason"] for name, step in changed.items()} == {
        PRODUCTION: "clock_resumed",
        ANSWER: "clock_fulfilled",
    }
    (resumed,) = changed[PRODUCTION]["clocks"]
    assert (resumed["status"], resumed["actor"]) == ("running", "legal-7f3a")
    # The ten days begin with the answer.
    assert before <= to_ms(resumed["due_at"]) - 10 * DAY <= now_ms()
