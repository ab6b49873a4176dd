"""Pseudonyms of all ids in a report."""

from collections.abc import Mapping
from typing import Any, Final, Literal

from streams.running.clients.pseudonym import pseudonym

# By the field of a report: whose identity it is. A version is of a message.
_REFS: Final[tuple[tuple[str | None, str, Literal["reporter", "channel", "message"]], ...]] = (
    ("channel", "ref", "channel"),
    ("reporter", "ref", "reporter"),
    (None, "message_ref", "message"),
    (None, "message_version", "message"),
)


def with_pseudonyms(report: Mapping[str, Any], key: bytes, tenant: str) -> dict[str, Any]:
    """A copy of a report with a pseudonym for each id. What is no text is left for its reader to refuse."""
    copy = dict(report)
    channel = copy.get("channel")
    of_account = isinstance(channel, dict) and channel.get("kind") == "account"
    for above, name, kind in _REFS:
        parent = copy
        if above is not None:
            if not isinstance(copy.get(above), dict):
                continue
            parent = copy[above] = dict(copy[above])
        identity = parent.get(name)
        if isinstance(identity, str) and identity:
            # Some systems count rooms and accounts from one on, each for itself.
            named = "account" if kind == "channel" and of_account else kind
            parent[name] = pseudonym(key, named, tenant, identity)
    if isinstance(parts := copy.get("report_id"), list) and all(isinstance(part, str) for part in parts):
        # A mapping's `identity_of`: ids, some of them of a person.
        copy["report_id"] = pseudonym(key, "report", tenant, "\0".join(parts))
    return copy
