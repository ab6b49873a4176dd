"""The session with the server of the adapter's account."""

import asyncio

import msgspec
import pytest

from streams.running.clients.https.answer import Failed
from streams.running.clients.https.http_client import HttpAnswer
from streams.running.clients.https import xrpc
from streams.running.clients.https.xrpc import Account, NamedError, Xrpc


class Client:
    """Answers from a list of status and JSON, the last one for ever."""

    def __init__(self, *answers):
        self.answers, self.asked = list(answers), []

    async def request(self, method, path, *, body, headers):
        self.asked.append(path)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return (
            answer
            if isinstance(answer, Failed)
            else HttpAnswer(answer[0], {}, msgspec.json.encode(answer[1]))
        )


SIGNED_IN = (200, {"did": "did:plc:a", "accessJwt": "one", "refreshJwt": "r", "handle": "a.example"})
SIGN_IN = "/xrpc/com.atproto.server.createSession"


def asked(client, times=1):
    async def run():
        calls = Xrpc(client, Account("a.example", "p", "did:web:ozone.example"))
        return [await calls.query("x.y.z", dict, []) for _ in range(times)]

    return asyncio.run(run())


def test_an_expired_session_is_renewed_once():
    expired = (400, {"error": "ExpiredToken"})
    client = Client(SIGNED_IN, expired, SIGNED_IN, (200, {"a": 1}))
    assert asked(client) == [{"a": 1}]
    client = Client(SIGNED_IN, expired, SIGNED_IN, expired)
    assert asked(client) == [NamedError("ExpiredToken")]
    assert client.asked.count(SIGN_IN) == 2


def test_a_refused_sign_in_is_not_tried_again_at_once(monkeypatch):
    client = Client((401, {"error": "AuthenticationRequired"}))
    assert asked(client, 5) == [Failed("refused", "the account cannot sign in")] * 5
    assert client.asked == [SIGN_IN]
    monkeypatch.setattr(xrpc, "_SIGN_IN_SECONDS", 0.0)
    client = Client((401, {"error": "AuthenticationRequired"}), SIGNED_IN, (200, {}))
    assert asked(client, 2)[1] == {}


@pytest.mark.parametrize("answer", [(200, "no object"), (502, {}), (429, {"error": "RateLimitExceeded"})])
def test_what_the_lexicon_does_not_know_is_an_outage(answer):
    (found,) = asked(Client(SIGNED_IN, answer))
    assert isinstance(found, Failed)
    assert found.failure == "unavailable"
