"""The settings of `tocsin adapter handled`, from variables that begin with `TOCSIN_HANDLED_`."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import SettingsConfigDict

from streams.desk.adapters.settings import AdapterSettings, name_for
from streams.running.clients.https.addresses import Network, check_server, with_this_machine
from streams.running.worker.environment import HANDLED_PREFIX, needed

Service = Literal["synapse-rooms", "synapse-accounts", "mastodon"]


class HandledSettings(AdapterSettings):
    """One field per variable: `address` is TOCSIN_HANDLED_ADDRESS."""

    model_config = SettingsConfigDict(env_prefix=HANDLED_PREFIX, extra="forbid", frozen=True)

    name: Annotated[str, AdapterSettings.model_fields["name"]] = "handled"
    service: Annotated[
        Service | None,
        Field(
            description="What marks reports as handled: `synapse-rooms` and `synapse-accounts` delete them, "
            "`mastodon` resolves them."
        ),
    ] = None
    address: Annotated[
        str | None,
        Field(description="Address of the platform, such as https://matrix.example.org."),
        AfterValidator(lambda address: None if address is None else check_server(address)),
    ] = None
    ce_source: Annotated[
        str | None,
        Field(
            min_length=1,
            description="The publisher whose reports these are: `ce_source` of the intake's source. A hash "
            "of it is added to the adapter's name.",
        ),
    ] = None
    token: Annotated[
        SecretStr | None,
        Field(
            description="Access token of an administrator of Synapse; of an application of Mastodon with the "
            "scopes admin:read:reports and admin:write:reports. Never logged."
        ),
    ] = None
    token_file: Annotated[
        Path | None, Field(description="File with that token, instead of the variable.")
    ] = None

    def of_source(self) -> Self:
        """These settings with a name that no adapter for another source has. Raises SettingsError."""
        return self.model_copy(update={"name": name_for(self.name, needed(self, "ce_source"))})

    def networks(self) -> tuple[Network, ...]:
        """The networks in `allowed_networks`, and this machine if the platform is on it."""
        return with_this_machine(super().networks(), self.address or "")
