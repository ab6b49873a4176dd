"""The private names of Faust, mode and aiokafka that streams/running/patches uses exist and work as we
assume.

An upgrade that breaks one of them must fail here, naming it, before it loses a report in production. Modules
outside patches may use no private name.
"""

import ast
import asyncio
import gc
import importlib
import inspect
import re
import sys
import time
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import aiokafka
import faust
import mode
import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient
from aiokafka.consumer import consumer as aiokafka_consumer
from aiokafka.consumer import fetcher, group_coordinator
from aiokafka.consumer.fetcher import OffsetResetStrategy
from aiokafka.consumer.subscription_state import Assignment
from aiokafka.errors import (
    CoordinatorLoadInProgressError,
    IllegalOperation,
    InconsistentGroupProtocolError,
    InvalidSessionTimeoutError,
    KafkaConnectionError,
    NotEnoughReplicasError,
    ProducerClosed,
    ProducerFenced,
)
from aiokafka.producer import sender as aiokafka_sender
from aiokafka.producer.message_accumulator import BatchBuilder, MessageAccumulator, MessageBatch
from aiokafka.protocol.commit import OffsetCommitRequest
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.metadata import MetadataResponse_v0
from aiokafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder
from faust.app import base as app_base
from faust.app.base import App
from faust.assignor import PartitionAssignor, partition_assignor
from faust.assignor.client_assignment import CopartitionedAssignment
from faust.assignor.copartitioned_assignor import CopartitionedAssignor
from faust.tables import recovery
from faust.tables.recovery import Recovery
from faust.transport import conductor
from faust.transport.consumer import Consumer, Fetcher
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage
from mode.threads import ServiceThread
from mode.utils.queues import FlowControlEvent, FlowControlQueue, ThrowableQueue

import streams
from streams.running import patches
from streams.running.app.stage_app import StageApp
from streams.running.cycle.batches import BatchScheduler, PassThroughSchema, RecordBatch
from streams.running.errors import OwnershipLost, RefusedToStart
from streams.running.log import memory, transaction
from streams.running.log.connection import Connection
from streams.running.log.transaction import stop_producer, write_transaction
from streams.running.patches import app as patched_app
from streams.running.patches import consumer_thread, group_member
from streams.running.patches import producer as producer_module
from streams.running.patches.app import PromptlyStoppingApp
from streams.running.patches.batch_topic import BatchTopic
from streams.running.patches.bounded_fetcher import BoundedFetcher
from streams.running.patches.closable_fetcher import ClosableFetcher
from streams.running.patches.consumer_thread import ReadCommittedThread
from streams.running.patches.destination_questions import install_noting_handlers
from streams.running.patches.fetched_range import FetchedRange, FetchResult, install_fetched_range
from streams.running.patches.fetched_records import PartitionRecords
from streams.running.patches.group_member import GroupMember, install_group_member
from streams.running.patches.install import install_patches
from streams.running.patches.lenient_records import LenientRecords
from streams.running.patches.positioned_consumer import PositionedConsumer, PositionedTransport
from streams.running.patches.native_producer import EncodedBatch
from streams.running.patches.producer import KafkaProducer
from streams.running.patches.worker_assignor import EvenShares, WorkerAssignor
from streams.running.takeover.membership import PROTOCOL

STREAMS = Path(streams.__file__).parent
PATCHES = Path(patches.__file__).parent


def parameters(function):
    return [name for name in inspect.signature(function).parameters if name != "self"]


def source(function):
    return inspect.getsource(function)


@pytest.fixture
def app():
    async def before_start():
        pass

    return StageApp(Connection("127.0.0.1:1"), "", before_start, "")


def in_loop(scenario):
    """Run a scenario in an event loop: Faust's services need one as soon as they are created."""

    async def run():
        return await scenario()

    return asyncio.run(run())


# Every private name that patches uses, overrides or adds to a class of Faust, mode or aiokafka, and the test
# that covers it.
COVERED = {
    "_acked": "test_the_newest_ack_is_committed_despite_gaps",
    "_acked_index": "test_the_newest_ack_is_committed_despite_gaps",
    "_add_gap": "test_the_newest_ack_is_committed_despite_gaps",
    "_client_assignments": "test_who_leads_the_group_shares_with_our_class",
    "_get_unassigned": "test_who_leads_the_group_shares_with_our_class",
    "_unassign_overassigned": "test_who_leads_the_group_shares_with_our_class",
    "_assignment": "test_fetched_records_are_returned_as_ranges",
    "_closed": "test_an_abandoned_producer_is_closed",
    "_can_retry": "test_what_a_producer_is_refused_is_noted",
    "_client": "test_a_leader_that_has_just_started_waits_for_unknown_topics",
    "_commit": "test_an_unanswered_commit_times_out",
    "_committed_offset": "test_acks_below_the_committed_offset_would_be_ignored",
    "_compile_decode": "test_the_conductor_decodes_by_the_attribute_that_compile_decode_sets",
    "_consumer_record": "test_signatures",
    "_consumer_wait_empty": "test_a_stopping_worker_does_not_wait_long_for_its_cycle",
    "_coordinator": "test_the_worker_is_in_touch_while_heartbeats_are_answered",
    "_create_worker_consumer": "test_signatures",
    "_default_reset_strategy": "test_a_missing_offset_raises_when_resets_are_not_allowed",
    "_do_heartbeat": "test_the_worker_is_in_touch_while_heartbeats_are_answered",
    "_ensure_consumer": "test_signatures",
    "_fetch_max_bytes": "test_the_fetch_limits_are_read_when_the_consumer_starts",
    "_fetch_max_wait_ms": "test_the_fetch_limits_are_read_when_the_consumer_starts",
    "_fetch_task": "test_a_fetcher_closes_its_task_and_then_its_requests",
    "_fetcher": "test_a_missing_offset_raises_when_resets_are_not_allowed",
    "_generation": "test_there_is_no_seek_between_two_assignments",
    "_get_changelog_distribution": "test_signatures",
    "_get_external_topic_distribution": "test_signatures",
    "_get_actions_per_node": "test_a_fetcher_decides_in_one_place_what_to_request",
    "_topics": "test_what_a_fetch_may_wait_for_is_read_for_each_request",
    "_proc_fetch_request": "test_what_a_fetch_may_wait_for_is_read_for_each_request",
    "_isolation_level": "test_the_isolation_level_is_read_when_the_consumer_starts",
    "_group_instance_id": "test_a_worker_with_a_name_leaves_its_group_when_it_is_stopped",
    "_maybe_leave_group": "test_a_worker_with_a_name_leaves_its_group_when_it_is_stopped",
    "_send_req": "test_commits_of_offsets_have_a_connection_of_their_own",
    "_session_timeout_ms": "test_a_worker_takes_a_longer_session_where_brokers_allow_no_shorter_one",
    "_metadata_snapshot": "test_a_leader_keeps_the_partition_counts_that_it_assigned",
    "_new_consumer_thread": "test_the_transport_makes_our_consumer_with_our_thread",
    "_new_offset": "test_the_newest_ack_is_committed_despite_gaps",
    "_partition_records": "test_fetched_records_are_returned_as_ranges",
    "_pending_tasks": "test_a_fetcher_closes_its_task_and_then_its_requests",
    "_perform_assignment": "test_a_leader_that_has_just_started_waits_for_unknown_topics",
    "_queue": "test_a_rebalance_clears_the_queue_of_an_agent",
    "_read_offset": "test_records_below_the_read_offset_are_dropped_and_none_drops_nothing",
    "_records": "test_a_fetcher_keeps_its_results_by_partition_in_order",
    "_records_iterator": "test_fetched_records_are_returned_as_ranges",
    "_seek_wait": "test_all_partitions_are_sought_before_the_fetcher_gets_a_turn",
    "_send_request": "test_signatures",
    "_sender": "test_a_producer_is_stopped_even_if_no_broker_answers",
    "_sought": "test_records_flow_after_the_seek_of_their_assignment",
    "_start_heartbeat_task": "test_the_worker_is_in_touch_while_heartbeats_are_answered",
    "_stopped": "test_a_thread_that_crashed_can_be_stopped_without_its_loop",
    "_stopped_set": "test_a_thread_that_crashed_can_be_stopped_without_its_loop",
    "_subscription": "test_the_fetched_position_is_known_without_asking_the_broker",
    "_subscriptions": "test_a_fetcher_keeps_its_results_by_partition_in_order",
    "_thread": "test_the_transport_makes_our_consumer_with_our_thread",
    "_topic_partition": "test_fetched_records_are_returned_as_ranges",
    "_update_position": "test_the_fetched_position_is_known_without_asking_the_broker",
    "_md_update_fut": "test_an_abandoned_producer_is_closed",
    "_message_accumulator": "test_a_batch_can_have_another_codec_than_the_producer",
    "_batch_size": "test_a_batch_can_have_another_codec_than_the_producer",
    "_txn_manager": "test_a_producer_that_failed_fatally_reports_the_reason",
}

LIBRARIES = ("faust", "mode", "aiokafka")

# Documented despite the underscore: methods of NamedTuple, and functions of sys and os.
PUBLIC = {"_asdict", "_fields", "_make", "_replace", "_current_frames", "_exit"}


def is_private(name):
    return name.startswith("_") and not name.startswith("__") and name not in PUBLIC


def is_from_library(module):
    return (module or "").split(".")[0] in LIBRARIES


def private_imports(tree):
    """Private names and modules that are imported from Faust, mode or aiokafka."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and is_from_library(node.module):
            parts = [*node.module.split("."), *(alias.name for alias in node.names)]
        elif isinstance(node, ast.Import):
            parts = [
                part for alias in node.names if is_from_library(alias.name) for part in alias.name.split(".")
            ]
        else:
            continue
        yield from filter(is_private, parts)


def used_in_patches(tree):
    """Private names that a module of patches uses or defines, without those of classes that have no base."""
    ours = {
        id(node)
        for kind in ast.walk(tree)
        if isinstance(kind, ast.ClassDef) and not kind.bases
        for node in ast.walk(kind)
        if isinstance(node, ast.FunctionDef)
        or (isinstance(node, ast.Attribute) and getattr(node.value, "id", None) == "self")
    }
    yield from private_imports(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and id(node) not in ours and is_private(node.attr):
            yield node.attr
        if isinstance(node, ast.ClassDef) and node.bases:
            yield from filter(is_private, (getattr(part, "name", "") for part in node.body))


def test_every_private_name_in_use_is_covered():
    used = {name for path in PATCHES.glob("*.py") for name in used_in_patches(ast.parse(path.read_text()))}
    assert used == COVERED.keys()
    for test in COVERED.values():
        assert test in globals(), f"{test} does not exist"


def private_uses(text):
    """Find what a module outside patches must not contain: (line, private name or replaced class).

    Skips names that the module's own classes have on `self`; `inherited_uses` finds the inherited ones among
    them.
    """
    tree = ast.parse(text)
    own = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and getattr(node.value, "id", None) in ("self", "cls")
    }
    yield from ((0, name) for name in private_imports(tree))
    modules = {
        alias.asname or alias.name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
        if is_from_library(node.module if isinstance(node, ast.ImportFrom) else alias.name)
    }
    for number, line in enumerate(text.splitlines(), 1):
        if re.search(r"#\s*noqa:.*SLF001", line):
            yield number, "noqa: SLF001"
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            root = node.value
            while isinstance(root, ast.Attribute):
                root = root.value
            if is_private(node.attr) and node.attr not in own:
                yield node.lineno, node.attr
            elif isinstance(node.ctx, ast.Store) and getattr(root, "id", None) in modules:
                yield node.lineno, f"{ast.unparse(node)} ="
        if isinstance(node, ast.Call) and getattr(node.func, "id", None) in ("getattr", "setattr", "hasattr"):
            name = getattr(node.args[1], "value", "")
            if isinstance(name, str) and is_private(name):
                yield node.lineno, name


def outside_patches():
    return [path for path in sorted(STREAMS.rglob("*.py")) if PATCHES not in path.parents]


@pytest.mark.slow
def test_outside_patches_no_private_name_is_used():
    found = [
        f"{path.relative_to(STREAMS.parent)}:{line}: {what}"
        for path in outside_patches()
        for line, what in private_uses(path.read_text(encoding="utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize(
    "text",
    [
        "producer._sender.sender_task.cancel()",
        "super()._commit(offsets)",
        "self.consumer._thread",
        "x = queue.items  # noqa: SLF001",
        "getattr(producer, '_sender')",
        "from aiokafka.record.default_records import _DefaultRecordBatchPy",
        "import aiokafka.record._crecords",
        "from aiokafka.consumer import fetcher\nfetcher.FetchResult = list",
        "import aiokafka\naiokafka.consumer.fetcher.FetchResult = list",
    ],
)
def test_a_private_use_outside_patches_is_found(text):
    assert list(private_uses(text))


def test_public_names_may_be_used():
    assert not list(private_uses("self._own = record._replace(value=b'')\nsys._current_frames()"))


@cache
def names_of(base):
    """Private names that a library's class defines or sets on its instances."""
    return {name for name in vars(base) if is_private(name)} | {
        node.attr
        for node in ast.walk(ast.parse(Path(inspect.getfile(base)).read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and getattr(node.value, "id", None) == "self"
        and is_private(node.attr)
    }


def inherited_uses(kind):
    """Private names of Faust, mode or aiokafka that a class inherits, and overrides or uses through `self`."""
    theirs = set().union(*(names_of(base) for base in kind.__mro__ if is_from_library(base.__module__)))
    (body,) = (
        node.body
        for node in ast.walk(ast.parse(Path(inspect.getfile(kind)).read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef) and node.name == kind.__name__
    )
    defined = {
        getattr(name, "id", getattr(name, "name", None))
        for part in body
        for name in (part, getattr(part, "target", None), *getattr(part, "targets", ()))
    }
    used = {
        node.attr
        for node in ast.walk(ast.Module(body, []))
        if isinstance(node, ast.Attribute) and getattr(node.value, "id", None) in ("self", "cls")
    }
    return (defined | used) & theirs


def test_outside_patches_no_class_overrides_or_inherits_a_private_name():
    seen, found = 0, {}
    for path in outside_patches():
        if path.name == "__main__.py" or not any(
            name in path.read_text(encoding="utf-8") for name in LIBRARIES
        ):
            continue
        if "native" in path.parts and find_spec("tocsin_native") is None:
            continue
        module = ".".join(path.relative_to(STREAMS.parent).with_suffix("").parts).removesuffix(".__init__")
        for kind in vars(importlib.import_module(module)).values():
            if inspect.isclass(kind) and kind.__module__ == module:
                seen += any(is_from_library(base.__module__) for base in kind.__mro__)
                found |= {kind: uses} if (uses := inherited_uses(kind)) else {}
    assert found == {}
    assert seen >= 2, "StageApp and PassThroughSchema"


def test_a_class_that_uses_inherited_private_names_is_found():
    class Overrides(faust.App):
        async def _consumer_wait_empty(self, consumer, logger):
            pass

    class Uses(mode.Service):
        def ended(self):
            self._stopped.set()

    class Clashes(faust.App):
        _stopped: bool = True

        def __init__(self):
            self._producer = None

    assert inherited_uses(Overrides) == {"_consumer_wait_empty"}
    assert inherited_uses(Uses) == {"_stopped"}
    assert inherited_uses(Clashes) == {"_producer", "_stopped"}


def test_every_file_of_patches_is_described():
    files = {path.stem for path in PATCHES.glob("*.py")} - {"__init__"}
    assert files == set(re.findall(r"^    (\w+) {2,}\S", patches.__doc__, re.M))


def test_all_patches_are_installed_together(monkeypatch):
    replaced = {
        (fetcher, "MemoryRecords"): LenientRecords,
        (fetcher, "PartitionRecords"): PartitionRecords,
        (fetcher, "FetchResult"): FetchResult,
        (aiokafka_consumer, "Fetcher"): BoundedFetcher,
        (aiokafka_consumer, "GroupCoordinator"): GroupMember,
    }
    for module, name in replaced:
        monkeypatch.setattr(module, name, None)
    install_patches()
    assert {(module, name): getattr(module, name) for module, name in replaced} == replaced


def test_a_fetcher_closes_its_task_and_then_its_requests():
    closing = source(fetcher.Fetcher.close)
    assert closing.index("self._fetch_task.cancel()") < closing.index("in self._pending_tasks")


@pytest.mark.parametrize(
    ("function", "names"),
    [
        (driver.AIOKafkaConsumerThread._create_worker_consumer, ["transport"]),
        (driver.AIOKafkaConsumerThread._ensure_consumer, []),
        (driver.AIOKafkaConsumerThread.seek_wait, ["partitions"]),
        (driver.AIOKafkaConsumerThread._seek_wait, ["consumer", "partitions"]),
        (driver.AIOKafkaConsumerThread.getmany, ["active_partitions", "timeout"]),
        (driver.Consumer._new_consumer_thread, []),
        (PartitionAssignor._get_changelog_distribution, ["assignments"]),
        (PartitionAssignor._get_external_topic_distribution, ["assignments"]),
        (AIOKafkaAdminClient._send_request, ["request", "node_id"]),
        (fetcher.PartitionRecords._consumer_record, ["tp", "record"]),
        (fetcher.FetchResult.getall, ["max_records"]),
        (Consumer.perform_seek, []),
        (Consumer.on_partitions_revoked, ["revoked"]),
        (Consumer._add_gap, ["tp", "offset_from", "offset_to"]),
        (Consumer._new_offset, ["tp"]),
        (Consumer.track_message, ["message"]),
        (faust.Topic._compile_decode, []),
        (faust.Schema.loads_key, ["app", "message", "loads", "serializer"]),
        (faust.Schema.loads_value, ["app", "message", "loads", "serializer"]),
        (aiokafka.AIOKafkaProducer.create_batch, []),
        (aiokafka.AIOKafkaProducer.send_batch, ["batch", "topic", "partition"]),
        (aiokafka.AIOKafkaProducer.partitions_for, ["topic"]),
        (BatchBuilder.append, ["timestamp", "key", "value", "headers"]),
        (BatchBuilder.record_count, []),
    ],
)
def test_signatures(function, names):
    assert parameters(function) == names


def test_our_overrides_keep_the_signatures_they_replace():
    for ours, theirs in (
        (ReadCommittedThread, driver.AIOKafkaConsumerThread),
        (PositionedConsumer, driver.Consumer),
        (PromptlyStoppingApp, App),
        (StageApp, App),
        (BatchTopic, faust.Topic),
        (BoundedFetcher, fetcher.Fetcher),
        (ClosableFetcher, ClosableFetcher.__base__),
        (FetchResult, FetchResult.__base__),
        (GroupMember, GroupMember.__base__),
        (PartitionRecords, PartitionRecords.__base__),
        (WorkerAssignor, PartitionAssignor),
        (EvenShares, CopartitionedAssignor),
    ):
        for name, function in vars(ours).items():
            if inspect.isfunction(function) and not name.startswith("__") and hasattr(theirs, name):
                assert parameters(function) == parameters(getattr(theirs, name)), name
                assert inspect.iscoroutinefunction(function) == inspect.iscoroutinefunction(
                    getattr(theirs, name)
                )


def test_who_leads_the_group_shares_with_our_class(app):
    assert isinstance(app.assignor, WorkerAssignor)
    assert partition_assignor.CopartitionedAssignor is EvenShares
    # A partition that two members say they have, as one that was put out of the group may.
    members = {name: CopartitionedAssignment({0, 1}) for name in ("a", "b")}
    shared = EvenShares({"topic"}, members, 4, 0)
    assert shared._client_assignments is members
    assert shared.get_assignment() is members
    assert sorted(n for member in members.values() for n in member.actives) == [0, 1, 2, 3]
    called = source(PartitionAssignor._perform_assignment)
    assert "CopartitionedAssignor(" in called
    assert "assignor.get_assignment()" in called


def test_the_transport_makes_our_consumer_with_our_thread(app):
    async def scenario():
        assert isinstance(app.transport, PositionedTransport)
        consumer = app.transport.create_consumer(
            callback=lambda _: None,
            on_partitions_revoked=lambda _: None,
            on_partitions_assigned=lambda _: None,
        )
        assert type(consumer) is PositionedConsumer
        assert type(consumer._thread) is ReadCommittedThread
        assert app.consumer.app is app
        assert type(app.consumer) is PositionedConsumer

    in_loop(scenario)


def test_the_partitions_of_a_worker_are_one_set_until_they_change(app):
    async def scenario():
        thread = app.consumer._thread
        thread._consumer = thread._create_worker_consumer(app.transport)
        assert thread.assignment() == set()
        subscription = thread._consumer._subscription
        subscription.subscribe({"a"})
        for tps in ({TP("a", 0), TP("a", 1)}, {TP("a", 1)}):
            subscription.assign_from_subscribed({TopicPartition(*tp) for tp in tps})
            assert thread.assignment() == tps
            assert all(isinstance(tp, TP) for tp in thread.assignment())
            assert thread.assignment() is thread.assignment()

    in_loop(scenario)


def test_the_isolation_level_is_read_when_the_consumer_starts(app):
    async def scenario():
        thread = app.consumer._thread
        made = thread._create_worker_consumer(app.transport)
        assert isinstance(made, aiokafka.AIOKafkaConsumer)
        assert made._isolation_level == "read_committed"
        # Faust by itself reads uncommitted records.
        plain = driver.AIOKafkaConsumerThread._create_worker_consumer(thread, app.transport)
        assert plain._isolation_level == "read_uncommitted"

    in_loop(scenario)
    assert "isolation_level=self._isolation_level" in source(aiokafka.AIOKafkaConsumer.start)


def test_the_fetch_limits_are_read_when_the_consumer_starts(app):
    async def scenario():
        thread = app.consumer._thread
        plain = driver.AIOKafkaConsumerThread._create_worker_consumer(thread, app.transport)
        made = thread._create_worker_consumer(app.transport)
        assert made._fetch_max_bytes == memory.MAX_ANSWER_BYTES < plain._fetch_max_bytes

    in_loop(scenario)
    assert "fetch_max_bytes=self._fetch_max_bytes" in source(aiokafka.AIOKafkaConsumer.start)


def test_a_fetcher_decides_in_one_place_what_to_request():
    assert "= self._get_actions_per_node(assignment)" in source(fetcher.Fetcher._fetch_requests_routine)
    deciding = source(fetcher.Fetcher._get_actions_per_node)
    assert "return (\n            fetch_requests,\n" in deciding
    # When a result is used up, it decides again.
    assert "self._notify(self._wait_consume_future)" in source(fetcher.Fetcher.fetched_records)


def test_a_fetcher_keeps_its_results_by_partition_in_order():
    handing_out = source(fetcher.Fetcher.fetched_records)
    assert "for tp in list(self._records.keys()):" in handing_out
    assert "del self._records[tp]" in handing_out
    assert "self._subscriptions.wait_for_assignment()" in handing_out
    assert "self._records[tp] = FetchResult(" in source(fetcher.Fetcher._proc_fetch_request)
    assert "MemoryRecords(" in source(fetcher.Fetcher._proc_fetch_request)


def test_a_thread_that_crashed_can_be_stopped_without_its_loop(app):
    async def scenario():
        thread = app.consumer._thread
        thread.thread_loop.close()
        # mode alone would call into the closed loop.
        with pytest.raises(RuntimeError, match="closed"):
            driver.AIOKafkaConsumerThread._stopped_set(thread)
        thread._stopped_set()
        assert thread.should_stop

    in_loop(scenario)
    assert "self.thread_loop.close()" in source(ServiceThread._start_thread)


def test_a_missing_offset_raises_when_resets_are_not_allowed(app):
    async def scenario():
        thread = app.consumer._thread
        thread._consumer = SimpleNamespace(_fetcher=SimpleNamespace(_default_reset_strategy=None))
        thread.allow_resets(False)
        assert thread._consumer._fetcher._default_reset_strategy == OffsetResetStrategy.NONE
        thread.allow_resets(True)
        assert thread._consumer._fetcher._default_reset_strategy == OffsetResetStrategy.EARLIEST
        thread._consumer = None

    in_loop(scenario)
    assert "self._fetcher = Fetcher(" in source(aiokafka.AIOKafkaConsumer.start)
    handling = source(fetcher.Fetcher._proc_fetch_request)
    assert "self._default_reset_strategy != OffsetResetStrategy.NONE" in handling
    assert "self._set_error(tp, err)" in handling
    assert "res_or_error.check_raise()" in source(fetcher.Fetcher.fetched_records)


@pytest.fixture
def seeking(app):
    """A function that assigns partitions to a consumer and lets it seek; `during` runs within the seek.

    It returns the consumer, its seeks, and the calls that allowed or forbade resets.
    """
    restored = {TP("a", 0): 7, TP("b", 0): 0, TP("gone", 3): 9}

    def run(assignment, during=do_nothing):
        seeks, resets = [], []

        async def scenario():
            consumer = app.consumer

            async def seek_wait(_consumer, offsets):
                seeks.append((dict(offsets), resets[-1]))
                await during(consumer)

            async def followed(*_):
                pass

            thread = SimpleNamespace(
                assignment=lambda: set(assignment),
                _ensure_consumer=lambda: None,
                _seek_wait=seek_wait,
                allow_resets=resets.append,
                applied={},
            )
            thread.seek_for_good = partial(ReadCommittedThread.seek_in_thread, thread)
            consumer._thread = thread
            consumer._on_partitions_revoked = consumer._on_partitions_assigned = followed
            app.restored_positions = lambda: restored
            await consumer.on_partitions_revoked(set())
            await consumer.on_partitions_assigned(set(assignment), 1)
            consumer._committed_offset[TP("a", 0)] = 600_000
            await consumer.perform_seek()
            return consumer

        return in_loop(scenario), seeks, resets

    return run


async def do_nothing(_consumer):
    pass


def test_perform_seek_goes_to_the_restored_positions_and_forbids_resets_before(seeking):
    """A fetch right after it would else move to the beginning of a recreated log, and its records be skipped."""
    consumer, seeks, resets = seeking({TP("a", 0), TP("b", 0)})
    assert seeks == [({TP("a", 0): 7, TP("b", 0): 0}, False)]
    assert resets == [True, False]
    assert consumer._read_offset[TP("a", 0)] == 7
    assert consumer._read_offset[TP("b", 0)] is None
    assert consumer._committed_offset[TP("a", 0)] is None


def test_a_seek_overtaken_by_another_rebalance_keeps_the_flow_stopped(seeking):
    async def revoke(consumer):
        await consumer.on_partitions_revoked({TP("b", 0)})

    async def revoke_and_assign(consumer):
        await revoke(consumer)
        await consumer.on_partitions_assigned({TP("a", 0)}, 2)

    for overtaken in (revoke, revoke_and_assign):
        consumer, _, resets = seeking({TP("a", 0), TP("b", 0)}, overtaken)
        consumer.stop_flow()
        consumer.resume_flow()
        assert not consumer.flow_active
        assert resets == [True, False, True]


def test_all_partitions_are_sought_before_the_fetcher_gets_a_turn():
    seeking = source(driver.AIOKafkaConsumerThread._seek_wait)
    assert "consumer.seek(tp, offset)" in seeking.partition("await ")[0]


def test_a_seek_that_comes_after_the_next_rebalance_began_seeks_nothing_and_allows_resets():
    """Newly assigned partitions may have no offset at all."""
    resets = []
    thread = SimpleNamespace(allow_resets=resets.append)
    asyncio.run(ReadCommittedThread.seek_in_thread(thread, {TP("a", 0): 7}, lambda: False))
    assert resets == [False, True]


def test_there_is_no_seek_before_every_partition_is_taken_over(seeking):
    consumer, seeks, resets = seeking({TP("a", 0), TP("a", 1)})
    consumer.stop_flow()
    consumer.resume_flow()
    assert (seeks, resets, consumer.flow_active) == ([], [True], False)


def test_there_is_no_seek_between_two_assignments(seeking):
    async def then_seek_again(consumer):
        if consumer._generation is not None:
            await consumer.on_partitions_revoked(set())
            await consumer.perform_seek()

    consumer, seeks, resets = seeking({TP("a", 0), TP("b", 0)}, then_seek_again)
    assert len(seeks) == 1
    assert resets == [True, False, True]


def test_records_flow_after_the_seek_of_their_assignment(seeking):
    consumer, _, _ = seeking({TP("a", 0), TP("b", 0)})
    consumer.stop_flow()
    consumer.resume_flow()
    assert consumer.flow_active
    # The flow alone decides whether a fetch is used. While it is stopped, a fetch is dropped and its offsets
    # are sought again.
    assert "if self.flow_active:" in source(Consumer.getmany)
    assert "consumer.resume_flow()" in source(Recovery._resume_streams)


def test_records_below_the_read_offset_are_dropped_and_none_drops_nothing():
    draining = source(Consumer._drain_messages)
    assert "r_offset is None or offset >= r_offset" in draining
    assert "set_read_offset(tp, offset)" in draining


def message(tp, offset):
    return ConsumerMessage(tp.topic, tp.partition, offset, timestamp=0.0, timestamp_type=1, headers=(), key=None, value=[],
                   checksum=None, tp=tp, generation_id=0)  # fmt: skip


def test_acks_below_the_committed_offset_would_be_ignored(app):
    async def scenario():
        tp = TP("a", 0)
        app.topics._acking_topics.add("a")
        consumer = app.consumer
        consumer._committed_offset[tp] = 10
        assert not consumer.ack(message(tp, 5))
        # perform_seek sets None because the group's offset may be ahead of the position.
        consumer._committed_offset[tp] = None
        assert consumer.ack(message(tp, 5))

    in_loop(scenario)


def test_what_is_passed_over_moves_the_offset_of_the_group_until_the_next_assignment(seeking):
    consumer, _, _ = seeking({TP("a", 0), TP("b", 0)})
    tp = TP("a", 0)
    consumer.pass_over(tp, 8)
    assert consumer._thread.applied == {tp: 8}
    assert consumer._filter_committable_offsets([tp]) == {tp: 8}

    asyncio.run(consumer.on_partitions_assigned({tp}, 2))
    assert consumer._thread.applied == {}


def test_the_newest_ack_is_committed_despite_gaps(app):
    async def scenario():
        tp = TP("a", 0)
        app.topics._acking_topics.add("a")
        consumer = app.consumer
        await consumer._add_gap(tp, 1, 999)
        # The offsets of the last records of three batches.
        for offset in (999, 1999, 5000):
            assert consumer.ack(message(tp, offset))
        assert consumer._filter_committable_offsets([tp]) == {tp: 5001}
        assert consumer._acked[tp] == []
        assert consumer._acked_index[tp] == set()
        assert consumer._filter_committable_offsets([tp]) == {}

    in_loop(scenario)


def test_the_scheduler_yields_batches_that_faust_takes_for_records(app):
    records = [aiokafka.ConsumerRecord("a", 0, n, 1000 + n, 1, b"k", b"v", None, 1, 1, ()) for n in (3, 4)]
    fetched = FetchedRange(records, 3, 5, 77)

    async def scenario():
        assert isinstance(app.consumer.scheduler, BatchScheduler)
        ((tp, batch),) = app.consumer.scheduler.iterate({TP("a", 0): fetched})
        made = app.consumer._to_message(tp, batch)
        assert (made.offset, made.timestamp, made.value) == (4, 1.004, fetched)
        assert made.serialized_value_size == batch.serialized_value_size > 0
        assert made.generation_id == app.consumer_generation_id

    in_loop(scenario)
    assert {line.split("record.")[1].split(",")[0].split("\n")[0] for line in
            source(driver.Consumer._to_message).splitlines() if "record." in line} <= set(RecordBatch.__slots__)  # fmt: skip
    assert "self.scheduler.iterate(records)" in source(Consumer.getmany)


def test_the_conductor_decodes_by_the_attribute_that_compile_decode_sets(app):
    async def scenario():
        topic = app.topic("a", schema=PassThroughSchema())
        assert isinstance(topic, BatchTopic)
        # An agent iterates a clone of its topic, so the clone needs its own `decode`.
        clone = topic.clone(is_iterator=True)
        assert clone.decode is not topic.decode
        assert clone.waiting is topic.waiting
        made = message(TP("a", 0), 5)
        made.value = records = [1, 2]
        event = await clone.decode(made, propagate=True)
        assert event.value is records
        assert event.message is made

    in_loop(scenario)


@pytest.mark.parametrize("build", [conductor.ConductorCompiler().build, conductor.ConductorHandler])
def test_the_conductor_decodes_by_that_attribute_and_queues_the_result(app, build):
    async def scenario():
        topic = app.topic("a", schema=PassThroughSchema())
        decode, decoded = topic.decode, []

        async def noting(message, *, propagate=False):
            decoded.append(message)
            return await decode(message, propagate=propagate)

        topic.decode = noting
        app.flow_control.resume()
        on_message = build(app.topics, TP("a", 0), {topic})
        made = message(TP("a", 0), 5)
        await on_message(made)
        assert decoded == [made]
        assert topic.queue.get_nowait().message is made

    in_loop(scenario)


def test_a_rebalance_clears_the_queue_of_an_agent(app):
    async def scenario():
        topic = app.topic("a", schema=PassThroughSchema())
        assert isinstance(topic.queue, ThrowableQueue)
        topic.queue.force_put_nowait(SimpleNamespace(value=[1, 2]))
        assert [event.value for event in topic.queue._queue] == [[1, 2]]
        app.flow_control.clear()
        assert topic.queue.empty()

    in_loop(scenario)
    assert "flow_control.clear()" in source(App._on_partitions_revoked)
    assert issubclass(ThrowableQueue, FlowControlQueue)
    assert parameters(FlowControlEvent.clear) == []


def test_a_rebalance_is_followed_by_our_signal_then_the_seek_then_fetching():
    resuming = source(Recovery._resume_streams)
    steps = [
        "app.on_rebalance_complete.send()",
        "consumer.perform_seek()",
        "app.flow_control.resume()",
        "consumer.resume_flow()",
    ]
    places = [resuming.index(step) for step in steps]
    assert places == sorted(places)
    # Without tables, nothing else runs between these steps.
    assert "if not self.tables" in source(recovery.Recovery._restart_recovery.fun)


def test_revoked_partitions_are_drained_before_our_signal_is_sent():
    revoking = source(App._on_partitions_revoked)
    steps = [
        "consumer.stop_flow",
        "self.flow_control.clear",
        "_consumer_wait_empty",
        "self.on_partitions_revoked.send",
    ]
    places = [revoking.index(step) for step in steps]
    assert places == sorted(places)


def test_a_fetch_that_returns_while_paused_is_dropped_and_sought_again():
    fetching = source(Consumer.getmany)
    assert "if self.flow_active:" in fetching
    assert "await self.perform_seek()" in fetching


def test_shutdown_waits_for_streams_before_it_sends_our_signal():
    stopping = source(App.on_stop)
    assert stopping.index("_stop_consumer()") < stopping.index("on_before_shutdown.send()")
    assert app_base.App.on_before_shutdown is not None


def test_an_event_can_be_acknowledged_by_hand(app):
    async def scenario():
        tp = TP("a", 0)
        app.topics._acking_topics.add("a")
        topic = app.topic("a", schema=PassThroughSchema())
        made = message(tp, 5)
        made.incref(1)
        event = await topic.decode(made, propagate=True)
        # The intake does this for events that it takes from the queue.
        assert made.tracked is False
        made.tracked = True
        app.consumer.track_message(made)
        assert made in app.consumer.unacked
        event.ack()
        assert made.acked
        assert app.consumer._acked[tp] == [5]
        app.consumer._clean_unacked_messages()
        assert made not in app.consumer.unacked

    in_loop(scenario)


def test_a_stream_without_acks_yields_events_of_its_own_channel(app):
    async def scenario():
        topic = app.topic("a", schema=PassThroughSchema())
        stream = topic.stream()
        assert stream.noack() is not None
        assert stream.noack().enable_acks is False
        assert isinstance(stream.channel, BatchTopic)
        assert inspect.isasyncgenfunction(faust.Stream.events)

    in_loop(scenario)


def test_a_service_under_a_crashing_supervisor_is_not_restarted(app):
    async def scenario():
        service = mode.Service()
        assert app.conf.agent_supervisor is mode.CrashingSupervisor
        supervisor = app.conf.agent_supervisor(service, max_restarts=100.0, over=1.0, replacement=None)
        supervisor.add(service)
        # mode's `Service.crash` asks the service's supervisor first. Without one, the exception reaches the
        # worker.
        assert service.supervisor is None

    in_loop(scenario)


def test_fetching_crashes_when_reading_raises():
    assert "raise" in source(Consumer._drain_messages)
    assert "_drain_messages" in source(Fetcher)


def test_the_tested_versions_of_faust_and_aiokafka_are_installed():
    assert faust.__version__ == "0.15.3"
    assert aiokafka.__version__ == "0.14.0"


def test_the_fetched_position_is_known_without_asking_the_broker(app):
    async def scenario():
        tp = TP("a", 0)
        consumer = aiokafka.AIOKafkaConsumer(bootstrap_servers="127.0.0.1:1")
        thread = app.consumer._thread
        thread._ensure_consumer = lambda: consumer
        assert thread.fetched(tp) is None
        consumer.assign([aiokafka.TopicPartition(*tp)])
        state = consumer._subscription.subscription.assignment.state_value(tp)
        assert thread.fetched(tp) is None, "unknown before the first fetch"
        state.seek(7)
        # What the fetcher does when a response arrives, and when it returns records.
        state.highwater, state.lso = 12, 10
        state.consumed_to(9)
        assert thread.fetched(tp) == (9, -1, 10, 12, None)
        assert thread.fetched(TP("a", 1)) is None

    in_loop(scenario)
    assert "self._records_iterator = self._unpack_records()" in source(fetcher.PartitionRecords.__init__)
    moving = source(fetcher.FetchResult._update_position)
    assert "consumed_to(self._partition_records.next_fetch_offset)" in moving
    assert "tp_state.highwater = highwater" in source(fetcher.Fetcher)
    assert "tp_state.lso = lso" in source(fetcher.Fetcher)


def test_fetched_records_are_returned_as_ranges(monkeypatch):
    monkeypatch.setattr(fetcher, "FetchResult", fetcher.FetchResult)
    install_fetched_range()
    # The fetcher looks up the name in its module for each fetch, and again when it returns the records.
    assert fetcher.FetchResult is FetchResult
    assert "FetchResult(" in source(fetcher.Fetcher._proc_fetch_request)
    handing_out = source(fetcher.Fetcher.fetched_records)
    assert "type(res_or_error) is FetchResult" in handing_out
    assert "records = res_or_error.getall(max_records)" in handing_out
    assert "drained[tp] = records" in handing_out
    # It skips fetches without records, so a range may begin before the position.
    assert "if not records:\n                        continue" in handing_out

    class Unpacking:
        next_fetch_offset = 7
        _records = LenientRecords(b"")

        def __init__(self):
            self._records_iterator = self.unpack()

        def unpack(self):
            yield "record"
            self.next_fetch_offset = 9

    async def scenario():
        tp = aiokafka.TopicPartition("a", 0)
        assignment = Assignment({tp})
        assignment.state_value(tp).seek(7)
        made = FetchResult(tp, assignment=assignment, partition_records=Unpacking(), backoff=0)
        records = made.getall()
        assert (type(records), records, records.begin, records.end) == (FetchedRange, ["record"], 7, 9)
        assert assignment.state_value(tp).position == 9

    in_loop(scenario)


def test_faust_returns_the_fetchers_lists_unchanged():
    assert "return await fetcher.fetched_records(" in source(driver.AIOKafkaConsumerThread._fetch_records)
    assert "return await self.call_thread(" in source(driver.AIOKafkaConsumerThread.getmany)


def test_the_worker_is_in_touch_while_heartbeats_are_answered(app, monkeypatch):
    replies = iter([SimpleNamespace(error_code=0), KafkaConnectionError(), SimpleNamespace(error_code=15)])

    async def send(_request):
        reply = next(replies)
        if isinstance(reply, Exception):
            raise reply
        return reply

    async def scenario():
        made = GroupMember.__new__(GroupMember)
        made.coordinator_id, made.group_id, made.generation, made.member_id = 1, "g", 1, "m"
        made._coordinator_dead_fut = asyncio.get_running_loop().create_future()
        made._send_req = send
        thread = app.consumer._thread
        thread._ensure_consumer = lambda: SimpleNamespace(_coordinator=made)
        assert not app.consumer.in_touch(), "the broker has not answered yet"
        made._heartbeat_task = object()
        made._start_heartbeat_task()
        assert app.consumer.in_touch(), "joining the group counts as an answer"
        made.answered_at = -1e9
        assert await made._do_heartbeat()
        assert app.consumer.in_touch()
        now = made.answered_at + consumer_thread.UNANSWERED_SECONDS
        monkeypatch.setattr(consumer_thread.time, "monotonic", lambda: now)
        assert not await made._do_heartbeat()
        assert not await made._do_heartbeat()
        assert not app.consumer.in_touch()

    in_loop(scenario)
    assert "self._start_heartbeat_task()" in source(group_coordinator.GroupCoordinator.ensure_active_group)
    assert "await self._do_heartbeat()" in source(group_coordinator.GroupCoordinator._heartbeat_routine)
    assert "self._coordinator = GroupCoordinator(" in source(aiokafka.AIOKafkaConsumer.start)


def test_a_worker_asks_its_group_whether_its_generation_is_current():
    async def scenario():
        made = GroupMember.__new__(GroupMember)
        made.coordinator_id, made.group_id, made.generation, made.member_id = 1, "g", 3, "m"
        made._coordinator_dead_fut = asyncio.get_running_loop().create_future()
        made.request_rejoin = lambda: None
        sent = []

        async def send(request):
            sent.append(request)
            return SimpleNamespace(error_code=codes.pop(0))

        made._send_req = send
        # 27: a rebalance has begun, of which this worker is still a member. 22: the group has another
        # generation.
        codes = [0, 27, 22]
        answers = [await made.is_current(3), await made.is_current(3), await made.is_current(2)]
        assert len(sent) == 2, "an old generation needs no question"
        made.reset_generation = lambda: None
        return [*answers, await made.is_current(3)]

    assert in_loop(scenario) == [True, True, False, False]


def test_what_a_fetch_may_wait_for_is_read_for_each_request():
    assert "self._fetch_max_wait_ms," in source(fetcher.Fetcher._get_actions_per_node)
    assert "for topic, partitions in response.topics:" in source(fetcher.Fetcher._proc_fetch_request)
    request = FetchRequest(500, 1, 1, 1, [("reports", [(0, 7, 9)])])
    request._topics = [("reports", [(1, 8, 9)])]
    assert request.topics == [("reports", [(1, 8, 9)])]
    routine = source(fetcher.Fetcher._fetch_requests_routine)
    assert "self._proc_fetch_request(assignment, node_id, request)" in routine
    assert parameters(fetcher.Fetcher._proc_fetch_request) == ["assignment", "node_id", "request"]


def test_the_consumer_of_the_sources_collects_records(app):
    async def scenario():
        thread = app.consumer._thread
        made = SimpleNamespace(
            start=lambda: asyncio.sleep(0), _fetcher=SimpleNamespace(), _coordinator=SimpleNamespace()
        )
        thread._create_consumer = lambda loop: made
        await thread.on_start()
        assert made._fetcher.collects == app.cycle.pace.fetch_seconds

    in_loop(scenario)
    assert "self._fetcher = Fetcher(" in source(aiokafka.AIOKafkaConsumer.start)


@pytest.mark.parametrize("known_after", [0, 2, None])
def test_a_leader_that_has_just_started_waits_for_unknown_topics(monkeypatch, known_after):
    monkeypatch.setattr(group_member, "TOPICS_SECONDS", 0.3)
    asked = []

    async def ask():
        asked.append(True)

    async def perform_assignment(self, _response):
        known = known_after is not None and len(asked) >= known_after
        self._metadata_snapshot = {"reports": 4, "outcomes": 4 * known}
        return {"member": b"share" if known else b"nothing"}

    monkeypatch.setattr(group_coordinator.GroupCoordinator, "_perform_assignment", perform_assignment)
    leader = GroupMember.__new__(GroupMember)
    leader._client = SimpleNamespace(force_metadata_update=ask)
    shares = in_loop(lambda: leader._perform_assignment(None))
    if known_after is None:
        # It stops waiting before its session ends.
        assert shares == {"member": b"nothing"}
    else:
        assert shares == {"member": b"share"}
        assert len(asked) == known_after
    asked.clear()
    leader.answered_at = 0.0
    in_loop(lambda: leader._perform_assignment(None))
    assert not asked, "a member that joined before must not wait: a missing topic was deleted"


def test_a_leader_keeps_the_partition_counts_that_it_assigned():
    shares_out = source(group_coordinator.GroupCoordinator._perform_assignment)
    assert "self._metadata_snapshot = self._get_metadata_snapshot()\n\n        return" in shares_out
    assert "._perform_assignment(response)" in source(
        group_coordinator.CoordinatorGroupRebalance._on_join_leader
    )


def test_consumers_join_groups_as_group_members(monkeypatch):
    monkeypatch.setattr(aiokafka_consumer, "GroupCoordinator", group_coordinator.GroupCoordinator)
    install_group_member()
    assert aiokafka_consumer.GroupCoordinator is GroupMember


def test_the_group_is_joined_with_a_protocol_of_our_own(app, monkeypatch):
    made = {}
    monkeypatch.setattr(
        driver.aiokafka, "AIOKafkaConsumer", lambda **options: made.update(options) or SimpleNamespace()
    )

    async def scenario():
        app.consumer._thread._create_worker_consumer(app.transport)

    in_loop(scenario)
    assert [assignor.name for assignor in made["partition_assignment_strategy"]] == [PROTOCOL]
    assert "(assignor.name, metadata)" in source(
        group_coordinator.CoordinatorGroupRebalance.perform_group_join
    )


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (InconsistentGroupProtocolError, "the consumer group tocsin has members of another version"),
        (InvalidSessionTimeoutError, "set `group.min.session.timeout.ms` of the brokers to 6000"),
        (KafkaConnectionError, None),
    ],
)
def test_a_worker_that_is_not_let_into_its_group_ends(app, monkeypatch, error, message):
    async def refused(_member, _subscription, _previous):
        raise error

    async def started(_thread):
        pass

    monkeypatch.setattr(group_coordinator.GroupCoordinator, "ensure_active_group", refused)
    monkeypatch.setattr(driver.AIOKafkaConsumerThread, "on_start", started)
    reasons = []
    monkeypatch.setattr(app, "add_future", reasons.append)

    async def scenario():
        member = GroupMember.__new__(GroupMember)
        member._session_timeout_ms = int(app.conf.broker_session_timeout * 1000)
        thread = app.consumer._thread
        thread._consumer = SimpleNamespace(_coordinator=member, _fetcher=SimpleNamespace())
        await thread.on_start()
        with pytest.raises(error):
            await member.ensure_active_group(None, None)
        await asyncio.sleep(0)
        for reason in reasons:
            with pytest.raises(RefusedToStart, match=message):
                await reason

    in_loop(scenario)
    assert len(reasons) == (message is not None)
    assert "await self.ensure_active_group(" in source(group_coordinator)


def test_a_worker_takes_a_longer_session_where_brokers_allow_no_shorter_one(app, monkeypatch):
    asked = []

    async def join(member, _subscription, _previous):
        asked.append(member._session_timeout_ms)
        if member._session_timeout_ms < 6000:
            raise InvalidSessionTimeoutError
        return "assignment"

    monkeypatch.setattr(group_coordinator.GroupCoordinator, "ensure_active_group", join)

    async def scenario():
        member = GroupMember.__new__(GroupMember)
        member._session_timeout_ms = int(app.conf.broker_session_timeout * 1000)
        refused = []
        member.when_refused = refused.append
        assert [await member.ensure_active_group(None, None) for _ in range(2)] == ["assignment"] * 2
        assert refused == []

    in_loop(scenario)
    assert asked == [3000, 6000, 6000]
    # It is read for each join and each heartbeat's limit.
    assert "self._session_timeout_ms," in source(group_coordinator.GroupCoordinator._do_rejoin_group)


def member_that_sends(sent, instance=None):
    member = GroupMember.__new__(GroupMember)
    member.coordinator_id, member.group_id, member.generation, member.member_id = 1, "g", 3, "m"
    member._group_instance_id = instance
    member._coordinator_dead_fut = asyncio.get_running_loop().create_future()
    member.request_rejoin = lambda: None

    async def send(node, request, *, group):
        sent.append((type(request).__name__, int(group)))
        if node is None:
            raise KafkaConnectionError
        return SimpleNamespace(error_code=0)

    member._client = SimpleNamespace(send=send)
    return member


def test_commits_of_offsets_have_a_connection_of_their_own():
    async def scenario():
        sent = []
        member = member_that_sends(sent)
        assert await member._do_heartbeat()
        await member._send_req(OffsetCommitRequest("g", 3, "m", -1, []))
        assert sent == [("HeartbeatRequest", 1), ("OffsetCommitRequest", 2)]

    in_loop(scenario)
    assert "conn_id = (node_id, group)" in source(aiokafka.client.AIOKafkaClient._get_conn)


def test_a_worker_with_a_name_leaves_its_group_when_it_is_stopped():
    async def scenario():
        for instance in (None, "pod-0"):
            sent = []
            member = member_that_sends(sent, instance)
            await member._maybe_leave_group()
            assert sent == [("LeaveGroupRequest", 1)], instance
            assert member.generation == -1
            await member._maybe_leave_group()
            assert len(sent) == 1, "it is in no group any more"

    in_loop(scenario)
    assert "await self._maybe_leave_group()" in source(group_coordinator.GroupCoordinator.close)


def test_leaving_the_group_has_a_time_limit(app, monkeypatch):
    monkeypatch.setattr(consumer_thread, "LEAVING_SECONDS", 0.05)

    async def never_answered(_thread):
        await asyncio.sleep(3600)

    monkeypatch.setattr(driver.AIOKafkaConsumerThread, "on_thread_stop", never_answered)

    async def scenario():
        await asyncio.wait_for(app.consumer._thread.on_thread_stop(), 5)

    in_loop(scenario)
    assert "await self.on_thread_stop()" in source(ServiceThread._shutdown_thread)


def test_fetched_records_pass_through_the_thread():
    assert "self._thread.getmany(active_partitions, timeout)" in source(driver.Consumer._getmany)


async def never(*_):
    await asyncio.get_running_loop().create_future()


def test_an_unanswered_commit_times_out(app, monkeypatch):
    monkeypatch.setattr(consumer_thread, "OFFSETS_SECONDS", 0.01)

    async def scenario():
        thread = app.consumer._thread
        thread._consumer = SimpleNamespace(assignment=set, commit=never)
        try:
            return await asyncio.wait_for(thread._commit({TP("a", 0): 7}), 5)
        finally:
            thread._consumer = None

    assert in_loop(scenario) is False
    assert "call_thread(self._commit, offsets)" in source(driver.AIOKafkaConsumerThread.commit)


def test_a_producer_is_stopped_even_if_no_broker_answers(monkeypatch):
    monkeypatch.setattr(transaction, "STOPPING_SECONDS", 0.01)

    async def scenario():
        sender = asyncio.create_task(never())
        closed = []

        async def close():
            # Closing the client fails its requests, which a running sender would log.
            assert sender.cancelling()
            closed.append(True)

        producer = SimpleNamespace(
            stop=never,
            client=SimpleNamespace(close=close, _md_update_fut=None),
            _sender=SimpleNamespace(sender_task=sender),
        )
        producer.abandon = lambda: KafkaProducer.abandon(producer)
        await asyncio.wait_for(stop_producer(producer), 5)
        return closed

    assert in_loop(scenario) == [True]
    assert "self._sender.sender_task" in source(aiokafka.AIOKafkaProducer.stop)


def test_a_producer_tells_that_leaders_may_have_changed():
    async def scenario():
        producer = Connection("127.0.0.1:1").producer("reports-0")
        before = producer.leader_changes()
        assert producer.leader_changes() == before >= 0
        asked = producer.client.force_metadata_update()
        assert producer.leader_changes() == -1
        asked.cancel()
        producer.client._md_update_fut = None
        producer.client.cluster.update_metadata(MetadataResponse_v0([(0, "127.0.0.1", 1)], []))
        assert producer.leader_changes() > before
        await producer.abandon()
        return True

    assert in_loop(scenario)
    # A connection is lost, or a broker does not lead a log.
    assert "self.force_metadata_update()" in source(AIOKafkaClient._on_connection_closed)
    assert "force_metadata_update()" in source(aiokafka_sender.SendProduceReqHandler.handle_response)


@pytest.mark.parametrize("later_error", [IllegalOperation, AssertionError])
def test_a_producer_that_failed_fatally_reports_the_reason(later_error, monkeypatch):
    async def scenario():
        producer = Connection("127.0.0.1:1").producer("reports-0")
        manager = producer._txn_manager
        manager.set_pid_and_epoch(1, 0)
        manager.begin_transaction()
        # What the sender does when it is fenced. Later calls raise other errors.
        manager.fatal_error(ProducerFenced())
        with pytest.raises(AssertionError, match="Invalid state transition"):
            await producer.commit_transaction()
        assert not manager.is_in_transaction()
        monkeypatch.setattr(manager, "begin_transaction", raising(later_error))
        with pytest.raises(OwnershipLost, match="ProducerFenced") as lost:
            await write_transaction(producer, {}, 0)
        await producer.stop()
        return lost.value.fenced

    assert in_loop(scenario)
    assert "raise IllegalOperation" in source(aiokafka.AIOKafkaProducer.send_batch)


def test_an_abandoned_producer_is_closed(recwarn):
    async def scenario():
        producer = Connection("127.0.0.1:1").producer("reports-0")
        producer._sender._sender_task = asyncio.create_task(asyncio.sleep(60))
        update = producer.client.force_metadata_update()
        await producer.abandon()
        assert await update is False
        await producer.client._maybe_wait_metadata()
        # Who waits for its answers hears of it, since nobody updates its metadata any more.
        with pytest.raises(ProducerClosed):
            await producer.update_metadata()
        return producer._sender.sender_task.cancelled()

    assert in_loop(scenario)
    gc.collect()
    assert not [each for each in recwarn if "Unclosed" in str(each.message)]


def test_what_a_producer_is_refused_is_noted():
    async def scenario():
        producer = Connection("127.0.0.1:1").producer("reports-0")
        producer._txn_manager.set_pid_and_epoch(1, 0)
        await producer.begin_transaction()
        handler = aiokafka_sender.SendProduceReqHandler(producer._sender, {})
        batch = SimpleNamespace(tp=TopicPartition("a", 0), expired=lambda: False)
        # It is repeated for ever, so nobody else hears of it.
        assert handler._can_retry(NotEnoughReplicasError(), batch)
        producer.client.force_metadata_update = lambda: asyncio.ensure_future(asyncio.sleep(0, True))
        producer.client.add_topic = lambda _topic: None
        producer.client.cluster.leader_for_partition = lambda _tp: -2
        producer.client.ready = lambda _node: asyncio.sleep(0, True)
        ask = partial(producer.troubles, [("a", 0)], others_answered=True)
        found = await ask(1.5), await ask(3.5)
        await producer.stop()
        return found

    before, after = in_loop(scenario)
    assert before == []
    assert [(each.destination, each.reason, each.detail) for each in after] == [
        (("a", 0), "refused", "NotEnoughReplicasError()")
    ]
    assert "SendProduceReqHandler(self, batches)" in source(aiokafka_sender.Sender._send_produce_req)


def test_a_producer_goes_on_with_the_answer_that_adds_its_logs():
    async def scenario():
        producer = Connection("127.0.0.1:1").producer("reports-0")
        producer._txn_manager.set_pid_and_epoch(1, 0)
        await producer.begin_transaction()
        joining = asyncio.create_task(producer.join([("a", 0), ("b", 1)]))
        await asyncio.sleep(0.01)
        handler = aiokafka_sender.AddPartitionsToTxnHandler(
            producer._sender, producer._txn_manager.partitions_to_add()
        )
        for code in (CoordinatorLoadInProgressError.errno, 0):
            assert not joining.done()
            errors = [("a", [(0, code)]), ("b", [(1, code)])]
            handler.handle_response(SimpleNamespace(errors=errors))
            began = time.monotonic()
            await asyncio.wait([joining], timeout=0.01)
        assert joining.done()
        await joining
        assert time.monotonic() - began < producer_module._ADDED_SECONDS
        # One that has failed meanwhile is told why.
        again = asyncio.create_task(producer.join([("c", 0)]))
        await asyncio.sleep(0.01)
        producer._txn_manager.fatal_error(ProducerFenced())
        with pytest.raises(ProducerFenced):
            await again
        await producer.abandon()

    in_loop(scenario)
    assert "AddPartitionsToTxnHandler(self, tps)" in source(aiokafka_sender.Sender._do_add_partitions_to_txn)


def test_producers_of_others_in_this_process_add_their_logs_as_before():
    install_noting_handlers()
    added = []
    manager = SimpleNamespace(partition_added=added.append)
    handler = aiokafka_sender.AddPartitionsToTxnHandler(
        SimpleNamespace(_txn_manager=manager, _retry_backoff=0.1), []
    )
    assert handler.handle_response(SimpleNamespace(errors=[("a", [(0, 0)])])) is None
    assert added == [TopicPartition("a", 0)]


def test_a_producer_that_fails_before_its_first_transaction_loses_ownership_too():
    async def scenario():
        producer = Connection("127.0.0.1:1").producer("reports-0")
        producer._txn_manager.set_pid_and_epoch(1, 0)
        # aiokafka fails because no transaction has begun, and does not keep the reason.
        with pytest.raises(AttributeError):
            producer._txn_manager.fatal_error(ProducerFenced())
        with pytest.raises(OwnershipLost, match="Invalid state transition"):
            await write_transaction(producer, {}, 0)
        await producer.stop()

    in_loop(scenario)


def raising(error):
    def raise_it():
        raise error

    return raise_it


def test_a_stopping_worker_does_not_wait_long_for_its_cycle(app, monkeypatch):
    monkeypatch.setattr(patched_app, "FINISHING_SECONDS", 0.01)

    async def scenario():
        app.conf.stream_wait_empty = True
        # The worker is stopping. In a rebalance it must wait for the cycle, because the next owner depends on
        # it.
        app._stopped.set()
        ended = []

        async def wait_empty():
            try:
                await never()
            finally:
                ended.append(True)

        await asyncio.wait_for(app._consumer_wait_empty(SimpleNamespace(wait_empty=wait_empty), app.log), 5)
        await asyncio.sleep(0)
        return ended

    assert in_loop(scenario) == [True]
    assert "await self._consumer_wait_empty(consumer, self.log)" in source(App._stop_consumer)
    # This is why asyncio.timeout cannot be used: Faust takes its cancellation for that of the commit it waits
    # for.
    assert "except asyncio.CancelledError" in source(Consumer.maybe_wait_for_commit_to_finish)


def test_a_batch_can_have_another_codec_than_the_producer():
    creating = source(aiokafka.AIOKafkaProducer.create_batch)
    assert "return self._message_accumulator.create_builder(" in creating
    made = source(MessageAccumulator.create_builder)
    for argument in ("self._batch_size,", "self._compression_type,", "is_transactional=is_transactional,"):
        assert argument in made


def test_a_producer_asks_no_more_of_a_batch_than_ours_has():
    """Of one that takes no more records, and whose producer has a transaction."""
    used = set(re.findall(r"self\._builder\.(\w+)\(", source(MessageBatch)))
    used |= set(re.findall(r"(?:batch\._)?builder\.(\w+)\(", source(MessageAccumulator)))
    assert used - {"append"} <= {name for name in vars(EncodedBatch) if callable(getattr(EncodedBatch, name))}
    # Nothing is added to one that others made: a producer does so in `send`, which we do not call.
    assert "append(" not in source(MessageAccumulator.add_batch)


@pytest.mark.parametrize(
    ("name", "quick"),
    [("lz4_encode", producer_module.quick_lz4), ("zstd_encode", producer_module.quick_zstd)],
)
def test_batches_are_compressed_by_the_quick_functions(name, quick, monkeypatch):
    builders = sys.modules[DefaultRecordBatchBuilder.__module__]
    monkeypatch.setattr(builders, name, None)
    producer_module.install_quick_codecs()
    assert getattr(builders, name) is quick
    # An extension that looked the function up when it was imported would not call ours.
    monkeypatch.setattr(builders, name, lambda _: b"compressed")
    codec = getattr(DefaultRecordBatch, f"CODEC_{name.removesuffix('_encode').upper()}")
    builder = BatchBuilder(100_000, codec, is_transactional=True)
    builder.append(timestamp=1, key=b"", value=bytes(100))
    assert bytes(builder._build()).endswith(b"compressed")
