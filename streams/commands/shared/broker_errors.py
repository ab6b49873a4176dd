"""What a person is told when the brokers are not reachable or refuse something."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import click
from aiokafka.errors import KafkaConnectionError, KafkaError, UnknownTopicOrPartitionError

from streams.runtime.errors import RefusedToStart
from streams.worker.settings import Settings


@contextmanager
def broker_errors_explained(settings: Settings) -> Iterator[None]:
    """Turn errors of Kafka's clients into one message with the remedy, and exit code 1."""
    # The client also logs each attempt, between the lines of our output.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    try:
        yield
    except KafkaConnectionError as error:
        raise click.ClickException(
            f"no Kafka broker answers at {settings.kafka_bootstrap}: start it, or set TOCSIN_KAFKA_BOOTSTRAP "
            "(and TOCSIN_KAFKA_SECURITY_PROTOCOL if it wants TLS)."
        ) from error
    except UnknownTopicOrPartitionError as error:
        # To somebody without the right to see a topic brokers say that there is none.
        raise click.ClickException(
            f"a topic is missing at {settings.kafka_bootstrap} with TOCSIN_TOPIC_PREFIX={settings.topic_prefix!r}: "
            "`tocsin topics check` says which, `tocsin topics create` makes it. Or it is there and this user may not see "
            "it: docs/deployment.md has the rights of each role."
        ) from error
    except RefusedToStart as error:
        raise click.ClickException(str(error)) from error
    except KafkaError as error:
        raise click.ClickException(
            f"Kafka at {settings.kafka_bootstrap} refused: {type(error).__name__}: {error}"
        ) from error
