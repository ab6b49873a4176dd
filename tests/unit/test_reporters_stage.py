"""The stage of reporters: what it writes does not depend on cuts or restores, and nobody can forge its stamp."""

from streams.reports.stage import report_stage
from streams.reports.state import ReportState
from streams.wire.stamp import STAMP_HEADER, read_stamp
from tests.unit.reporter_traffic import GATE, INTERNAL, gate, passed, read_back, stamp_all
from tests.unit.traffic import INTERNAL as REPORTS_INTERNAL
from tests.unit.traffic import START, of_topic, report


def test_a_report_goes_through_the_stage_of_reporters_to_its_channel():
    gated = gate([report(1, START)])
    assert [output.topic for output in gated.outputs] == [INTERNAL]
    assert gated.counters.passed_to_reporters == 1
    stamped = stamp_all(read_back(gated.outputs, INTERNAL))
    (there,) = read_back(stamped.outputs, REPORTS_INTERNAL)
    assert read_stamp(there.headers).reporter_class == "low"
    state = ReportState(0, 1, GATE)
    applied = report_stage(GATE).apply(state, [there])
    (enriched,) = of_topic(applied, "enriched-reports")
    assert enriched["report"]["report_id"] == "r1"
    assert enriched["source"]["offset"] == 1
    # Without an outcome a report weighs what it weighs without the stage.
    (direct,) = of_topic(
        report_stage(_off()).apply(ReportState(0, 1, _off()), [report(1, START)]), "enriched-reports"
    )
    assert enriched == direct


def _off():
    from tests.unit.traffic import compiled

    return compiled()
