"""A stand-in for Ozone that refuses what the published lexicons do not allow.

The lexicons are those of the AT Protocol (bluesky-social/atproto, MIT or Apache-2.0) as the package lexrpc
brings them.
"""

import itertools
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson
from lexrpc.base import Base, ValidationError

from tests.kafka.harness.receiver import Receiver, Reply, Request

ADAPTER = "did:plc:tocsinadapter"
SERVICE = "did:web:ozone.example"
MODERATOR = "did:plc:moderatorada"
PASSWORD = "app-pass-word-1"
CID = "bafyreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a"
DEFS = "tools.ozone.moderation.defs"

_lexicons = Base()


def ozone_settings(receiver: Receiver, mapping: Path) -> dict[str, object]:
    """Settings of an adapter for the stand-in, without their prefix."""
    return {
        "address": receiver.address,
        "service": SERVICE,
        "identifier": "tocsin.example",
        "password": PASSWORD,
        "subject": "at://did:web:chat.example/example.chat.message/{message}",
        "mapping_file": mapping,
        "reviewer_key": "k" * 32,
        "poll_seconds": 0.3,
    }


def _error(status: int, name: str) -> Reply:
    return Reply(status, {"Content-Type": "application/json"}, orjson.dumps({"error": name, "message": "no"}))


class Ozone:
    """Answers the requests of an adapter. `unknown` are records it does not have."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.external: dict[tuple[str, str, str], int] = {}
        self.duplicates = 0
        self.wrong: list[str] = []
        self.unknown: set[str] = set()
        self.sessions = 0
        self._token = ""
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)

    def expire(self) -> None:
        """Let the adapter's token expire."""
        self._token = ""

    def moderate(self, event: dict[str, Any], subject: dict[str, str], created_by: str = MODERATOR) -> int:
        """A moderator does something."""
        with self._lock:
            event = {**event, "$type": f"{DEFS}#modEvent{event['$type']}"}
            return self._log(event, subject, created_by)

    def __call__(self, request: Request) -> Reply:
        with self._lock:
            try:
                return self._answer(request)
            except ValidationError as error:
                self.wrong.append(str(error))
                return _error(400, "InvalidRequest")

    def _answer(self, request: Request) -> Reply:
        url = urlsplit(request.path)
        method = url.path.removeprefix("/xrpc/")
        kind = _lexicons.defs[method]["type"]
        assert request.method == {"procedure": "POST", "query": "GET"}[kind]
        if kind == "procedure":
            given = orjson.loads(request.body)
            _lexicons.validate(method, "input", given)
        else:
            given = _lexicons.decode_params(method, parse_qsl(url.query, strict_parsing=True))
            _lexicons.validate(method, "parameters", given)
        if method == "com.atproto.server.createSession":
            return self._sign_in(given)
        assert request.headers["atproto-proxy"] == f"{SERVICE}#atproto_labeler"
        if request.headers["authorization"] != f"Bearer {self._token}" or not self._token:
            return _error(400, "ExpiredToken")
        match method:
            case "tools.ozone.moderation.emitEvent":
                answer = self._emit(given)
            case "tools.ozone.moderation.queryEvents":
                answer = self._query(given)
            case "tools.ozone.moderation.getRecord":
                if given["uri"] in self.unknown:
                    return _error(400, "RecordNotFound")
                answer = _record(given["uri"])
        if isinstance(answer, Reply):
            return answer
        _lexicons.validate(method, "output", answer)
        return Reply(body=orjson.dumps(answer))

    def _sign_in(self, given: dict[str, str]) -> Reply:
        if given["password"] != PASSWORD:
            return _error(401, "AuthenticationRequired")
        self.sessions += 1
        self._token = f"token-{self.sessions}"
        return Reply(
            body=orjson.dumps(
                {"accessJwt": self._token, "refreshJwt": "r", "handle": "tocsin.example", "did": ADAPTER}
            )
        )

    def _emit(self, given: dict[str, Any]) -> dict[str, Any] | Reply:
        assert given["createdBy"] == ADAPTER
        subject = given["subject"]
        # The account alone, also of a record: so does Ozone.
        account = subject.get("did") or subject["uri"].split("/")[2]
        key = (given["event"]["$type"], given["externalId"], account)
        if key in self.external:
            self.duplicates += 1
            return _error(400, "DuplicateExternalId")
        number = self._log(given["event"], subject, ADAPTER, given["modTool"])
        self.external[key] = number
        return self.events[-1]

    def _log(
        self, event: dict[str, Any], subject: dict[str, str], created_by: str, tool: object = None
    ) -> int:
        number = next(self._numbers)
        row = {
            "id": number,
            "event": event,
            "subject": subject,
            "subjectBlobCids": [],
            "createdBy": created_by,
            "createdAt": _rfc3339(datetime.now(UTC)),
        }
        self.events.append(row | ({"modTool": tool} if tool else {}))
        return number

    def _query(self, given: dict[str, Any]) -> dict[str, Any]:
        found = [
            row
            for row in self.events
            if row["event"]["$type"] in given.get("types", [row["event"]["$type"]])
            and given.get("createdBy") in (None, row["createdBy"])
            and row["createdAt"] >= given.get("createdAfter", "")
            and given.get("subject") in (None, row["subject"].get("uri") or row["subject"].get("did"))
        ]
        if given.get("sortDirection", "desc") == "desc":
            found.reverse()
        begin = int(given.get("cursor", 0))
        # Small pages of what happened, so that there are several.
        end = begin + (min(given["limit"], 7) if given.get("sortDirection") == "asc" else given["limit"])
        # A full answer and the last one have a cursor, too: only an empty one ends.
        return {"events": found[begin:end]} | ({"cursor": str(end)} if found[begin:end] else {})


def _rfc3339(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _record(uri: str) -> dict[str, Any]:
    account = {
        "did": "did:web:chat.example",
        "handle": "chat.example",
        "relatedRecords": [],
        "moderation": {},
    }
    known = {"indexedAt": "2026-01-01T00:00:00Z"}
    return {
        "uri": uri,
        "cid": CID,
        "value": {},
        "blobs": [],
        "moderation": {},
        "repo": account | known,
    } | known
