"""A small OpenID Connect provider on loopback, which can also say what a wrong or hostile one would."""

import asyncio
import base64
import hashlib
import secrets
import socket
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

CLIENT_ID = "console"
CLIENT_SECRET = "the secret of the console as a client"

# Making one takes longer than a sign-in.
OWN_KEY, OTHER_KEY = (RSAKey.generate_key(2048, {"kid": "1", "use": "sig"}) for _ in range(2))


@dataclass
class Provider:
    """Signs everybody in as `subject`. `claims` replace those of the token; None leaves one out."""

    subject: str = "sub-desk"
    claims: dict[str, Any] = field(default_factory=dict)
    # What signs: the provider's key, another one, the client's secret, or nothing.
    signs: str = "own"
    says_issuer: str | None = None
    without_token: bool = False
    asked: list[dict[str, str]] = field(default_factory=list)
    port: int = 0

    def __post_init__(self) -> None:
        self._codes: dict[str, dict[str, str]] = {}
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        routes = [
            Route("/.well-known/openid-configuration", self._discovery),
            Route("/authorize", self._authorize),
            Route("/token", self._token, methods=["POST"]),
            Route("/keys", self._keys),
        ]
        self._server = uvicorn.Server(
            uvicorn.Config(Starlette(routes=routes), lifespan="off", log_config=None)
        )
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._server.serve([self._socket])), daemon=True
        )

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> "Provider":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        # The server looks for this ten times a second, and nothing waits for its end.
        self._server.should_exit = True

    async def _discovery(self, _: Request) -> Response:
        return JSONResponse(
            {
                "issuer": self.says_issuer or self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
                "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
            }
        )

    async def _keys(self, _: Request) -> Response:
        return JSONResponse({"keys": [OWN_KEY.as_dict(private=False)]})

    async def _authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        self.asked.append(asked)
        code = secrets.token_urlsafe(8)
        self._codes[code] = asked
        return RedirectResponse(f"{asked['redirect_uri']}?code={code}&state={asked['state']}", 302)

    async def _token(self, request: Request) -> Response:
        form = await request.form()
        asked = self._codes.pop(str(form.get("code")), None)
        proof = hashlib.sha256(str(form.get("code_verifier")).encode()).digest()
        basic = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".replace(" ", "%20").encode()).decode()
        plain = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if (
            asked is None
            or form.get("redirect_uri") != asked["redirect_uri"]
            or base64.urlsafe_b64encode(proof).rstrip(b"=").decode() != asked.get("code_challenge")
            or request.headers.get("authorization") not in (f"Basic {basic}", f"Basic {plain}")
        ):
            return JSONResponse({"error": "invalid_grant"}, 400)
        if self.without_token:
            return JSONResponse({"access_token": "secret-access-token", "token_type": "Bearer"})
        now = int(time.time())
        claims = {
            "iss": self.issuer, "sub": self.subject, "aud": CLIENT_ID, "exp": now + 300, "iat": now,
            "nonce": asked.get("nonce"), "email": "person@example.org",
        } | self.claims  # fmt: skip
        token = self._signed({name: value for name, value in claims.items() if value is not None})
        return JSONResponse(
            {"access_token": "secret-access-token", "token_type": "Bearer", "id_token": token}
        )

    def _signed(self, claims: dict[str, Any]) -> str:
        if self.signs == "secret":
            return jwt.encode({"alg": "HS256", "kid": "1"}, claims, OctKey.import_key(CLIENT_SECRET))
        if self.signs == "none":
            return jwt.encode({"alg": "none"}, claims, OctKey.import_key("x" * 16), algorithms=["none"])
        key = OWN_KEY if self.signs == "own" else OTHER_KEY
        return jwt.encode({"alg": "RS256", "kid": "1"}, claims, key)
