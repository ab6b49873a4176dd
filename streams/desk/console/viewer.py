"""The addresses of what a case is about, in the platform's own viewer."""

from typing import NamedTuple

from streams.desk.console.settings import ConsoleSettings


class Viewed(NamedTuple):
    """What can be opened, such as `message`, and its address."""

    kind: str
    address: str


def viewed_content(settings: ConsoleSettings, channel_ref: str, message_ref: str | None) -> Viewed | None:
    """The message in the platform's viewer; the channel if there is none, or messages have no viewer.

    None if the settings name no viewer. Refs have no characters that an address must escape.
    """
    if message_ref is not None and settings.message_link is not None:
        address = settings.message_link.replace("{channel}", channel_ref).replace("{message}", message_ref)
        return Viewed("message", address)
    return viewed_channel(settings, channel_ref)


def viewed_channel(settings: ConsoleSettings, channel_ref: str) -> Viewed | None:
    """The channel in the platform's viewer; None if the settings name none."""
    link = settings.channel_link
    return None if link is None else Viewed("channel", link.replace("{channel}", channel_ref))


def viewed_request(settings: ConsoleSettings, request_id: str) -> Viewed | None:
    """The request in the system of the intake; None if the settings name none."""
    link = settings.request_link
    return None if link is None else Viewed("request", link.replace("{request}", request_id))
