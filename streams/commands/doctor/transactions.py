"""Whether transactions keep what workers rely on: fencing, and what readers of committed records see."""

from aiokafka import TopicPartition
from aiokafka.errors import IllegalOperation, KafkaError, TransactionalIdAuthorizationFailed

from streams.commands.doctor.finding import Finding
from streams.running.clients.kafka_reading import partition_reader
from streams.running.identity import new_transactional_id
from streams.running.log.connection import Connection
from streams.running.log.fencing import not_allowed
from streams.running.log.log import Isolation
from streams.running.log.transaction import FENCED, stop_producer
from streams.running.patches.producer import KafkaProducer
from streams.running.wall_clock import clock_ms

FENCING = "fencing"
COMMITTED = "read_committed"
OPEN = "open transactions"

# What is written, one transaction each: of a producer that is fenced, committed, aborted, and left open.
_FENCED, _COMMITTED, _ABORTED, _OPEN = b"fenced", b"committed", b"aborted", b"open"


async def prove_transactions(connection: Connection, prefix: str, topic: str) -> list[Finding]:
    """Try them in partition 0 of a topic (with prefix) that nobody else uses. Raises KafkaError."""
    transactional_id = new_transactional_id(prefix, "doctor")
    first, second = connection.producer(transactional_id), connection.producer(transactional_id)
    try:
        await first.start()
        await _write(first, topic, _FENCED)
        # As in a takeover: this one has the right of way from now on.
        await second.start()
        findings = [await _fencing(first)]
        await _write(second, topic, _COMMITTED)
        await second.commit_transaction()
        await _write(second, topic, _ABORTED)
        await second.abort_transaction()
        await _write(second, topic, _OPEN)
        findings.append(
            _visible(
                await _read(connection, topic, "read_committed"),
                await _read(connection, topic, "read_uncommitted"),
            )
        )
        findings.append(await _listed(second, transactional_id))
        await second.abort_transaction()
        return findings
    except TransactionalIdAuthorizationFailed:
        return [
            Finding(
                FENCING,
                "not tried",
                f"{not_allowed(transactional_id)}".partition(":")[0]
                + ", so fencing, aborted and open transactions are unproved",
                f"Grant Write and Describe of transactional ids that begin with {prefix}tocsin-.",
            )
        ]
    finally:
        await first.abandon()
        await stop_producer(second)


async def _write(producer: KafkaProducer, topic: str, value: bytes) -> None:
    await producer.begin_transaction()
    await producer.append(topic, 0, [(None, value, [])], clock_ms())


async def _fencing(first: KafkaProducer) -> Finding:
    error: BaseException | None = None
    try:
        await first.commit_transaction()
    except (KafkaError, IllegalOperation, AssertionError) as failed:
        error = first.failure() or failed
    if error is None:
        return Finding(
            FENCING,
            "failed",
            "a producer could commit although a second one had started with its transactional id",
            "Two workers would write the same state: do not run Tocsin on these brokers.",
        )
    if not isinstance(error, FENCED):
        return Finding(
            FENCING,
            "warning",
            "the first of two producers with a transactional id could not commit any more, but the brokers "
            f"do not say that it was fenced: {error!r}",
            "A worker that was taken over would stop with that error. Ask who makes the brokers.",
        )
    return Finding(
        FENCING,
        "ok",
        "a second producer with the same transactional id fenced the first, which could not commit",
    )


def _visible(committed: list[bytes], everything: list[bytes]) -> Finding:
    if committed == [_COMMITTED] and set(everything) == {_FENCED, _COMMITTED, _ABORTED, _OPEN}:
        return Finding(
            COMMITTED,
            "ok",
            "of four transactions readers of committed records see the one that was committed, and none that "
            "was aborted, fenced or is open",
        )
    return Finding(
        COMMITTED,
        "failed",
        f"readers of committed records see {_names(committed)}, all others {_names(everything)}: the first "
        f"must be {_COMMITTED.decode()} alone",
        "Readers would act on what was taken back: do not run Tocsin on these brokers.",
    )


def _names(values: list[bytes]) -> str:
    return ", ".join(value.decode(errors="replace") for value in values) or "nothing"


async def _read(connection: Connection, topic: str, isolation: Isolation) -> list[bytes]:
    place = TopicPartition(topic, 0)
    async with partition_reader(connection, [place], isolation) as reader:
        end = (await reader.end_offsets([place]))[place]
        reader.seek(place, 0)
        values: list[bytes] = []
        while await reader.position(place) < end:
            for records in (await reader.getmany(timeout_ms=200)).values():
                values += (record.value for record in records)
        return values


async def _listed(producer: KafkaProducer, transactional_id: str) -> Finding:
    try:
        last = await producer.last_transaction(transactional_id)
        listed = transactional_id in await producer.open_transactions()
    except (KafkaError, NotImplementedError) as error:
        last, listed, why = None, False, f" ({error!r})"
    else:
        why = ""
    if last is not None and last.state == "open" and listed:
        return Finding(
            OPEN, "ok", "the brokers tell which are open, so a worker ends what a killed one has left at once"
        )
    return Finding(
        OPEN,
        "warning",
        f"the brokers do not tell which are open{why}, so what a killed worker leaves open holds up "
        "subscribers until another one takes its partitions over",
        "Kafka 3.0 or newer tells; this user needs Describe of the transactional ids.",
    )
