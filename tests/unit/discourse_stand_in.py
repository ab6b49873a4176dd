"""The review queue of a Discourse, made from its controller and serializers; the order is its query's."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson

from streams.running.clients.https.http_client import HttpAnswer

KEY = "4f7c2d86a1b0e9d35c7a"
USERNAME = "tocsin"
LISTED = 10
PENDING, APPROVED = 0, 1
SPAM, INAPPROPRIATE = 8, 4


class DiscourseStandIn:
    """Answers `GET /review.json`. `between` is called before each answer."""

    def __init__(self) -> None:
        self.entries: dict[int, dict[str, Any]] = {}
        self.flags: dict[int, dict[str, Any]] = {}
        self.asked = 0
        self.between = lambda: None

    def flag(self, post: int, at_ms: int, kind: int = SPAM) -> int:
        """Somebody flags a post: its entry is pending, as it may have been. Returns the number of the flag."""
        number, when = len(self.flags) + 1, _text(at_ms)
        entry = self.entries.setdefault(post, {
            "id": 1000 + post, "type": "ReviewableFlaggedPost", "topic_id": post % 3 + 1, "post_id": post,
            "created_at": when, "score": 1.0, "version": 0, "raw": "call 0123456789", "cooked": "<p>call</p>",
            "target_created_by_id": 77, "created_by_id": 12, "reviewable_score_ids": [],
        })  # fmt: skip
        entry["status"] = PENDING
        # The newest first, as its association is ordered.
        entry["reviewable_score_ids"].insert(0, number)
        self.flags[number] = {
            "id": number, "score": 1.0, "created_at": when, "reviewed_at": None, "status": 0,
            "user_id": 12 + number, "score_type_id": kind,
        }  # fmt: skip
        return number

    def handle(self, post: int) -> None:
        """A moderator agrees with the flags of a post."""
        self.entries[post]["status"] = APPROVED

    def body(self, path: str, key: str, username: str) -> tuple[int, bytes]:
        """Status and body of the answer."""
        self.between()
        self.asked += 1
        url = urlsplit(path)
        query = dict(parse_qsl(url.query))
        if (key, username) != (KEY, USERNAME):
            return 403, orjson.dumps({"errors": ["not permitted"], "error_type": "invalid_access"})
        if url.path != "/review.json" or query["type"] != "ReviewableFlaggedPost":
            return 404, orjson.dumps({"errors": ["not found"], "error_type": "not_found"})
        assert (query["sort_order"], query["priority"]) == ("created_at", "low")
        entries = [
            entry for entry in self.entries.values() if query["status"] == "all" or entry["status"] == PENDING
        ]
        entries.sort(key=lambda entry: (entry["created_at"], entry["score"]), reverse=True)
        start = int(query["offset"])
        page = entries[start : start + LISTED]
        numbers = [number for entry in page for number in entry["reviewable_score_ids"]]
        return 200, orjson.dumps({
            "reviewables": page,
            "reviewable_scores": [self.flags[number] for number in numbers],
            "score_types": [
                {"id": SPAM, "title": "It's spam", "icon": "flag", "type": "spam"},
                {"id": INAPPROPRIATE, "title": "It's inappropriate", "icon": "flag", "type": "inappropriate"},
            ],
            "users": [{"id": 12, "username": "alice"}],
            "meta": {"total_rows_reviewables": len(entries)},
        })  # fmt: skip

    async def request(
        self, method: str, path: str, *, body: bytes | None = None, headers: dict[str, str]
    ) -> HttpAnswer:
        """As the client of an address."""
        assert method == "GET"
        status, content = self.body(path, headers["Api-Key"], headers["Api-Username"])
        return HttpAnswer(status, {}, content)


def _text(at_ms: int) -> str:
    moment = datetime.fromtimestamp(at_ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
