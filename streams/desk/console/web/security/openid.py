"""Sign-in at a provider of OpenID Connect: authorization code with PKCE, state and nonce, by Authlib."""

from typing import Any, Final

import structlog
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.starlette_client import OAuth
from httpx import HTTPError
from joserfc.errors import JoseError
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from streams.desk.console.people.access import Access, OpenIDSignIn
from streams.desk.console.web.context import TEMPLATES
from streams.desk.console.web.error_pages import Refused, no_access
from streams.desk.console.web.forms import as_local_path
from streams.desk.console.web.security.audit import Audit
from streams.desk.console.web.security.limits import Limiter, address_of, too_fast
from streams.desk.console.web.security.other_sites import checked_form
from streams.desk.console.web.security.sign_in import begin_session

logger = structlog.get_logger(__name__)

CALLBACK: Final = "/sign-in/callback"

# A hundred people of one office begin their shift within some minutes, each with two requests.
_SIGN_INS: Final = 100
_SIGN_INS_PER_SECOND: Final = 1.0

# A provider answers within a second.
_PROVIDER_SECONDS: Final = 10.0

# Signatures by a private key. One by the client's secret, or none at all, proves less.
_ALGORITHMS: Final = frozenset(
    ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
)


class OpenID:
    """The pages of signing in and out."""

    def __init__(self, sign_in: OpenIDSignIn, access: Access, audit: Audit) -> None:
        self._sign_in = sign_in
        self._access = access
        self._audit = audit
        self._tries = Limiter(_SIGN_INS, _SIGN_INS_PER_SECOND)
        self._client: Any = OAuth().register(
            "provider",
            client_id=sign_in.client_id,
            client_secret=sign_in.client_secret,
            server_metadata_url=f"{sign_in.issuer.removesuffix('/')}/.well-known/openid-configuration",
            client_kwargs={
                "scope": "openid",
                "code_challenge_method": "S256",
                "timeout": _PROVIDER_SECONDS,
            },
        )

    async def begin(self, request: Request) -> Response:
        """Send the browser to the provider."""
        self._count(request)
        await self._check_provider()
        there = as_local_path(request.query_params.get("next", ""))
        request.session["next"] = there or "/desk"
        response: Response = await self._client.authorize_redirect(
            request, f"{self._access.address}{CALLBACK}"
        )
        return response

    async def callback(self, request: Request) -> Response:
        """Take what the provider said, and begin a new session: nothing of the one before stays in it."""
        self._count(request)
        await self._check_provider()
        there = as_local_path(request.session.get("next", "")) or "/desk"
        try:
            token = await self._client.authorize_access_token(
                request,
                claims_options={
                    "iss": {"essential": True, "value": self._sign_in.issuer},
                    "aud": {"essential": True, "value": self._sign_in.client_id},
                    "sub": {"essential": True},
                },
            )
            subject = str(token["userinfo"]["sub"])
        except (AuthlibBaseError, JoseError, KeyError, ValueError) as error:
            # The type alone: messages may quote what the provider said.
            logger.warning("a sign-in failed", why=type(error).__name__)
            raise Refused(403, "sign_in_failed", "The sign-in failed or took too long. Try again.") from None
        except HTTPError as error:
            raise _unreachable(error) from None
        request.session.clear()
        assert self._access.people is not None
        person = self._access.people.now().of_subject(subject)
        if person is None:
            raise no_access()
        begin_session(request, subject)
        self._audit.came(person)
        return RedirectResponse(there, 303)

    async def sign_out(self, request: Request) -> Response:
        """End the session of this browser."""
        await checked_form(request)
        self._audit.went(request.state.person)
        request.session.clear()
        return RedirectResponse("/signed-out", 303)

    def signed_out(self, request: Request) -> Response:
        """What somebody sees who signed out."""
        return TEMPLATES.TemplateResponse(request, "signed_out.html")

    def _count(self, request: Request) -> None:
        wait = self._tries.take(address_of(request.scope))
        if wait > 0:
            raise too_fast(wait)

    async def _check_provider(self) -> None:
        try:
            said = await self._client.load_server_metadata()
        except (HTTPError, ValueError) as error:
            raise _unreachable(error) from None
        if said.get("issuer") != self._sign_in.issuer:
            logger.error("the provider has another issuer than TOCSIN_CONSOLE_OPENID_ISSUER")
            raise Refused(503, "wrong_issuer", "Sign-in is not set up correctly. The console's log has more.")
        offered = said.get("id_token_signing_alg_values_supported") or ["RS256"]
        said["id_token_signing_alg_values_supported"] = [each for each in offered if each in _ALGORITHMS]


def _unreachable(error: Exception) -> Refused:
    logger.warning("the provider of sign-in cannot be reached", why=type(error).__name__)
    return Refused(
        503, "provider_unreachable", "The provider of your sign-in does not answer. Try again in a minute."
    )
