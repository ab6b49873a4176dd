"""The settings of the adapter for Ozone, from environment variables that begin with `TOCSIN_OZONE_`."""

import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr
from pydantic_core import PydanticCustomError
from pydantic_settings import SettingsConfigDict

from streams.desk.adapters.settings import AdapterSettings, HttpsOrigin
from streams.running.worker.environment import OZONE_PREFIX

_DID = re.compile(r"did:[a-z]+:[A-Za-z0-9._%:-]*[A-Za-z0-9._%-]\Z")


def _check_template(template: str) -> str:
    filled = template.replace("{channel}", "x").replace("{message}", "x")
    if "{" in filled or "}" in filled or filled == template or not filled.startswith(("at://did:", "did:")):
        raise PydanticCustomError(
            "template",
            "must be a DID or an address at://DID/COLLECTION/KEY, with {channel} or {message} or both in it",
        )
    return template


SubjectTemplate = Annotated[str, AfterValidator(_check_template)]


class OzoneSettings(AdapterSettings):
    """One field per variable: `address` is TOCSIN_OZONE_ADDRESS."""

    model_config = SettingsConfigDict(env_prefix=OZONE_PREFIX, extra="forbid", frozen=True)

    name: Annotated[str, AdapterSettings.model_fields["name"]] = "ozone"
    address: Annotated[
        HttpsOrigin | None,
        Field(
            description="Https address of the server that has the adapter's account (PDS). It passes "
            "requests on to Ozone."
        ),
    ] = None
    service: Annotated[
        str | None,
        Field(
            pattern=rf"^{_DID.pattern[:-2]}$",
            description="DID of the moderation service, such as did:plc:ar7c4by46qjdydhdevvrndac.",
        ),
    ] = None
    identifier: Annotated[
        str | None,
        Field(
            description="Handle or DID of the adapter's account, which must be a member of Ozone's team "
            "(triage is enough)."
        ),
    ] = None
    password: Annotated[
        SecretStr | None, Field(description="App password of that account. Never logged.")
    ] = None
    password_file: Annotated[
        Path | None, Field(description="File with that password, instead of the variable.")
    ] = None
    subject: Annotated[
        SubjectTemplate | None,
        Field(
            description="What is reported: a DID, or at://DID/COLLECTION/KEY, in which {channel} and "
            "{message} are replaced by the refs of an escalation."
        ),
    ] = None
    mapping_file: Annotated[
        Path | None,
        Field(description="What the moderators' decisions mean (YAML); docs/adapters.md shows one."),
    ] = None
    reviewer_key: Annotated[
        SecretStr | None,
        Field(
            description="Secret key that makes pseudonyms of moderators' DIDs, 32 characters or more. Never "
            "logged."
        ),
    ] = None
    reviewer_key_file: Annotated[
        Path | None, Field(description="File with that key, instead of the variable.")
    ] = None
    poll_seconds: Annotated[
        float, Field(ge=0.1, le=3600, description="How often Ozone is asked for new decisions.")
    ] = 15.0
