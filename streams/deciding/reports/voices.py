"""What a report's stamp adds to its channel: to a message's cluster, and to the signs of a brigade."""

from typing import Final

import msgspec

from streams.contract.events.internal.stamp import ReportStamp
from streams.counting.confirmation import PROOF_CHANNELS, Proven
from streams.counting.coordination.arrivals import Arrivals
from streams.counting.coordination.clusters import ClusterSums, Joined
from streams.counting.coordination.signature import group_of, used_bins
from streams.deciding.reports.batch import ReportBatch
from streams.deciding.reports.case import Case
from streams.deciding.reports.crowd import message_key
from streams.deciding.reports.outcomes import note_proof, note_reporter

_YOUNG: Final = ("under_1d", "under_1w")

# Of a reporter's hash in what windows keep of proven ones: of 64 reporters two agree once in two million.
_TAG: Final = 0xFFFFFFFF

NOTHING_ADDED: Final = ClusterSums()
# A reporter whom nobody else is linked to.
_ALONE: Final = Joined(first=True, size=1, added=ClusterSums(1, 0, 0, 1))
_ALONE_KNOWN: Final = Joined(first=True, size=1, added=ClusterSums(1, 0, 1, 0))


class Contribution(msgspec.Struct, frozen=True, gc=False):
    """`added` goes into the sums of the pane; `arrivals` are those of the channel, this one included.

    `first_about_message`: the reporter has not reported the message before. `linked`: somebody else had who
    belongs to the same cluster. `stranger`: a young account, and no member of the channel. `proven`:
    a tag of the reporter, and what proves them right, if something does.
    """

    added: ClusterSums
    arrivals: Arrivals
    first_about_message: bool
    linked: bool
    stranger: bool
    proven: Proven = ()


def add_to_clusters(
    batch: ReportBatch, channel_key: bytes, case: Case, stamp: ReportStamp, reporter: int
) -> Contribution:
    """Note who reported the message, and add the report to its clusters and to the arrivals of its channel.

    `reporter` is the keyed hash. Beyond the guard-rail of the day a report counts as if nobody else were
    linked to it. All of it depends on the stamp and on no setting, so a replay of the logs needs none.
    """
    state, report = batch.state, case.report
    now = state.time.now
    crowd = state.crowd
    first = note_reporter(batch, channel_key, case, reporter)
    arrivals = crowd.arrivals_to_change(channel_key, now)
    public = report.reporter
    young = public is not None and public.account_age in _YOUNG
    # Of whom the publisher does not say it counts as a member, as in the stage of reporters.
    outsider = public is not None and public.member is False
    stranger = young and outsider
    arrivals.add(
        now,
        reporter,
        batch.rules.registry.categories[report.category].code,
        first_time=stamp.first_time,
        young=young,
        outsider=outsider,
    )
    if not first:
        crowd.note_link(now, reporter, None)
        return Contribution(NOTHING_ADDED, arrivals, False, False, stranger)
    known = stamp.reporter_class != "low"
    joined = _ALONE_KNOWN if known else _ALONE
    # With fewer earlier targets nobody can be linked to it, and it leaves the clusters as they are.
    if stamp.signature and used_bins(stamp.signature) >= stamp.needed:
        key = message_key(channel_key, case.about)
        clusters = crowd.clusters_of(key)
        joined = clusters.add(stamp.signature, stamp.needed, known=known)
        crowd.put_clusters(key, clusters, now)
    if joined.size == 1:
        crowd.note_link(now, reporter, None)
    else:
        batch.counters.linked += 1
        crowd.note_link(now, reporter, group_of(stamp.signature))
        if crowd.guard.tripped():
            batch.counters.links_without_effect += 1
            joined = _ALONE_KNOWN if known else _ALONE
    proven: Proven = ()
    if stamp.proof and joined.size == 1:
        proven = _note_proof(batch, channel_key, case, stamp, reporter)
    elif public is not None and public.kind == "trusted_flagger":
        note_proof(batch, channel_key, case, reporter, ())
    return Contribution(joined.added, arrivals, True, not joined.first, stranger, proven)


def _note_proof(
    batch: ReportBatch, channel_key: bytes, case: Case, stamp: ReportStamp, reporter: int
) -> Proven:
    """Note in which other channels a reporter was right, and return it if that proves them right."""
    if stamp.over_limit:
        return ()
    channel = case.report.channel.ref
    here = [key.channel_tag(channel) for key in batch.rules.hash_keys if key is not None]
    elsewhere = tuple(tag for tag in stamp.proof if tag not in here)
    if elsewhere:
        note_proof(batch, channel_key, case, reporter, elsewhere)
    return ((reporter & _TAG, elsewhere),) if len(elsewhere) >= PROOF_CHANNELS else ()
