"""Makes one check after the other, in the order in which one depends on another."""

from collections.abc import Callable, Sequence

from aiokafka.admin import AIOKafkaAdminClient

from streams.commands.doctor.asking import Say, asked, say_all
from streams.commands.doctor.broker_settings import (
    DELETION,
    OWN_TOPICS,
    broker_settings,
    own_topic_finding,
    setting_findings,
)
from streams.commands.doctor.brokers import look_at_bootstrap, look_at_brokers
from streams.commands.doctor.finding import Finding
from streams.commands.doctor.rights import (
    Unsaid,
    any_role_finding,
    catalogue_is_there,
    known_rights,
    role_findings,
    unsaid_finding,
)
from streams.commands.doctor.topics import replica_finding, topic_findings
from streams.commands.doctor.trials import probing, try_in
from streams.running.errors import RefusedToStart
from streams.running.operations.access_rights import ROLES, Role
from streams.running.patches.authorized_operations import cluster_with_rights
from streams.running.patches.metadata import topics_known_to
from streams.running.topics.topic_admin import admin_client, check_topics
from streams.running.topics.topic_catalogue import Catalogue, load_catalogue
from streams.running.worker.settings import Settings


async def examine(settings: Settings, roles: Sequence[Role], say: Say, clock: Callable[[], int]) -> None:
    """Check everything, and say each finding as it is known; leave nothing behind, also when cancelled.

    Without `roles`, find those that this user has. `clock` gives ms since the epoch.
    """
    connection, catalogue = settings.connection(), load_catalogue()
    bootstrap, brokers = await look_at_bootstrap(connection)
    say(bootstrap)
    if not brokers:
        return
    reached = await look_at_brokers(connection, brokers)
    say_all(reached, say)
    if any(finding.verdict == "failed" for finding in reached):
        # Clients wait for a broker that cannot be reached, and every further check would only say that.
        say(
            Finding(
                "all other checks",
                "not tried",
                "they need brokers that are reached where they say that they are, and know these requests",
                "Run this command again then.",
            )
        )
        return
    async with admin_client(connection) as admin:
        numbers = sorted(broker.node_id for broker in brokers)
        deletes = await _settings(admin, numbers, say)
        await _topics(admin, settings, catalogue, say)
        async with probing(admin, settings, catalogue, len(numbers), say, deletes=deletes) as probe:
            if probe is not None:
                await try_in(admin, settings, probe, numbers, say, clock)
            await _replicas(admin, settings, catalogue, say)
            # While the probe is there: some roles have rights of it.
            await _rights(admin, settings, catalogue, roles, say)
            # At the end: a cluster that has never had a group or a transaction makes them for the checks.
            rows = await asked(OWN_TOPICS, topics_known_to(admin, None), say)
            if rows is not None:
                say(own_topic_finding(rows, settings.replication_factor))


async def _settings(admin: AIOKafkaAdminClient, brokers: Sequence[int], say: Say) -> bool:
    """Look at the settings of brokers; whether topics can be deleted, as far as is known."""
    found = await asked("broker settings", broker_settings(admin, brokers), say)
    if found is None:
        return True
    say_all(setting_findings(found), say)
    return isinstance(found, str) or all(each.get(DELETION) != "false" for each in found.values())


async def _topics(admin: AIOKafkaAdminClient, settings: Settings, catalogue: Catalogue, say: Say) -> None:
    try:
        problems = await asked(
            "topics",
            check_topics(
                admin,
                catalogue,
                settings.topic_prefix,
                settings.replication_factor,
                settings.min_insync_replicas,
            ),
            say,
        )
    except RefusedToStart as refused:
        say(Finding("topics", "not tried", str(refused), "Then run this command again."))
        return
    if problems is not None:
        say_all(topic_findings(problems, catalogue, settings.topic_prefix), say)


async def _replicas(admin: AIOKafkaAdminClient, settings: Settings, catalogue: Catalogue, say: Say) -> None:
    rows = await asked("replicas", topics_known_to(admin, None), say)
    if rows is None:
        return
    found = replica_finding(
        rows, catalogue, settings.topic_prefix, settings.replication_factor, settings.min_insync_replicas
    )
    if found is not None:
        say(found)


async def _rights(
    admin: AIOKafkaAdminClient,
    settings: Settings,
    catalogue: Catalogue,
    roles: Sequence[Role],
    say: Say,
) -> None:
    prefix = settings.topic_prefix
    try:
        cluster = await asked("rights", cluster_with_rights(admin), say)
        if cluster is None:
            return
        if not catalogue_is_there(catalogue, cluster, prefix) and not roles:
            say(
                Finding(
                    "rights",
                    "not tried",
                    "brokers say what a user may do with topics that exist, and this one sees none of ours",
                    "Run `tocsin topics create`, then this command again.",
                )
            )
            return
        known = await asked(
            "rights", known_rights(admin, settings.connection(), cluster, prefix, roles or ROLES), say
        )
    except Unsaid as error:
        say(unsaid_finding(error))
        return
    if known is None:
        return
    if roles:
        say_all(role_findings(roles, known, prefix), say)
    else:
        say(any_role_finding(known, prefix, logs_in=_logs_in(settings)))


def _logs_in(settings: Settings) -> bool:
    return bool(settings.kafka_sasl_username or settings.kafka_ssl_certificate_file)
