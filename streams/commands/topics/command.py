"""`tocsin topics create|check`: the topics as `schemas/topics` wants them."""

import asyncio

import click

from streams.commands.shared.broker_errors import broker_errors_explained
from streams.runtime.topic_problems import Problem
from streams.runtime.topics import admin_client, check_topics, create_topics, load_catalogue
from streams.worker.settings import Settings, load_settings


@click.group()
def topics() -> None:
    """Create or check the topics.

    schemas/topics/*.yaml says how they must be. Workers create nothing: they refuse to start unless `tocsin topics check`
    has nothing to say.
    """


@topics.command()
def create() -> None:
    """Create the topics that are missing.

    Those that are there stay as they are. Names begin with TOCSIN_TOPIC_PREFIX; TOCSIN_PARTITIONS,
    TOCSIN_REPLICATION_FACTOR and TOCSIN_MIN_INSYNC_REPLICAS say how large and how safe (3 replicas, 2 in sync; 1 and 1 on
    a single broker). Can be repeated.
    """
    settings = load_settings()
    with broker_errors_explained(settings):
        created = asyncio.run(_create(settings))
    for name in created:
        click.echo(f"created {name}")
    if not created:
        click.echo("every topic was there already; `tocsin topics check` compares their settings")


@topics.command()
def check() -> None:
    """List how the topics differ from what they must be.

    Each line names the topic, the setting and the remedy. Exits with 1 if there is one.
    """
    settings = load_settings()
    with broker_errors_explained(settings):
        problems = asyncio.run(_check(settings))
    for problem in problems:
        click.echo(problem, err=True)
    if problems:
        raise SystemExit(1)
    click.echo("every topic is as it must be")


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
            admin, load_catalogue(), settings.topic_prefix, settings.min_insync_replicas
        )
