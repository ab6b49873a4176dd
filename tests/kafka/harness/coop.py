"""A stand-in for Coop that refuses reports its documented API does not allow, and signs its callbacks as Coop
does.
"""

import base64
import itertools
from collections.abc import Mapping
from typing import Any

import httpx
import jsonschema
import orjson
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.kafka.harness.receiver import Reply, Request

API_KEY = "coop-api-key"

_TEXT = {"type": "string", "minLength": 1}

# The fields of a report and which of them are required, as the API reference of ROOST's Coop documents them
# (docs/api/report.md of roostorg/coop, Apache-2.0), without those that the adapter does not send.
REPORT = {
    "type": "object",
    "required": ["reporter", "reportedAt", "reportedItem"],
    "additionalProperties": False,
    "properties": {
        "reporter": {
            "type": "object",
            "required": ["kind", "typeId", "id"],
            "additionalProperties": False,
            "properties": {"kind": {"const": "user"}, "typeId": _TEXT, "id": _TEXT},
        },
        "reportedAt": {"type": "string", "format": "date-time"},
        "reportedForReason": {
            "type": "object",
            "additionalProperties": False,
            "properties": {"policyId": _TEXT, "reason": _TEXT, "csam": {"type": "boolean"}},
        },
        "reportedItem": {
            "type": "object",
            "required": ["id", "typeId", "data"],
            "additionalProperties": False,
            "properties": {"id": _TEXT, "typeId": _TEXT, "data": {"type": "object"}},
        },
    },
}

_validator = jsonschema.Draft202012Validator(REPORT)


class Coop:
    """Answers the requests of an adapter."""

    def __init__(self) -> None:
        self.reports: list[dict[str, Any]] = []
        self.wrong: list[str] = []
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._numbers = itertools.count(1)

    @property
    def public_key(self) -> bytes:
        """The webhook signature verification key, as Coop shows it."""
        return self._key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def __call__(self, request: Request) -> Reply:
        assert (request.method, request.path) == ("POST", "/api/v1/report")
        if request.headers.get("x-api-key") != API_KEY:
            return Reply(401)
        report = orjson.loads(request.body)
        wrong = [error.message for error in _validator.iter_errors(report)]
        if wrong:
            self.wrong += wrong
            return Reply(400)
        self.reports.append(report)
        return Reply(201, body=orjson.dumps({"reportId": f"report-{next(self._numbers)}"}))

    def call_back(
        self, address: str, callback: Mapping[str, object], *, signed_by: "Coop | None" = None
    ) -> int:
        """Send an action callback; gives the status of the answer."""
        body = orjson.dumps(callback)
        signature = (signed_by or self)._key.sign(body, PKCS1v15(), SHA256())
        headers = {"coop-signature": base64.b64encode(signature).decode(), "content-type": "application/json"}
        return httpx.post(address, content=body, headers=headers).status_code
