"""The lists of reports in Synapse's admin API, made from its documentation; the order is its query's."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson

from streams.running.clients.https.http_client import HttpAnswer

TOKEN = "syt_administrator"


class SynapseStandIn:
    """Answers `GET event_reports` and `user_reports`. `between` is called before each answer."""

    def __init__(self) -> None:
        self.reports: list[dict[str, Any]] = []
        self.asked = 0
        self.token = TOKEN
        self.address = ""
        self.between = lambda: None

    def add(self, number: int, received_ts: int) -> None:
        """Somebody reports an event; its row appears now, whatever its time is."""
        self.reports.append({
            "id": number, "received_ts": received_ts, "room_id": f"!{number % 3}:matrix.example",
            "event_id": f"$event-{number}", "user_id": f"@user-{number % 5}:matrix.example",
            "target_user_id": f"@target-{number % 3}:matrix.example",
            "reason": "call me at 0123456789", "score": -100, "sender": "@bob:matrix.example",
            "canonical_alias": "#lounge:matrix.example", "name": "Lounge",
        })  # fmt: skip

    def delete(self, place: int) -> None:
        """An administrator deletes a report."""
        if self.reports:
            del self.reports[place % len(self.reports)]

    def body(self, path: str, authorization: str) -> tuple[int, bytes]:
        """Status and body of the answer."""
        self.between()
        self.asked += 1
        url = urlsplit(path)
        listed = url.path.rpartition("/")[2]
        if authorization != f"Bearer {self.token}":
            return 401, orjson.dumps({"errcode": "M_UNKNOWN_TOKEN", "error": "Invalid access token passed."})
        if url.path not in ("/_synapse/admin/v1/event_reports", "/_synapse/admin/v1/user_reports"):
            return 404, orjson.dumps({"errcode": "M_UNRECOGNIZED", "error": "Unrecognized request"})
        query = dict(parse_qsl(url.query))
        start, limit = int(query.get("from", 0)), int(query.get("limit", 100))
        rows = sorted(self.reports, key=lambda row: row["received_ts"], reverse=query.get("dir", "b") == "b")
        page = rows[start : start + limit]
        answer: dict[str, Any] = {listed: page, "total": len(rows)}
        if start + limit < len(rows):
            answer["next_token"] = start + len(page)
        return 200, orjson.dumps(answer)

    async def request(
        self, method: str, path: str, *, body: bytes | None = None, headers: dict[str, str]
    ) -> HttpAnswer:
        """As the client of an address."""
        assert method == "GET"
        status, content = self.body(path, headers.get("Authorization", ""))
        return HttpAnswer(status, {}, content)
