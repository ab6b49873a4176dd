"""Which roles this user has the rights for: the brokers say what it may do, and nothing is tried."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    GroupCoordinatorNotAvailableError,
    GroupLoadInProgressError,
    KafkaError,
    NotCoordinatorForGroupError,
    TransactionalIdAuthorizationFailed,
    for_code,
)

from streams.commands.doctor.finding import Finding
from streams.running.identity import new_transactional_id
from streams.running.log.connection import Connection
from streams.running.operations.access_rights import PROBES, ROLES, Operation, Right, Role
from streams.running.patches.authorized_operations import group_with_rights
from streams.running.topics.topic_catalogue import Catalogue

# Kafka's numbers of operations, which are bits in its answers.
_BITS: Mapping[Operation, int] = {
    "Read": 3,
    "Write": 4,
    "Create": 5,
    "Delete": 6,
    "Describe": 8,
    "DescribeConfigs": 10,
}

_NOT_YET = (GroupCoordinatorNotAvailableError, GroupLoadInProgressError, NotCoordinatorForGroupError)
_POLL_SECONDS = 0.1

# Of a resource for which a broker does not say what may be done.
_UNSAID = -(2**31)

# What one role may do, as the brokers say it: kind of resource and name with prefix.
Known = Mapping[tuple[str, str], frozenset[Operation]]


class Unsaid(Exception):
    """The brokers do not say what a user may do."""


def roles_named(names: Sequence[str]) -> list[Role]:
    """The roles with these names, which exist."""
    return [role for role in ROLES if role.name in names]


async def known_rights(
    admin: AIOKafkaAdminClient,
    connection: Connection,
    cluster: Mapping[str, Any],
    prefix: str,
    roles: Iterable[Role],
) -> Known:
    """What this user may do with all that the roles need.

    `cluster` is what the brokers say with `cluster_with_rights`. Raises Unsaid, and KafkaError.
    """
    known: dict[tuple[str, str], frozenset[Operation]] = {}
    creates = "Create" in _operations(cluster["authorized_operations"], "the cluster")
    for row in cluster["topics"]:
        allowed = _operations(row["authorized_operations"], row["topic"])
        name = row["topic"]
        if name.startswith(prefix + PROBES):
            # The probe of now stands for all.
            name = prefix + PROBES
        known["topic", name] = allowed | ({"Create"} if creates else frozenset())
    rights = [right for role in roles for right in role.rights]
    for group in sorted({right.name for right in rights if right.resource == "group"}):
        known["group", prefix + group] = await _group(admin, prefix + group)
    for start in sorted({right.name for right in rights if right.resource == "transactionalId"}):
        known["transactionalId", prefix + start] = await _transactional_id(connection, prefix)
    return known


def _operations(bits: int, of: str) -> frozenset[Operation]:
    if bits == _UNSAID:
        raise Unsaid(of)
    return frozenset(name for name, bit in _BITS.items() if bits >> bit & 1)


async def _group(admin: AIOKafkaAdminClient, name: str) -> frozenset[Operation]:
    while True:
        try:
            group = await group_with_rights(admin, name)
            if group["error_code"]:
                raise for_code(group["error_code"])(name)
            return _operations(group["authorized_operations"], name)
        except GroupAuthorizationFailedError:
            return frozenset()
        except _NOT_YET:
            # These brokers have never had a group, and make the topic for it now.
            await asyncio.sleep(_POLL_SECONDS)


async def _transactional_id(connection: Connection, prefix: str) -> frozenset[Operation]:
    transactional_id = new_transactional_id(prefix, "doctor")
    producer = connection.producer(transactional_id)
    try:
        await producer.start()
        await producer.last_transaction(transactional_id)
    except TransactionalIdAuthorizationFailed:
        # Write contains Describe.
        return frozenset()
    finally:
        await producer.abandon()
    return frozenset({"Write", "Describe"})


def missing(role: Role, known: Known, prefix: str) -> str:
    """The rights of a role that are lacking, as docs/deployment.md words them; empty if none is."""
    lacking: dict[str, list[str]] = {}
    for right in role.rights:
        allowed = known.get((right.resource, prefix + right.name), frozenset())
        operations = [each for each in right.operations if each not in allowed]
        if operations:
            what = f"{', '.join(operations)} of {_kind(right)}"
            names = lacking.setdefault(what, [])
            if prefix + right.name not in names:
                names.append(prefix + right.name)
    return "; ".join(f"{what} {', '.join(names)}" for what, names in lacking.items())


def _kind(right: Right) -> str:
    kind = "transactional id" if right.resource == "transactionalId" else right.resource
    return f"{kind}s that begin with" if right.prefixed else kind


def role_findings(roles: Sequence[Role], known: Known, prefix: str) -> Iterator[Finding]:
    """Whether this user, who should have these roles, has their rights."""
    for role in roles:
        lacking = missing(role, known, prefix)
        check = f"rights of {role.name}"
        if lacking:
            yield Finding(
                check,
                "failed",
                f"this user lacks {lacking}",
                "Grant them as in docs/deployment.md, 'Who may do what', or create topics that are missing.",
            )
        else:
            yield Finding(check, "ok", "this user has all of them")


def any_role_finding(known: Known, prefix: str, *, logs_in: bool) -> Finding:
    """Which roles this user has the rights for; `logs_in`: with a password or a certificate."""
    has = [role.name for role in ROLES if not missing(role, known, prefix)]
    if len(has) == len(ROLES) and not logs_in:
        return Finding(
            "rights",
            "warning",
            "nobody logs in, and who reaches the brokers may do what every role may: a client that can write "
            "to an internal or a state topic can change every decision",
            "Have the brokers enforce the rights of docs/deployment.md, 'Who may do what'.",
        )
    if len(has) == len(ROLES):
        return Finding(
            "rights",
            "not tried",
            "this user may do what every role may, which says nothing of the users that programs and people "
            "have",
            "Run this command as each of them: `tocsin doctor --role worker`, and so on.",
        )
    if has:
        return Finding(
            "rights",
            "ok",
            f"this user has the rights of {', '.join(has)}, and of no other role; of topics that it does not "
            "see, or that are missing, it has none",
        )
    return Finding(
        "rights",
        "warning",
        "this user has the rights of no role",
        "Name the one that it should have, to see what is lacking: `tocsin doctor --role worker`.",
    )


def unsaid_finding(error: KafkaError | Unsaid | NotImplementedError) -> Finding:
    """That the brokers do not say what a user may do."""
    return Finding(
        "rights",
        "not tried",
        f"the brokers do not say what this user may do ({type(error).__name__}: {error})",
        "Compare them with docs/deployment.md, 'Who may do what'. Kafka 2.3 or newer says it.",
    )


def catalogue_is_there(catalogue: Catalogue, cluster: Mapping[str, Any], prefix: str) -> bool:
    """Whether any topic of Tocsin can be seen."""
    return any(row["topic"].removeprefix(prefix) in catalogue for row in cluster["topics"])
