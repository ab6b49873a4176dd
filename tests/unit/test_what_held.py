"""What the second adversary tried in vain, and what is mended since the first: each claim with its tests.

Attacks on a running worker are in tests/kafka/harness/attacks.py, which `make hostile` plays. Here is what
had no test of its own.
"""

import gzip
import json
from pathlib import Path

import pytest

from streams.commands.state.save_file import BadStateFile
from streams.contract.wire.origin import ORIGIN_HEADER
from streams.contract.wire.records import ATTEMPT_HEADER
from streams.deciding.reports.stage import report_stage
from streams.deciding.reports.state import ReportState
from streams.registry.reading.errors import RegistryError
from streams.registry.loader import load_rules
from streams.statutory.parts import parts
from streams.statutory.validation.validate import validate
from tests.unit.reporter_traffic import GATE, as_a_record, credit, gate, read_back, stamp_all
from tests.unit.saved_state import read_file
from tests.unit.traffic import INTERNAL, REPORTERS_INTERNAL, START, report

TESTS = Path(__file__).parents[1]

HELD = {
    "forged stamps and origins change no risk": [
        "unit/test_reporters_stage.py::test_a_publishers_stamp_is_never_taken",
        "unit/test_what_held.py::test_no_header_of_a_publisher_changes_a_risk",
    ],
    "credits of publishers are refused": [
        "unit/test_what_held.py::test_a_credit_of_a_publisher_changes_nothing"
    ],
    "a key that can be guessed is refused": [
        "unit/test_hash_key.py::test_a_weak_or_malformed_key_is_refused_without_being_shown"
    ],
    "no parameter, id or field becomes part of a page of the console, and none is an error of the server": [
        "unit/test_console_hostile_text.py::test_no_part_of_an_address_becomes_part_of_a_page",
        "unit/test_console_hostile_text.py::test_no_field_of_any_event_becomes_part_of_a_page",
        "unit/test_console_security.py::test_a_failure_is_a_page_that_says_nothing_of_the_inside",
    ],
    "the console answers to its own name alone, and to no oversized request": [
        "unit/test_console_security.py::test_a_name_that_was_made_to_point_here_is_not_answered",
        "unit/test_console_security.py::test_an_oversized_form_is_refused_with_and_without_a_length",
        "unit/test_console_security.py::test_headers_are_on_every_answer",
    ],
    "half-sent forms keep nobody from being answered": [
        "unit/test_console_slow_clients.py::test_hundreds_of_half_sent_requests_keep_nobody_from_being_answered"
    ],
    "one person in two sessions is not two": [
        "unit/test_console_casework.py::test_guarded_cases_need_two_and_so_does_calling_a_trusted_flagger_unfounded",
        "unit/test_console_people.py::test_nobody_is_listed_twice_in_another_spelling",
    ],
    "adapters send to public addresses alone": [
        "unit/test_adapter_addresses.py::test_addresses_that_are_not_public_are_refused",
        "unit/test_adapter_addresses.py::test_the_socket_of_a_refused_address_is_never_opened",
        "kafka/test_adapter_webhook.py::test_redirects_are_not_followed",
    ],
    "a hostile YAML file is refused with its line": [
        "unit/test_registry_mistakes.py::test_a_malformed_file_is_refused",
        "unit/test_registry_fuzz.py::test_a_changed_file_loads_or_is_refused_with_a_place",
        "unit/test_what_held.py::test_a_hostile_yaml_file_is_refused",
    ],
    "a hostile table is answered with findings": [
        "unit/test_statutory_validation.py::test_any_file_is_answered",
        "unit/test_what_held.py::test_a_hostile_table_is_answered_with_findings",
    ],
    "a file that unpacks to more than it may is refused by state restore": [
        "unit/test_what_held.py::test_a_state_file_that_unpacks_to_a_huge_line_is_refused"
    ],
    "the native core does the same with damaged histories": [
        "native/test_same_bytes.py::test_random_histories",
        "native/test_report.py::test_takes_no_mutated_report_that_python_would_read_otherwise",
    ],
    # For a worker a broker that ends, and comes back.
    "a full disk of the broker": ["kafka/test_broker_restarts.py::test_broker_restarts_under_load"],
    "a machine's clock that jumps": [
        "kafka/test_wrong_clocks.py::test_a_worker_a_year_ahead_lapses_no_clock",
        "kafka/test_wrong_clocks.py::test_a_worker_that_is_behind_stops_and_another_one_goes_on",
        "unit/test_wrong_clocks.py::test_time_is_bounded_by_both_clocks",
    ],
    "no ref and no hash without the key is written or shown": [
        "kafka/test_privacy.py::test_no_ref_and_no_hash_without_the_key_is_written_or_shown"
    ],
    "1 a fetch is unpacked within limits": [
        "unit/test_bounded_fetcher.py::test_of_batches_within_the_limit_one_at_a_time_is_in_memory",
        "kafka/test_bounded_memory.py::test_a_worker_stays_within_its_memory_whatever_the_logs_hold",
    ],
    "2 what is too large is not searched": [
        "unit/test_events_dead_letter.py::test_what_was_not_read_is_not_kept"
    ],
    "3 one wrong broker clock": [
        "kafka/test_wrong_clocks.py::test_a_broker_a_year_ahead_stops_workers_before_anything_is_applied"
    ],
    "4 hundreds of empty records": [
        "unit/test_bounded_fetcher.py::test_a_hundred_thousand_empty_records_are_read_a_poll_at_a_time",
        "kafka/test_hostile.py::test_hostile_publishers",
    ],
    "5 no scoring file prefers states": [
        "unit/test_no_privilege_for_states.py::test_each_way_to_privilege_a_state_actor_is_refused"
    ],
    "6 bulk identification is refused": [
        "unit/test_refusals.py::test_no_request_yields_data_except_about_named_people_and_on_many_behind_its_gates"
    ],
    "7 a forged tick is an invalid report": [
        "unit/test_what_held.py::test_a_report_with_two_types_is_a_dead_letter",
        "unit/test_events_origin_and_tick.py::test_a_tick_is_read_from_the_internal_topic_alone",
    ],
    "8 keys and headers count": ["unit/test_bounded_fetcher.py::test_a_range_counts_keys_and_headers"],
    "9 no group of its own": [
        "kafka/test_two_groups.py::test_a_worker_that_names_a_group_of_its_own_is_refused"
    ],
    "10 refs that name a person": [
        "unit/test_suspicion.py::test_no_shape_hides_personal_data",
        "unit/test_adversary_findings.py::test_m5_no_way_to_write_an_address_or_number_hides_it",
    ],
    "11 publishers are told apart": [
        "unit/test_sources.py::test_what_the_platform_vouches_for_is_taken_from_its_own_topic_alone",
        "unit/test_sources.py::test_a_report_cannot_be_suppressed_by_guessing_its_source_and_id",
    ],
    "12 work of a record is bounded": [
        "unit/test_slices.py::test_many_due_steps_are_taken_in_several_batches"
    ],
    "13 and 14 takeovers": [
        "model/test_search.py::test_a_strike_at_any_step_loses_and_repeats_nothing_and_ends_nobody_else"
    ],
    "15 the cache of law is bounded": [
        "unit/test_law_resolution.py::test_reports_with_much_evidence_cannot_fill_the_memory"
    ],
    "16 hashes have a key": ["unit/test_hash_key.py::test_a_known_ref_cannot_be_tried_against_the_state"],
    "17 half-sent requests at the worker's port": [
        "unit/test_health.py::test_hundreds_of_half_sent_requests_do_not_keep_others_from_being_answered"
    ],
    "18 control characters on a terminal": [
        "unit/test_commands_terminal.py::test_commands_print_records_without_control_characters"
    ],
    "20 a forged attempt number": [
        "unit/test_commands_dead_letters.py::test_a_forged_attempt_number_does_not_stop_a_redrive"
    ],
    "21 a lack of memory is no bad record": [
        "unit/test_lenient_records.py::test_a_lack_of_memory_is_not_blamed_on_the_batch"
    ],
    "22 to 24 what is installed": [
        "contract/test_compose.py::test_images_are_pinned",
        "contract/test_supply_chain.py::test_the_bill_lists_exactly_the_pinned_packages_with_their_hashes",
        "contract/test_supply_chain.py::test_a_production_install_has_the_dependencies_but_not_the_local_kafka",
    ],
    "25 small cells are hidden": [
        "unit/test_transparency_suppression.py::test_every_hidden_number_has_several_possible_values"
    ],
}


@pytest.mark.parametrize("claim", HELD)
def test_each_claim_has_a_test(claim):
    for shown in HELD[claim]:
        path, _, name = shown.partition("::")
        assert f"def {name}(" in (TESTS / path).read_text(encoding="utf-8"), shown


# --- publishers


def risk_of(record):
    """What a report weighs at the home of its channel, whatever way it took."""
    batch = gate([record])
    for topic in (REPORTERS_INTERNAL, INTERNAL):
        there = read_back(batch.outputs, topic)
        if there:
            stage = stamp_all if topic == REPORTERS_INTERNAL else report_stage(GATE).apply
            batch = stage(there) if topic == REPORTERS_INTERNAL else stage(ReportState(0, 1, GATE), there)
    (enriched,) = [output for output in batch.outputs if output.topic == "enriched-reports"]
    return json.loads(enriched.value)["risk"]


STAMP = ("tocsin-stamp", b'{"class":"high","mean":0.99,"lower":0.95,"outcomes":50,"factor":4.0}')
ORIGIN = (ORIGIN_HEADER, b"verified-reports/0/1/%d" % START)


@pytest.mark.parametrize(
    "reporter", [{"kind": "user", "ref": "u-1"}, {"kind": "anonymous"}], ids=["ref", "none"]
)
@pytest.mark.parametrize(
    "forged",
    [
        [STAMP],
        [ORIGIN],
        [STAMP, ORIGIN],
        [STAMP, STAMP, ORIGIN, ORIGIN],
        [("tocsin-earlier", b"%016x" % 7)],
        [("Tocsin-Stamp", STAMP[1])],
        [(ATTEMPT_HEADER, b"999999")],
    ],
)
def test_no_header_of_a_publisher_changes_a_risk(reporter, forged):
    honest = report(1, START, reporter=reporter)
    assert risk_of(honest._replace(headers=forged)) == risk_of(honest)


@pytest.mark.parametrize(
    "topic", ["message-reports", "verified-reports", "clock-outcomes", "moderation-outcomes"]
)
@pytest.mark.parametrize(
    ("form", "reason"),
    [(lambda bundle: bundle, b"invalid_utf8"), (as_a_record, b"bad_envelope")],
    ids=["bundle", "record"],
)
def test_a_credit_of_a_publisher_changes_nothing(topic, form, reason):
    forged = form(credit(1, START))._replace(topic=topic)
    batch, nonsense = (
        report_stage(GATE).apply(ReportState(0, 1, GATE), [each])
        for each in (forged, forged._replace(value=b"x"))
    )
    (letter,) = batch.outputs
    assert (letter.topic, dict(letter.headers)["tocsin-reason"]) == ("dead-letters", reason)
    # As much as is kept of any record that is refused.
    assert batch.changes == nonsense.changes


def test_a_report_with_two_types_is_a_dead_letter():
    """One of them is Tocsin's own."""
    for types in (("tocsin.report.v1", "tocsin.tick.v1"), ("tocsin.tick.v1", "tocsin.report.v1")):
        headers = [("ce_specversion", b"1.0"), ("ce_id", b"r1"), ("ce_source", b"/r")]
        headers += [("ce_type", each.encode()) for each in types]
        (letter,) = gate([report(1, START)._replace(headers=headers)]).outputs
        assert dict(letter.headers)["tocsin-reason"] == b"bad_envelope"


# --- files


@pytest.mark.parametrize(
    "content",
    [
        b"policies: &a [*a]\n",
        b"policies:\n  - <<: {id: x}\n    id: y\n",
        b"policies: !!binary aGk=\n",
        b"policies: !x [1]\n",
        b"policies: " + b"[" * 200_000,
        b"policies: " + b"{a: " * 20_000 + b"1" + b"}" * 20_000,
        b"policies: [\x00]\n",
        b"policies: [\x9b]\n",
        "policies: []\n".encode("utf-16"),
    ],
    ids=["cycle", "merge key", "binary", "tag", "brackets", "maps", "NUL", "C1", "UTF-16"],
)
def test_a_hostile_yaml_file_is_refused(tmp_path, content):
    path = tmp_path / "policies.yaml"
    path.write_bytes(content)
    with pytest.raises(RegistryError, match=r"policies\.yaml"):
        load_rules(policies=path)


@pytest.mark.parametrize(
    "content",
    [
        b"PK\x03\x04" + b"\0" * 10_000,
        "a;b\n1;2\n".encode("utf-16"),
        b"\0" * 10_000,
        b"a;\x9b\n",
        b"a;" + b"x" * 1_000_000 + b"\n",
        b";".join(b"c%d" % number for number in range(2_000)) + b"\n",
        b'"' + b"x" * 200_000,
    ],
    ids=["workbook", "UTF-16", "NUL", "C1", "long cell", "many columns", "quotation mark"],
)
def test_a_hostile_table_is_answered_with_findings(content):
    findings = list(validate({parts()[3].file_name: content}, "platform"))
    assert findings
    assert all(len(finding.message) < 2_000 for finding in findings)


def test_a_state_file_that_unpacks_to_a_huge_line_is_refused(tmp_path):
    """Half a megabyte on the disk, 200 MB unpacked."""
    path = tmp_path / "bomb.state"
    with gzip.open(path, "wb", compresslevel=1) as stream:
        for _ in range(200):
            stream.write(b" " * 1_000_000)
    with pytest.raises(BadStateFile):
        read_file(path)
