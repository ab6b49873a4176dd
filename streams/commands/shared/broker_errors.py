"""Messages for a person when brokers cannot be reached or refuse a request."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import click
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    KafkaConnectionError,
    KafkaError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)

from streams.running.errors import RefusedToStart
from streams.running.worker.settings import Settings


@contextmanager
def broker_errors_explained(settings: Settings) -> Iterator[None]:
    """Turn an error of a Kafka client into one message that says what to do, and exit code 1."""
    # The client also logs each attempt, which would appear between the lines of the output.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    try:
        yield
    except KafkaConnectionError as error:
        raise click.ClickException(
            f"no Kafka broker answers at {settings.kafka_bootstrap}: start it, or set TOCSIN_KAFKA_BOOTSTRAP "
            "(and TOCSIN_KAFKA_SECURITY_PROTOCOL if the broker requires TLS). `tocsin doctor` says what is "
            "there."
        ) from error
    except UnknownTopicOrPartitionError as error:
        # Brokers report a topic as unknown to a user who lacks the right to see it.
        raise click.ClickException(
            f"a topic is missing at {settings.kafka_bootstrap} "
            f"with TOCSIN_TOPIC_PREFIX={settings.topic_prefix!r}: "
            "`tocsin topics check` names it, `tocsin topics create` creates it. "
            "If it exists, this user may not see it: docs/deployment.md lists the rights of each role."
        ) from error
    except (GroupAuthorizationFailedError, TopicAuthorizationFailedError) as error:
        raise click.ClickException(
            f"Kafka at {settings.kafka_bootstrap} refuses this user a right ({error}): docs/deployment.md, "
            "'Who may do what', lists the rights of each role."
        ) from error
    except RefusedToStart as error:
        raise click.ClickException(str(error)) from error
    except KafkaError as error:
        raise click.ClickException(
            f"Kafka at {settings.kafka_bootstrap} reports an error: {type(error).__name__}: {error}"
        ) from error
