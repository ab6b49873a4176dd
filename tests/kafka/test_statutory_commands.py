"""Statements of reasons and dossiers from what workers and desks wrote to a real broker."""

import json

import orjson
from click.testing import CliRunner

from streams.commands.main import commands
from tests.kafka.harness.deployment import ESCALATIONS, SOURCE
from tests.kafka.harness.reports import now_ms, report
from tests.kafka.test_commands_daily import produce


def test_statements_and_dossiers_are_drafted_from_the_topics(deploy):
    deployment = deploy(partitions=2)

    def tocsin(*arguments):
        result = CliRunner().invoke(commands, arguments, env=deployment.settings | {"TOCSIN_ACTOR": "desk-1"})
        assert result.exit_code == 0, result.output
        return result.stdout

    # One report of this category opens a case.
    event = report("csam-1", now_ms(), category="csam")
    produce(deployment, (SOURCE, b"channel-1", orjson.dumps(event), [], None))
    deployment.fleet.start()
    deployment.wait_until_applied(30)
    (case, *_) = [orjson.loads(row.value) for row in deployment.outputs().all(deployment.name(ESCALATIONS))]

    tocsin(
        "outcome", "record", "upheld", "--escalation", case["escalation_id"],
        "--category", "csam", "--terms", "minors-1", "--reason", "child_sexual_abuse_material",
        "--visibility", "removed", "--yes",
    )  # fmt: skip
    (draft,) = map(json.loads, tocsin("transparency", "statements", "draft").splitlines())
    statement = draft["statement"]
    assert draft["subject"]["escalation_id"] == case["escalation_id"]
    assert statement["source_type"] == "SOURCE_ARTICLE_16"
    assert statement["category"] == "STATEMENT_CATEGORY_PROTECTION_OF_MINORS"
    assert statement["decision_visibility"] == ["DECISION_VISIBILITY_CONTENT_REMOVED"]
    # The same puid again: the database refuses a second statement with it.
    (again,) = map(json.loads, tocsin("transparency", "statements", "draft").splitlines())
    assert again == draft

    tip, notice = map(
        json.loads, tocsin("transparency", "dossier", "draft", case["escalation_id"]).splitlines()
    )
    assert (tip["form"], notice["form"]) == ("cybertipline", "dsa_art18")
    assert tip["notice"]["personOrUserReported"]["groupIdentifier"] == "channel-1"
