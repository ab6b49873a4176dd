"""Statements of reasons and dossiers from what publishers, workers and desks wrote to a real broker."""

import json

import orjson
from click.testing import CliRunner

from streams.commands.main import commands
from tests.kafka.harness.deployment import ESCALATIONS, SOURCE, VERIFIED
from tests.kafka.harness.reports import now_ms, report
from tests.kafka.test_commands_daily import produce

# Who reports, in which topic; and what the statement must say of it. Platforms have had both fields wrong for
# years.
LEARNED = {
    "user": (SOURCE, "user_report", "SOURCE_ARTICLE_16", "No"),
    "trusted_flagger": (VERIFIED, "trusted_flagger_notice", "SOURCE_TRUSTED_FLAGGER", "No"),
    "automated": (VERIFIED, "automated_detection", "SOURCE_VOLUNTARY", "Yes"),
    "state_actor": (SOURCE, "user_report", "SOURCE_TYPE_OTHER_NOTIFICATION", "No"),
}


def test_statements_and_dossiers_are_drafted_from_the_topics(deploy):
    deployment = deploy(partitions=2)

    def tocsin(*arguments):
        result = CliRunner().invoke(commands, arguments, env=deployment.settings | {"TOCSIN_ACTOR": "desk-1"})
        assert result.exit_code == 0, result.output
        return list(map(json.loads, result.stdout.splitlines())) if arguments[0] == "transparency" else None

    # One report of this category opens a case, by any reporter.
    for who, (topic, kind, _, _) in LEARNED.items():
        event = report(
            f"csam-{who}",
            now_ms(),
            kind=kind,
            category="csam",
            channel={"ref": f"channel-{who}", "visibility": "public"},
            reporter={"kind": who} | ({} if who == "automated" else {"ref": f"ref-{who}"}),
        )
        produce(deployment, (topic, f"channel-{who}".encode(), orjson.dumps(event), [], None))
    deployment.fleet.start()
    deployment.wait_until_applied(30)
    rows = deployment.outputs().all(deployment.name(ESCALATIONS))
    cases = {event["channel_ref"]: event for event in (orjson.loads(row.value) for row in rows)}

    for who in LEARNED:
        tocsin(
            "outcome", "record", "upheld", "--escalation", cases[f"channel-{who}"]["escalation_id"],
            "--category", "csam", "--terms", "minors-1", "--reason", "child_sexual_abuse_material",
            "--visibility", "removed", "--yes",
        )  # fmt: skip
    drafts = {each["subject"]["channel_ref"]: each for each in tocsin("transparency", "statements", "draft")}
    for who, (_, _, source_type, automated_detection) in LEARNED.items():
        statement = drafts[f"channel-{who}"]["statement"]
        assert (statement["source_type"], statement["automated_detection"]) == (
            source_type,
            automated_detection,
        )
        assert statement["category"] == "STATEMENT_CATEGORY_PROTECTION_OF_MINORS"
        assert statement["decision_visibility"] == ["DECISION_VISIBILITY_CONTENT_REMOVED"]
    # The same puids again: the database refuses a second statement with one.
    again = {each["puid"] for each in tocsin("transparency", "statements", "draft")}
    assert again == {each["puid"] for each in drafts.values()}
    assert len(again) == len(LEARNED)

    case = cases["channel-user"]["escalation_id"]
    tip, notice = tocsin("transparency", "dossier", "draft", case)
    assert (tip["form"], notice["form"]) == ("cybertipline", "dsa_art18")
    assert tip["notice"]["personOrUserReported"]["groupIdentifier"] == "channel-user"
