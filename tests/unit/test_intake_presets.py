"""What the mappings that come with Tocsin make of samples of each system."""

import orjson
import pytest
from click.testing import CliRunner

from streams.commands.main import commands
from streams.intake.mapping import Unmappable, load_mapping
from streams.intake.refs import with_pseudonyms
from streams.intake.sources import PRESETS
from tests.unit.intake_documents import (
    DISCOURSE,
    MASTODON,
    NOSTR,
    OZONE,
    STREAM_CHAT,
    SYNAPSE,
    SYNAPSE_ACCOUNT,
)

WHEN = "2026-09-21T10:00:00+00:00"
MADE = {
    "synapse-rooms": (SYNAPSE, {
        "report_id": "2", "occurred_at": WHEN, "category": "doxxing", "message_ref": "$event-9",
        "channel": {"ref": "!lounge:matrix.example", "visibility": "unknown"},
        "reporter": {"kind": "user", "ref": "@alice:matrix.example"},
    }),
    "synapse-accounts": (SYNAPSE_ACCOUNT, {
        "report_id": "2", "occurred_at": WHEN, "category": "unspecified",
        "channel": {"ref": "@seller:matrix.example", "kind": "account", "visibility": "unknown"},
        "reporter": {"kind": "user", "ref": "@alice:matrix.example"},
    }),
    "ozone": (OZONE, {
        "report_id": "17", "occurred_at": "2026-09-21T10:00:00.000Z", "category": "fraud",
        "message_ref": "at://did:plc:seller/app.bsky.feed.post/3kabc",
        "message_version": "bafyreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a",
        "channel": {"ref": "did:plc:seller", "kind": "account", "visibility": "public"},
        "reporter": {"kind": "user", "ref": "did:plc:alice"},
    }),
    "discourse": (DISCOURSE, {
        "report_id": "5", "occurred_at": "2026-09-21T10:00:00.000Z", "category": "spam", "message_ref": "402",
        "channel": {"ref": "96", "visibility": "unknown"},
        "reporter": {"kind": "user", "ref": "12"},
    }),
    "stream-chat": (STREAM_CHAT, {
        "report_id": ["8a1f-message", "alice-12"], "occurred_at": "2026-09-21T10:00:00.123456Z",
        "category": "unspecified", "message_ref": "8a1f-message",
        "channel": {"ref": "messaging:lounge", "visibility": "unknown"},
        "reporter": {"kind": "user", "ref": "alice-12"},
    }),
    "nostr": (NOSTR, {
        "report_id": NOSTR["id"], "occurred_at": WHEN, "category": "fraud", "message_ref": NOSTR["tags"][0][1],
        "channel": {"ref": NOSTR["tags"][1][1], "kind": "account", "visibility": "public"},
        "reporter": {"kind": "anonymous", "ref": NOSTR["pubkey"]},
    }),
}  # fmt: skip


@pytest.mark.parametrize("name", MADE)
def test_what_a_preset_makes_of_a_sample(name):
    sample, made = MADE[name]
    mapping = load_mapping(PRESETS / f"{name}.yaml")
    [document] = mapping.documents(sample)
    assert mapping.report(document) == {"kind": "user_report"} | made


@pytest.mark.parametrize("name", [*MADE, "mastodon"])
def test_check_shows_a_sample_of_a_preset_ready_to_publish_and_no_id(tmp_path, name):
    sample = MASTODON if name == "mastodon" else MADE[name][0]
    (tmp_path / "sample.json").write_bytes(orjson.dumps(sample))
    done = CliRunner().invoke(commands, ["intake", "check", name, str(tmp_path / "sample.json")])
    assert done.exit_code == 0, done.output
    assert "ready to publish" in done.output
    for private in ("alice", "seller", "lounge", "shop", NOSTR["pubkey"], NOSTR["tags"][1][1]):
        assert private not in done.output


@pytest.mark.parametrize(
    ("name", "sample", "change"),
    [
        ("ozone", OZONE, {"modTool": {"name": "tocsin", "meta": {}}}),
        ("ozone", OZONE, {"event": OZONE["event"] | {"reportType": "tools.ozone.report.defs#reasonAppeal"}}),
        ("ozone", OZONE, {"event": OZONE["event"] | {"isReporterMuted": True}}),
        ("ozone", OZONE, {"event": {"$type": "tools.ozone.moderation.defs#modEventTakedown"}}),
        ("discourse", DISCOURSE, {"flag": DISCOURSE["flag"] | {"user_id": -1}}),
        ("discourse", DISCOURSE, {"reviewable": {"type": "ReviewableQueuedPost"}}),
        ("stream-chat", STREAM_CHAT, {"user": None}),
        ("stream-chat", STREAM_CHAT, {"type": "message.new"}),
        ("nostr", NOSTR, {"kind": 1}),
    ],
)
def test_what_is_no_report_is_left_out(name, sample, change):
    assert load_mapping(PRESETS / f"{name}.yaml").documents(sample | change) == []


@pytest.mark.parametrize(
    "tags", [[], None, "p", [[]], [["p"]], [["p", 7]], [["p", ["x"]]], [["e", "x", {"a": 1}]], [{"p": 1}]]
)
def test_a_hostile_note_of_nostr_is_refused_and_raises_nothing_else(tags):
    mapping = load_mapping(PRESETS / "nostr.yaml")
    for document in mapping.documents(NOSTR | {"tags": tags}):
        try:
            made = mapping.report(document)
        except Unmappable:
            continue
        assert isinstance(made["channel"].get("ref", ""), str)


def test_an_id_of_several_values_is_a_pseudonym_that_needs_all_of_them():
    mapping = load_mapping(PRESETS / "stream-chat.yaml")
    made = with_pseudonyms(mapping.report(STREAM_CHAT), b"k" * 32, "")
    again = with_pseudonyms(mapping.report(STREAM_CHAT | {"total_flags": 9}), b"k" * 32, "")
    assert made["report_id"] == again["report_id"]
    assert len(made["report_id"]) == 26
    with pytest.raises(Unmappable, match="has not all of these values"):
        mapping.report(STREAM_CHAT | {"user": {}})


def test_what_another_server_forwards_is_one_voice():
    mapping = load_mapping(PRESETS / "mastodon.yaml")
    voices = set()
    for number in range(5):
        account = MASTODON["object"]["account"] | {"id": str(number), "domain": "other.example"}
        [document] = mapping.documents(MASTODON | {"object": MASTODON["object"] | {"account": account}})
        voices.add(mapping.report(document)["reporter"]["ref"])
    assert voices == {"other.example"}
