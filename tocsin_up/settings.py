"""The settings of one machine: the file in the folder, and what it means for the processes."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from streams.desk.console.people.access import check_sign_in
from streams.desk.console.settings import ConsoleSettings, load_console_settings
from streams.intake.settings import IntakeSettings
from streams.intake.sources import load_intake_sources
from streams.running.operations.http_address import http_address
from streams.running.worker.environment import (
    INTAKE_PREFIX,
    UP_PREFIX,
    HostName,
    Port,
    SettingsError,
    load_prefixed,
    needed,
)
from streams.running.worker.settings import PREFIX, Settings, load_settings
from tocsin_up.folder import Folder

_LOOPBACK: Final = "127.0.0.1"

_INTAKE_PAGES: Final = f"{INTAKE_PREFIX}METRICS_PORT"


class UpSettings(BaseSettings):
    """One field per variable: `port` is TOCSIN_UP_PORT."""

    model_config = SettingsConfigDict(env_prefix=UP_PREFIX, extra="forbid", frozen=True)

    host: Annotated[
        HostName,
        Field(
            description="Address of the page that says how the processes are. It needs no password, so let "
            "only those reach it who may read it."
        ),
    ] = _LOOPBACK
    port: Annotated[Port, Field(description="Port of this page.")] = 8480
    controller_port: Annotated[
        Port, Field(description="Port of Kafka's controller, to which only Kafka itself connects.")
    ] = 9093
    poll_port: Annotated[
        Port,
        Field(description="Port of /metrics and /status of `tocsin intake poll`, if a source has poll."),
    ] = 9477
    saves: Annotated[
        int, Field(ge=1, le=1000, description="How many daily saves of the state are kept: the newest.")
    ] = 7


@dataclass(frozen=True, slots=True)
class Listener:
    """An address on which one of the processes listens, and the variable that has its port."""

    what: str
    variable: str
    host: str
    port: int

    @property
    def address(self) -> str:
        """Where this machine reaches it."""
        host = _LOOPBACK if self.host in ("0.0.0.0", "::") else self.host  # noqa: S104 - compared only
        return http_address(host, self.port)


@dataclass(frozen=True, slots=True)
class MachineSettings:
    """What the processes are and get as their environment, and what the supervisor knows of it.

    `commands` are those of worker, intake and console that run, by name, in the order of their start.
    """

    commands: Mapping[str, tuple[str, ...]]
    environment: Mapping[str, str]
    worker: Settings
    intake: IntakeSettings
    console: ConsoleSettings
    up: UpSettings

    @property
    def kafka_port(self) -> int:
        """The port of the broker."""
        return int(self.worker.kafka_bootstrap.rpartition(":")[2])

    @property
    def for_people(self) -> tuple[Listener, ...]:
        """Where people and services go: console, intake, and the page about this machine."""
        return (
            Listener("console", "TOCSIN_CONSOLE_PORT", self.console.host, self.console.port),
            Listener("intake", "TOCSIN_INTAKE_PORT", self.intake.host, self.intake.port),
            Listener("this machine's page", "TOCSIN_UP_PORT", self.up.host, self.up.port),
        )

    def listeners(self) -> tuple[Listener, ...]:
        """Every address that something listens on."""
        return (
            *self.for_people,
            Listener("Kafka", "TOCSIN_KAFKA_BOOTSTRAP", _LOOPBACK, self.kafka_port),
            Listener("Kafka's controller", "TOCSIN_UP_CONTROLLER_PORT", _LOOPBACK, self.up.controller_port),
            *map(self.pages, self.commands),
        )

    def pages(self, name: str) -> Listener:
        """Where a process serves /readyz, /status and /metrics."""
        what = f"metrics of the {name}"
        match name:
            case "worker":
                return Listener(what, "TOCSIN_HTTP_PORT", self.worker.http_host, self.worker.http_port)
            case "intake":
                return Listener(what, _INTAKE_PAGES, self.intake.metrics_host, self.intake.metrics_port)
            case "poll":
                return Listener(what, "TOCSIN_UP_POLL_PORT", self.intake.metrics_host, self.up.poll_port)
            case _:
                own = self.console
                return Listener(what, "TOCSIN_CONSOLE_METRICS_PORT", own.metrics_host, own.metrics_port)

    def environment_of(self, name: str) -> Mapping[str, str]:
        """The variables of a process."""
        # It has the settings of the intake, but not its port.
        return {**self.environment, **({_INTAKE_PAGES: str(self.up.poll_port)} if name == "poll" else {})}


def load_machine_settings(folder: Folder, shell: Mapping[str, str]) -> MachineSettings:
    """Read the file of settings; variables of the shell are added to it.

    Raises SettingsError for a line that is none, for a variable that both set differently, and for settings
    that do not fit one machine; RegistryError for the file of the intake's sources.
    """
    file = folder.settings
    own = read_settings_file(file)
    different = [name for name in own if name in shell and shell[name] != own[name]]
    if different:
        raise SettingsError(
            "\n".join(
                f"{name}: set in the environment to something else than in {file}. Unset it, or change "
                "the file."
                for name in different
            )
        )
    environment = {**shell, **own}
    intake = load_prefixed(IntakeSettings, environment)
    # Paths begin in the folder, where the processes run.
    sources = load_intake_sources(folder.path / needed(intake, "sources_file")).values()
    commands: dict[str, tuple[str, ...]] = {"worker": ("worker",)}
    if any(source.scheme is not None for source in sources):
        commands["intake"] = ("intake",)
    if any(source.polls for source in sources):
        commands["poll"] = ("intake", "poll")
    commands["console"] = ("console",)
    found = MachineSettings(
        commands,
        environment,
        load_settings(environment),
        intake,
        load_console_settings(environment),
        load_prefixed(UpSettings, environment),
    )
    check_sign_in(found.console)
    _check(found)
    return found


def read_settings_file(file: Path) -> dict[str, str]:
    """Read lines of NAME=VALUE, with comments and quotes as a shell reads them. Raises SettingsError."""
    found: dict[str, str] = {}
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: cannot be read ({error}).") from error
    for number, line in enumerate(lines, start=1):
        try:
            words = shlex.split(line, comments=True)
        except ValueError:
            words = ["", ""]
        if not words:
            continue
        name, separator, value = words[0].partition("=")
        if len(words) > 1 or not separator or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            # The line may have a secret, so it is not shown.
            raise SettingsError(f"{file}, line {number}: must be NAME=VALUE, with quotes around spaces.")
        if name in found:
            raise SettingsError(
                f"{file}, line {number}: {name} is set for the second time: remove one of them."
            )
        found[name] = value
    return found


def _check(found: MachineSettings) -> None:
    worker = found.worker
    if not re.fullmatch(rf"{re.escape(_LOOPBACK)}:\d+", worker.kafka_bootstrap):
        raise SettingsError(
            f"{PREFIX}KAFKA_BOOTSTRAP: must be {_LOOPBACK} and a port, where `tocsin up` starts Kafka. With "
            "other brokers run `tocsin worker`, `tocsin intake` and `tocsin console` yourself: "
            "docs/deployment.md."
        )
    if worker.kafka_security_protocol != "PLAINTEXT":
        raise SettingsError(
            f"{PREFIX}KAFKA_SECURITY_PROTOCOL: must be PLAINTEXT: this Kafka serves this machine alone."
        )
    if worker.replication_factor != 1:
        raise SettingsError(f"{PREFIX}REPLICATION_FACTOR: must be 1: there is one broker.")
    ports: dict[int, str] = {}
    for each in found.listeners():
        if each.port == 0:
            raise SettingsError(f"{each.variable}: must not be 0: `tocsin up` has to know where that is.")
        if each.port in ports:
            raise SettingsError(f"{each.variable}: {each.port} is the port of {ports[each.port]} too.")
        ports[each.port] = each.variable
