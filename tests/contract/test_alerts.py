"""Alerts use existing metrics, tell the person on call what to do, and fire exactly when they should."""

import re
import shutil
import subprocess
from functools import partial
from pathlib import Path

import pytest
import yaml

from generators.dashboard_boards import BOARDS
from streams.running.operations.adapter_metric_catalogue import ADAPTER_CATALOGUE
from streams.running.operations.console_metric_catalogue import CONSOLE_CATALOGUE
from streams.running.operations.intake_metric_catalogue import INTAKE_CATALOGUE
from streams.running.operations.metric_catalogue import CATALOGUE
from tests.promql import metrics, selectors
from tests.yaml_files import dump_yaml, load_yaml

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
RULES = PROMETHEUS / "rules" / "tocsin.yaml"
CASES = sorted((PROMETHEUS / "tests").glob("*.yaml"))
ALERTMANAGER = PROMETHEUS / "alertmanager.yml"
RUNBOOKS = ROOT / "docs" / "runbooks"
# By default the Prometheus that fires the alert shows its runbook: tests/contract/test_runbook_links.py
# follows the links.
RUNBOOK_URL_PREFIX = "{{ $externalURL }}/user/"
SECTIONS = ["Meaning", "Impact", "Diagnosis", "Mitigation"]

ALL_RULES = [rule for group in load_yaml(RULES.read_text())["groups"] for rule in group["rules"]]
ALERTS = {rule["alert"]: rule for rule in ALL_RULES if "alert" in rule}
RECORDED = {rule["record"]: rule for rule in ALL_RULES if "record" in rule}
ALL_CASES = [case for path in CASES for case in load_yaml(path.read_text())["tests"]]
NAMED = pytest.mark.parametrize("name", ALERTS)

PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(
    PROMTOOL is None, reason="promtool is not installed: it comes with Debian's package `prometheus`"
)

AMTOOL = shutil.which("amtool")

# Prometheus adds `up` at each scrape; the client library exposes the others in every process.
FROM_CLIENT_LIBRARY = {
    "up",
    "process_start_time_seconds",
    "process_cpu_seconds_total",
    "process_resident_memory_bytes",
}


def exposed():
    """Every metric name that a query may use."""
    names = set(FROM_CLIENT_LIBRARY)
    for metric in CATALOGUE + CONSOLE_CATALOGUE + ADAPTER_CATALOGUE + INTAKE_CATALOGUE:
        suffixes = ("_bucket", "_sum", "_count") if metric.kind == "histogram" else ("",)
        names |= {metric.name + suffix for suffix in suffixes}
    return names


def promtool(*arguments):
    done = subprocess.run([PROMTOOL, *map(str, arguments)], capture_output=True, text=True, timeout=240)
    return done.returncode, done.stdout + done.stderr


def test_selectors_finds_the_metrics_of_an_expression():
    assert selectors('sum by (job, x) (rate(a_total{b="c"}[$__rate_interval])) / on (y) 5 * d > 1e3 and e[5m] or f') == [
        'a_total{b="c"}', "d", "e", "f",
    ]  # fmt: skip


@NAMED
def test_every_metric_is_exposed_by_workers_or_consoles(name):
    used = metrics(ALERTS[name]["expr"])
    assert used and used - exposed() - RECORDED.keys() == set()


@pytest.mark.parametrize("name", RECORDED)
def test_a_recorded_ratio_is_used_and_differs_from_the_others_in_its_window_alone(name):
    window = re.fullmatch(r"job:tocsin_records_late:ratio_rate(\w+)", name)[1]
    model = RECORDED["job:tocsin_records_late:ratio_rate5m"]["expr"]
    assert RECORDED[name]["expr"] == model.replace("[5m]", f"[{window}]")
    assert metrics(RECORDED[name]["expr"]) <= exposed()
    assert any(name in metrics(rule["expr"]) for rule in ALERTS.values())


@NAMED
def test_every_selector_names_the_job(name):
    jobs = {f"tocsin_{each}_": f"tocsin-{each}" for each in ("console", "adapter", "intake")}
    job = next((job for start, job in jobs.items() if start in ALERTS[name]["expr"]), "tocsin")
    assert [text for text in selectors(ALERTS[name]["expr"]) if f'job="{job}"' not in text] == []


@NAMED
def test_an_alert_has_durations_severity_owner_and_annotations(name):
    rule = ALERTS[name]
    assert rule["for"] and rule["keep_firing_for"]
    assert rule["labels"]["severity"] in ("page", "ticket", "info")
    assert rule["labels"]["owner"]
    notes = rule["annotations"]
    assert set(notes) == {"summary", "description", "runbook_url", "dashboard_url"}
    assert notes["runbook_url"] == f"{RUNBOOK_URL_PREFIX}docs/runbooks/{name}.md"
    assert notes["dashboard_url"] in {f"/d/tocsin-{board.name}" for board in BOARDS}


def test_every_alert_has_a_runbook_and_every_runbook_an_alert():
    assert sorted(page.stem for page in RUNBOOKS.glob("*")) == sorted(ALERTS)


@NAMED
def test_the_runbook_has_every_section_with_some_text(name):
    page = (RUNBOOKS / f"{name}.md").read_text(encoding="utf-8")
    title, *sections = re.split(r"^## ", page, flags=re.M)
    assert title.strip() == f"# {name}"
    assert [section.splitlines()[0] for section in sections] == SECTIONS
    assert all(len(section) > 100 for section in sections)


@NAMED
def test_every_file_that_the_runbook_names_exists(name):
    page = (RUNBOOKS / f"{name}.md").read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)]+)\)", page):
        assert (RUNBOOKS / target).is_file(), target
    for target in re.findall(r"`((?:docs|schemas|deploy)/[\w./-]+)`", page):
        assert (ROOT / target).exists(), target


@NAMED
def test_there_are_cases_where_the_alert_fires_and_where_it_does_not(name):
    fires, silent = set(), set()
    for case in ALL_CASES:
        for check in case.get("alert_rule_test", ()):
            (fires if check.get("exp_alerts") else silent).add(check["alertname"])
    assert name in fires
    assert name in silent


def test_inhibitions_name_existing_alerts_and_labels_that_both_have():
    def named(matchers):
        (matcher,) = matchers
        return set(re.fullmatch(r'alertname =~? "([\w|]+)"', matcher)[1].split("|"))

    def labels(name):
        (grouping, *_) = re.findall(r"\bby \(([^)]*)\)", ALERTS[name]["expr"]) or ["job, instance"]
        return set(grouping.split(", "))

    rules = load_yaml(ALERTMANAGER.read_text())["inhibit_rules"]
    assert rules
    for rule in rules:
        source, target = named(rule["source_matchers"]), named(rule["target_matchers"])
        assert source | target <= ALERTS.keys()
        # An alert that inhibits itself would silence a second instance of the same alert.
        assert not source & target
        for name in source | target:
            assert set(rule["equal"]) <= labels(name), name


@pytest.mark.skipif(
    AMTOOL is None, reason="amtool is not installed: it comes with Debian's package `prometheus-alertmanager`"
)
def test_amtool_accepts_the_alertmanager_configuration():
    done = subprocess.run([AMTOOL, "check-config", ALERTMANAGER], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_promtool_accepts_the_configuration_and_its_rules():
    code, output = promtool("check", "config", PROMETHEUS / "prometheus.yml")
    assert code == 0, output
    code, output = promtool("check", "rules", "--lint-fatal", RULES)
    assert code == 0, output
    assert f"{len(ALL_RULES)} rules found" in output


def needed_by(case):
    """The rules that the checks of a case ask for, with those that they use."""
    names = {check["alertname"] for check in case.get("alert_rule_test", ())}
    for check in case.get("promql_expr_test", ()):
        (name,) = re.findall(r'ALERTS\{alertname="(\w+)"', check["expr"])
        names.add(name)
    used = {record for name in names for record in metrics(ALERTS[name]["expr"]) & RECORDED.keys()}
    # No recorded ratio is made of others.
    assert not any(metrics(RECORDED[record]["expr"]) & RECORDED.keys() for record in used)
    return frozenset(names | used)


def each_with_its_rules(folder, changed=lambda rule: rule):
    """The shipped cases in several files of a folder, each with the rules that it needs: promtool evaluates
    all rules of a file for each case, which takes six times as long.
    """
    # Without types: YAML reads the values 0x40 as a number.
    text = partial(yaml.load, Loader=yaml.CBaseLoader)
    groups = load_yaml(RULES.read_text())["groups"]
    for path in CASES:
        shipped = text(path.read_text())
        assert shipped["rule_files"] == ["../rules/tocsin.yaml"]
        for number, names in enumerate({needed_by(case): None for case in shipped["tests"]}):
            cases = [case for case in shipped["tests"] if needed_by(case) == names]
            for sample in (
                sample
                for case in cases
                for check in case.get("promql_expr_test", ())
                for sample in check.get("exp_samples", ())
            ):
                sample["value"] = float(sample["value"])
            rules = [
                group | {"rules": [changed(rule) for rule in group["rules"] if name_of(rule) in names]}
                for group in groups
            ]
            written = folder / f"{path.stem}-{number}-rules.yaml"
            written.write_text(dump_yaml({"groups": rules}))
            file = folder / f"{path.stem}-{number}.yaml"
            file.write_text(dump_yaml(shipped | {"rule_files": [written.name], "tests": cases}))
            yield file


def name_of(rule):
    return rule.get("alert") or rule["record"]


@pytest.mark.slow
@needs_promtool
def test_every_alert_fires_when_it_should_and_only_then(tmp_path):
    code, output = promtool("test", "rules", *each_with_its_rules(tmp_path))
    assert code == 0, output


@pytest.mark.slow
@needs_promtool
def test_the_cases_fail_for_every_alert_that_never_fires(tmp_path):
    """Shows that the cases would notice a broken alert, for every alert."""
    never = "vector(1) > 2"
    files = each_with_its_rules(tmp_path, lambda rule: rule | {"expr": never})
    code, output = promtool("test", "rules", *files)
    assert code != 0
    assert [name for name in ALERTS if f"alertname: {name}," not in output] == []


def test_the_page_says_of_every_alert_whether_status_judges_it():
    """docs/operations.md has each alert once: as the page of a finding, or with what to look at instead."""
    page = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    section = page.partition("\n## Is it healthy now?\n")[2].partition("\n## ")[0]
    found = set(re.findall(r"\(runbooks/(\w+)\.md\)", section))
    left = re.findall(r"`(Tocsin\w+)`", section)
    assert len(left) == len(set(left))
    assert found.isdisjoint(left)
    assert found | set(left) == set(ALERTS)
    verdict = (ROOT / "streams/commands/status/verdict.py").read_text(encoding="utf-8")
    assert found == set(re.findall(r'"(Tocsin[A-Z]\w+)"', verdict))
