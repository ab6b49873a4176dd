"""What services send, and the reports that should become of it."""

from typing import Any

MASTODON: dict[str, Any] = {
    "event": "report.created",
    "created_at": "2026-09-21T10:00:01.000Z",
    "object": {
        "id": "4711",
        "action_taken": False,
        "category": "spam",
        "comment": "sells followers, write to alice@example.org",
        "forwarded": False,
        "created_at": "2026-09-21T10:00:00.000Z",
        "account": {
            "id": "108267695853695427",
            "username": "alice",
            "domain": None,
            "email": "alice@example.org",
            "ip": {"user_id": 1, "ip": "192.0.2.7", "used_at": "2026-09-20T00:00:00.000Z"},
        },
        "target_account": {"id": "108965430868193066", "username": "shop", "domain": "shop.example"},
        "statuses": [{"id": "110000000000000001", "content": "<p>cheap followers</p>"}],
        "rules": [],
    },
}
"""The webhook of Mastodon, with what is documented of Admin::Report that a mapping could leak."""

MASTODON_PRIVATE = (
    "alice",
    "example.org",
    "192.0.2.7",
    "followers",
    "108267695853695427",
    "108965430868193066",
)
"""Texts of it that may be in no event and in no log."""

STREAM_CHAT: dict[str, Any] = {
    "type": "message.flagged",
    "cid": "messaging:lounge",
    "channel_type": "messaging",
    "channel_id": "lounge",
    "channel_member_count": 41,
    "message": {
        "id": "8a1f-message",
        "text": "buy followers at shop.example",
        "cid": "messaging:lounge",
        "user": {"id": "seller-7", "name": "Seller"},
    },
    "user": {"id": "alice-12", "name": "Alice", "role": "user"},
    "reason": "he sells followers",
    "total_flags": 3,
    "created_at": "2026-09-21T10:00:00.123456Z",
}
"""The webhook of Stream Chat, from the fields that its libraries document of the event."""

NOSTR: dict[str, Any] = {
    "id": "5c83da77af1dec6d7289834998ad7aafbd9e2191396d75ec3cc27f5a77226f36",
    "pubkey": "f7234bd4c1394dda46d09f35bd384dd30cc552ad5541990f98844fb06676e9ca",
    "created_at": 1_789_984_800,
    "kind": 1984,
    "tags": [
        ["e", "9ae37aa68f48645127299e9453eb5d908a0cbb6058ff340d528ed4d37c8994fb", "impersonation"],
        ["p", "97c70a44366a6535c145b333f973ea86dfdc2d7a99da618c40c64705ad98e322"],
        ["p", "32e1827635450ebb3c5a7d12c1f8e7b2b514439ac10a67eef3d9fd9c5c68e245"],
    ],
    "content": "imitates alice, see shop.example",
    "sig": "00",
}
"""A report of a note, as NIP-56 describes it; the second `p` is who is imitated."""

OZONE: dict[str, Any] = {
    "id": 17,
    "event": {
        "$type": "tools.ozone.moderation.defs#modEventReport",
        "comment": "he sells followers",
        "isReporterMuted": False,
        "reportType": "tools.ozone.report.defs#reasonMisleadingScam",
    },
    "subject": {
        "$type": "com.atproto.repo.strongRef",
        "uri": "at://did:plc:seller/app.bsky.feed.post/3kabc",
        "cid": "bafyreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a",
    },
    "subjectBlobCids": [],
    "createdBy": "did:plc:alice",
    "createdAt": "2026-09-21T10:00:00.000Z",
    "creatorHandle": "alice.example",
    "subjectHandle": "seller.example",
    "account": "did:plc:seller",
}
"""A view of a report event (modEventView), with what the reader adds."""

DISCOURSE_QUEUE: dict[str, Any] = {
    "reviewables": [
        {
            "id": 3,
            "status": 0,
            "type": "ReviewableFlaggedPost",
            "topic_id": 96,
            "topic_url": "https://forum.example/t/cheap-followers/96",
            "target_url": "https://forum.example/t/cheap-followers/96/2",
            "category_id": 4,
            "created_at": "2026-09-21T10:00:00.000Z",
            "score": 2.5,
            "version": 1,
            "post_id": 402,
            "cooked": "<p>buy followers at shop.example</p>",
            "raw": "buy followers at shop.example",
            "created_by_id": 12,
            "target_created_by_id": 77,
            "reviewable_score_ids": [5],
        }
    ],
    "reviewable_scores": [
        {
            "id": 5,
            "score": 2.5,
            "agree_stats": {"agreed": 3, "disagreed": 0, "ignored": 1},
            "created_at": "2026-09-21T10:00:00.000Z",
            "reviewed_at": None,
            "status": 0,
            "user_id": 12,
            "score_type_id": 8,
        }
    ],
    "score_types": [{"id": 8, "title": "It's spam", "icon": "flag", "type": "spam"}],
    "users": [{"id": 12, "username": "alice"}, {"id": 77, "username": "seller"}],
    "meta": {"total_rows_reviewables": 1, "types": {"created_by": "user"}},
}
"""The review queue of Discourse: fields by its serializers, without the actions that moderators may choose."""

DISCOURSE: dict[str, Any] = {
    "flag": DISCOURSE_QUEUE["reviewable_scores"][0] | {"type": "spam"},
    "reviewable": DISCOURSE_QUEUE["reviewables"][0],
}
"""A flag in it, as the reader hands it to the mapping."""

SYNAPSE: dict[str, Any] = {
    "id": 2,
    "received_ts": 1_789_984_800_000,
    "room_id": "!lounge:matrix.example",
    "name": "Lounge",
    "canonical_alias": "#lounge:matrix.example",
    "event_id": "$event-9",
    "user_id": "@alice:matrix.example",
    "reason": "m.harassment.doxxing",
    "score": -100,
    "sender": "@seller:matrix.example",
}
"""A report of an event, as Synapse's admin API lists it."""

SYNAPSE_ACCOUNT: dict[str, Any] = {
    "id": 2,
    "received_ts": 1_789_984_800_000,
    "target_user_id": "@seller:matrix.example",
    "user_id": "@alice:matrix.example",
    "reason": "he sells followers",
}
"""A report of an account (MSC4260), as Synapse's admin API lists it."""

REPORT: dict[str, Any] = {
    "report_id": "r-1",
    "kind": "user_report",
    "occurred_at": "2026-09-21T10:00:00Z",
    "channel": {"ref": "room 7", "visibility": "public"},
    "category": "spam",
    "message_ref": "message 9",
    "reporter": {"kind": "user", "ref": "alice@example.org"},
}
"""A report in Tocsin's own form, with the ids of a platform."""
