"""The settings of the webhook, from environment variables that begin with `TOCSIN_WEBHOOK_`."""

from pathlib import Path
from typing import Annotated, Final, Literal, Self, get_args

from pydantic import AfterValidator, Field, SecretStr
from pydantic_core import PydanticCustomError
from pydantic_settings import SettingsConfigDict

from streams.desk.adapters.settings import AdapterSettings, HttpsAddress, name_for
from streams.running.worker.environment import WEBHOOK_PREFIX, SettingsError

Content = Literal["escalations", "clocks", "requests", "shadow", "refusals"]
CONTENTS: Final[tuple[Content, ...]] = get_args(Content)


def _contents(listed: str) -> tuple[Content, ...]:
    named = {text.strip() for text in listed.split(",")}
    return tuple(content for content in CONTENTS if content in named)


def _check_contents(listed: str) -> str:
    if not listed.strip() or {text.strip() for text in listed.split(",")} - set(CONTENTS):
        raise PydanticCustomError(
            "contents", "must be some of {known}, separated by commas", {"known": ", ".join(CONTENTS)}
        )
    return listed


class WebhookSettings(AdapterSettings):
    """One field per variable: `address` is TOCSIN_WEBHOOK_ADDRESS."""

    model_config = SettingsConfigDict(env_prefix=WEBHOOK_PREFIX, extra="forbid", frozen=True)

    name: Annotated[str, AdapterSettings.model_fields["name"]] = "webhook"
    address: Annotated[
        HttpsAddress | None, Field(description="Https address to which events are posted.")
    ] = None
    events: Annotated[
        str,
        Field(
            description="What is sent, separated by commas: `escalations` of policies, `clocks` (escalations "
            "of legal clocks), `requests` (authority-routing), `shadow` (escalations-shadow); or `refusals` "
            "alone, to a publisher."
        ),
        AfterValidator(_check_contents),
    ] = "escalations,clocks"
    publisher: Annotated[
        str | None,
        Field(
            min_length=1,
            description="The publisher (ce_source) whose refusals are sent, for `refusals`. A hash of it is "
            "added to the adapter's name.",
        ),
    ] = None
    secret: Annotated[
        SecretStr | None,
        Field(
            description="Secret with which requests are signed: whsec_ and 24 to 64 random bytes in base64. "
            "Never logged."
        ),
    ] = None
    secret_file: Annotated[
        Path | None, Field(description="File with that secret, instead of the variable.")
    ] = None
    previous_secret: Annotated[
        SecretStr | None,
        Field(
            description="The secret used before. While it is set, requests carry a signature by each, so "
            "that the receiver can change over at any time. Never logged."
        ),
    ] = None
    previous_secret_file: Annotated[
        Path | None, Field(description="File with the previous secret, instead of the variable.")
    ] = None

    def contents(self) -> tuple[Content, ...]:
        """What is sent. Raises SettingsError for refusals without their publisher, or with anything else."""
        found = _contents(self.events)
        if "refusals" in found and len(found) > 1:
            raise SettingsError(
                f"{WEBHOOK_PREFIX}EVENTS: `refusals` must be alone: they go to a publisher, all else to a "
                "desk."
            )
        if ("refusals" in found) != (self.publisher is not None):
            raise SettingsError(
                f"{WEBHOOK_PREFIX}PUBLISHER: must be set with {WEBHOOK_PREFIX}EVENTS=refusals, and only then."
            )
        return found

    def of_publisher(self) -> Self:
        """These settings with a name that no webhook for another publisher has."""
        if self.publisher is None:
            return self
        return self.model_copy(update={"name": name_for(self.name, self.publisher)})
