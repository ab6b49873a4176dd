"""The consumer group of the workers: who may be in it, and how soon it notices that a worker is gone."""

from aiokafka import errors as kafka_errors

from streams.running.errors import RefusedToStart

# How long until the partitions of a silent worker move: most of the wait when a worker is killed and does not
# come back. Brokers with their default settings allow no less than six seconds
# (`group.min.session.timeout.ms`); then a worker takes these.
#
# What delays a live worker's heartbeats is shorter. They are sent by the consumer's thread, also while
# partitions are taken over or released, however long that takes; only a full garbage collection stops all
# threads, 0.6 s for a million channels. With three workers and seven times as much work as two cores could do
# none was later than 1.5 s. An offset commit that the brokers cannot replicate takes 5 s
# (`offsets.commit.timeout.ms`), but has a connection of its own. A coordinator that restarts, or takes the
# group over, gives each member a whole session.
SESSION_SECONDS = 3.0
LONGEST_SESSION_SECONDS = 6.0

# A worker learns of a rebalance from the response to its next heartbeat, and the whole group waits for the
# last worker: with six workers for six sevenths of the interval on average. With Kafka's default of 3 s,
# reports waited up to 3.3 s in a rolling restart; with half a second, up to 1.1 s. The takeover itself takes
# a third of a second. A heartbeat costs the brokers next to nothing: a hundred workers send 400 a second.
HEARTBEAT_SECONDS = 0.25

# The brokers refuse a member that does not know the protocol of the others. Change the name when older
# workers must not run together with newer ones. Versions before the claims log used Faust's own name,
# `faust`: they write no claims, so nobody could fence them.
PROTOCOL = "tocsin-claims"


def refusal(group: str, error: kafka_errors.KafkaError) -> RefusedToStart | None:
    """The error of a worker that the brokers keep out of its group; None if `error` is another one."""
    if isinstance(error, kafka_errors.InconsistentGroupProtocolError):
        return RefusedToStart(
            f"the consumer group {group} has members of another version: workers of a version before the "
            "topic `claims`, or a consumer that is no worker. They must not share partitions with this one. "
            "Stop all of them, then start the new version: see docs/operations.md, 'Running'."
        )
    if isinstance(error, kafka_errors.InvalidSessionTimeoutError):
        seconds = LONGEST_SESSION_SECONDS
        return RefusedToStart(
            f"the brokers do not allow the session of {seconds:.0f} s that workers have in their group: set "
            f"`group.min.session.timeout.ms` of the brokers to {seconds * 1000:.0f} (their default) or less."
        )
    return None
