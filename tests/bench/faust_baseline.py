"""The baseline: the same job as Faust's documentation teaches it, with settings a careful user would choose.

It uses `Record` models, a table with a hopping window of twelve hops, and `topic.send`. It does less than
Tocsin: no law, scoring, policies, duplicate detection or transactions.
"""

import os
from datetime import datetime

import faust

OUTPUT = "baseline-enriched"

app = faust.App(
    os.environ.get("BENCH_PREFIX", "") + "baseline",
    broker="kafka://" + os.environ.get("BENCH_BOOTSTRAP", "127.0.0.1:9092"),
    store="memory://",
    topic_partitions=4,
    topic_replication_factor=1,
    topic_disable_leader=True,
    table_standby_replicas=0,
    consumer_auto_offset_reset="earliest",
    consumer_max_fetch_size=4 << 20,
    broker_commit_interval=1.0,
    broker_session_timeout=10,
    broker_heartbeat_interval=3,
    broker_max_poll_records=4000,
    # Seconds.
    producer_linger=0.005,
    producer_max_batch_size=262_144,
    producer_acks=-1,
    web_enabled=False,
    worker_redirect_stdouts=False,
)


class Channel(faust.Record):
    ref: str
    visibility: str
    country: str = None
    language: str = None


class Reporter(faust.Record):
    kind: str
    ref: str = None
    country: str = None
    member: bool = None
    account_age: str = None


class Report(faust.Record, coerce=True):
    report_id: str
    kind: str
    occurred_at: datetime
    channel: Channel
    category: str
    message_ref: str = None
    reporter: Reporter = None
    evidence: list = None
    classifier: dict = None
    notice: dict = None


class Enriched(faust.Record):
    report: Report
    reports_in_window: int


reports = app.topic(os.environ.get("BENCH_SOURCE", "reports"), key_type=bytes, value_type=Report)
enriched = app.topic(os.environ.get("BENCH_OUTPUT", OUTPUT), value_type=Enriched)
counts = (
    app.Table("counts", default=int)
    .hopping(3600.0, 300.0, expires=7200.0)
    .relative_to_field(Report.occurred_at)
)


@app.agent(reports)
async def count(stream):
    async for event in stream.events():
        report = event.value
        key = f"{report.channel.ref}/{report.category}"
        counts[key] += 1
        await enriched.send(
            key=report.channel.ref, value=Enriched(report=report, reports_in_window=counts[key].value(event))
        )


if __name__ == "__main__":
    app.main()
