"""The exported report of half a simulated year equals what an oracle counts from the published input."""

import random

import msgspec
import pytest

from streams.contract.events.transparency import TransparencyCounter
from streams.deciding.partition.limits import UNLIMITED, Limits
from streams.deciding.reports.stage import report_stage
from streams.deciding.requests.stage import request_stage
from streams.statutory.report import make_report
from streams.statutory.reporting_period import Period
from streams.statutory.sums import PeriodSums
from streams.statutory.validation.validate import validate
from tests.at_night import at_night
from tests.shipped import RULES as SHIPPED_RULES
from tests.unit.batch_cuts import results
from tests.unit.request_traffic import RULES as REQUEST_RULES
from tests.unit.statutory_check import FIGURES, check_notices, near, read_table
from tests.unit.statutory_oracle import Oracle
from tests.unit.statutory_year import FIRST, LAST, half_year
from tests.unit.traffic import arriving, compiled, levels, policy

# Each makes a year of a platform, or reports of one.
pytestmark = pytest.mark.slow

RULES = compiled(policy(levels=levels({"reports": 5})))
PERIOD = Period(FIRST, LAST)
NOTICES = "4_notices.csv"


def counters(year, limits=UNLIMITED, takeovers=()):
    """The last value of each key of both stages."""
    daily = []
    for stage, records in (
        (report_stage(RULES), arriving(RULES, year.reports)),
        (request_stage(REQUEST_RULES), year.requests),
    ):
        _, found, *_ = results(stage, records, limits, takeovers)
        daily += [msgspec.json.decode(output.value, type=TransparencyCounter) for _, output in found]
    return [one for one in daily if str(FIRST) <= one.date <= str(LAST)]


@pytest.fixture(scope="module")
def registry():
    return SHIPPED_RULES


@pytest.fixture(scope="module")
def year():
    return half_year(seed=1, messages=900, orders=250)


@pytest.fixture(scope="module")
def report(year, registry):
    return make_report(PeriodSums(counters(year)), registry, "Chirp", PERIOD, "platform")


@pytest.fixture(scope="module")
def oracle(year):
    return Oracle(year.reports, year.requests, FIRST, LAST)


def table(report, name):
    return read_table(report.files[name])


def test_part_4_equals_what_was_published(report, oracle):
    check_notices(report.files[NOTICES], oracle)
    total = oracle.rows["TOTAL", "TOTAL", ""]
    assert all(total[figure] > 10 for figure in FIGURES.values()), total


def test_part_3_equals_what_was_published(report, oracle):
    codes = {
        "terrorism": "KEYWORD_TERRORIST_CONTENT",
        "threat_to_life": "Threats to the life or safety of a person",
        "fraud": "Fraud of any form, reported without its kind",
        "unspecified": "STATEMENT_CATEGORY_NOT_SPECIFIED_ORDER",
    }
    lines = table(report, "3_member_states_orders.csv")
    columns = {
        "act": "Number of orders to act against illegal content received",
        "items": "Number of specific items of information included in the total number of orders to act "
        "against illegal content",
        "information": "Number of orders to provide information",
    }
    medians = {
        "act": "Median time to give effect to the order to act against illegal content",
        "information": "Median time to give effect to the order to provide information",
    }
    by_row = {}
    for line in lines:
        label, other = line["Category of illegal content"], line['Description of the sub-category "Other"']
        by_row[other or label, line["Scope"]] = line
    assert {scope for _, scope in by_row} == {"TOTAL", "DE", "FR", "EL"}
    for scope in ("TOTAL", "DE", "FR", "EL"):
        for what, column in columns.items():
            counted = {key: n for key, n in oracle.orders.items() if (key[0], key[2]) == (what, scope)}
            assert by_row["TOTAL", scope][column] == str(sum(counted.values()))
            for (_, category, _), number in counted.items():
                assert by_row[codes[category], scope][column] == str(number), (category, scope)
        for what, column in medians.items():
            for category, row in codes.items():
                hours = sorted(oracle.order_hours[what, category, scope])
                middle = None
                if hours:
                    half = len(hours) // 2
                    middle = hours[half] if len(hours) % 2 else (hours[half - 1] + hours[half]) / 2
                assert near(by_row[row, scope][column], middle), (what, category, scope)
    assert oracle.orders["act", "terrorism", "TOTAL"] > 20
    assert len(oracle.order_hours["information", "threat_to_life", "TOTAL"]) > 20


def test_part_7_equals_what_was_published(report, oracle):
    scopes = {
        "Decisions upheld": "upheld",
        "Decisions partially reversed": "partially reversed",
        "Decisions reversed": "reversed",
    }
    about = {
        "Number of complaints submitted": None,
        "Complaint regarding a decision to remove or disable": {"visibility"},
        "Complaint regarding a decision to suspend or terminate an account": {"account"},
        "Complaint regarding a decision not to take action on a notice submitted in accordance": {
            "no action",
            "no action, trusted",
        },
        "Complaint regarding a decision not to take action on a notice submitted by a Trusted": {
            "no action, trusted"
        },
    }
    compared = 0
    for line in table(report, "7_appeals_and_recidivism.csv"):
        for begin, subjects in about.items():
            if line["Indicator"].startswith(begin) and (
                line["Scope"] in scopes or line["Scope"] == "Total number"
            ):
                wanted = sum(
                    number
                    for (subject, came_out), number in oracle.complaints.items()
                    if (subjects is None or subject in subjects)
                    and scopes.get(line["Scope"], came_out) == came_out
                )
                assert line["Value"] == str(wanted), line
                compared += wanted > 0
        if line["Indicator"].startswith(("Number of suspensions", "Number of disputes")):
            assert line["Value"] == ""
    assert compared >= 15


def test_part_8_equals_what_was_published(report, oracle):
    found = oracle.detectors
    right, wrong = found["upheld, detected"], found["not, detected"]
    missed, rest = found["upheld, missed"], found["not, missed"]
    alone = found["alone, upheld"]
    expected = {
        ("Accuracy", "Total number"): (right + rest) / (right + wrong + missed + rest),
        ("Precision", "Total number"): right / (right + wrong),
        ("Recall", "Total number"): right / (right + missed),
        ("Precision", "Own-initiative"): alone / (alone + found["alone, not"]),
    }
    shown = {
        (line["Indicator"].split()[-1], line["Scope"].strip()): line["Value"]
        for line in table(report, "8_automated_means.csv")
        if line["Value"]
    }
    for key, share in expected.items():
        assert float(shown.pop(key)) == pytest.approx(share, abs=1e-4)
    assert shown == {("means", "NAM Total"): "0", ("means", "NAM Trusted Flagger"): "0"}


def test_the_files_are_valid_but_for_what_is_left_to_complete(report):
    findings = validate(report.files, "platform")
    # A platform reports yearly.
    allowed = {"part-unfilled", "blank", "median-missing", "identification", "period-length"}
    assert {finding.check for finding in findings if finding.severity == "error"} <= allowed, findings


@pytest.mark.parametrize("seed", [0, *at_night(range(1, 4))])
def test_the_report_does_not_depend_on_batches_and_takeovers(year, report, registry, seed):
    chance = random.Random(seed)
    limits = Limits(
        slice_records=chance.choice([1, 7, 100]),
        slice_bytes=1_000_000,
        slice_more_outputs=chance.choice([5, 500]),
        slice_steps=chance.choice([1, 50]),
        slice_expiries=chance.choice([2, 1_000]),
        batch_steps=100,
        batch_bytes=chance.choice([20_000, 300_000]),
        batch_refused=100,
    )
    takeovers = set(chance.sample(range(60), 12))
    again = make_report(PeriodSums(counters(year, limits, takeovers)), registry, "Chirp", PERIOD, "platform")
    assert again.files == report.files
