"""`tocsin topics create` and `tocsin topics check`: keep the topics as `schemas/topics` declares them."""

import asyncio

import click

from streams.commands.shared.broker_errors import broker_errors_explained
from streams.commands.shared.suggesting_group import SuggestingGroup
from streams.running.topics.topic_admin import admin_client, check_topics, create_topics
from streams.running.topics.topic_catalogue import load_catalogue
from streams.running.topics.topic_problems import Problem
from streams.running.worker.settings import Settings, load_settings


@click.group(cls=SuggestingGroup)
def topics() -> None:
    """Create or check the topics.

    The files in schemas/topics declare every topic and its settings. Workers create no topics, and refuse to
    start while `tocsin topics check` finds a difference.
    """


@topics.command()
def create() -> None:
    """Create the topics that are missing.

    Existing topics are not changed, so it is safe to run again. TOCSIN_TOPIC_PREFIX is put before every name.
    TOCSIN_PARTITIONS, TOCSIN_REPLICATION_FACTOR and TOCSIN_MIN_INSYNC_REPLICAS set the number of partitions
    and replicas; the defaults are 3 replicas with 2 in sync, and a single broker needs 1 and 1.
    """
    settings = load_settings()
    with broker_errors_explained(settings):
        created = asyncio.run(_create(settings))
    for name in created:
        click.echo(f"created {name}")
    if not created:
        click.echo("all topics already exist; `tocsin topics check` compares their settings")


@topics.command()
def check() -> None:
    """Compare the topics with the catalogue in schemas/topics.

    Prints one line per difference, which names the topic, the setting and the remedy. Exits with 1 if there
    is any.
    """
    settings = load_settings()
    with broker_errors_explained(settings):
        problems = asyncio.run(_check(settings))
    for problem in problems:
        click.echo(problem, err=True)
    if problems:
        raise SystemExit(1)
    click.echo("all topics match the catalogue")


async def _create(settings: Settings) -> list[str]:
    async with admin_client(settings.connection()) as admin:
        return await create_topics(
            admin,
            load_catalogue(),
            settings.topic_prefix,
            settings.partitions,
            settings.replication_factor,
            settings.min_insync_replicas,
        )


async def _check(settings: Settings) -> list[Problem]:
    async with admin_client(settings.connection()) as admin:
        return await check_topics(
            admin,
            load_catalogue(),
            settings.topic_prefix,
            settings.replication_factor,
            settings.min_insync_replicas,
        )
