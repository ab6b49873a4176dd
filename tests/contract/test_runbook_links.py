"""The links of alerts open their runbooks: by default in the Prometheus that fires them, or where a setting
says.
"""

import json
import re
import subprocess
import time
import urllib.request

from tests.contract.test_alerts import ALERTS, ROOT, RULES, RUNBOOK_URL_PREFIX, RUNBOOKS
from tests.kafka.harness.prometheus import needs_prometheus, prometheus
from tests.kubernetes.rendered import CHART, KUSTOMIZE
from tests.yaml_files import load_yaml


def pending(server):
    """The alerts that wait or fire, by name; empty while Prometheus is starting."""
    try:
        found = server.get("api/v1/alerts")["data"]["alerts"]
    except (OSError, ValueError):
        return {}
    return {alert["labels"]["alertname"]: alert for alert in found}


@needs_prometheus
def test_a_prometheus_that_has_the_pages_shows_the_runbook_of_an_alert(tmp_path):
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "docs").symlink_to(ROOT / "docs")
    # No worker to scrape: an alert waits at once.
    with prometheus(tmp_path, {}, options=[f"--web.user-assets={tmp_path / 'assets'}"]) as server:
        deadline = time.monotonic() + 60
        while not (alerts := pending(server)):
            assert time.monotonic() < deadline, "no alert is pending"
            time.sleep(0.1)
        # Its own address is that of the machine's name, by which this test need not reach it.
        for name, alert in alerts.items():
            link = re.sub(r"^http://[^/]+", server.address, alert["annotations"]["runbook_url"])
            with urllib.request.urlopen(link, timeout=10) as answer:
                assert answer.read() == (RUNBOOKS / f"{name}.md").read_bytes()


def test_the_defaults_of_the_settings_are_what_the_rules_say():
    values = load_yaml((CHART / "values.yaml").read_text())
    assert values["monitoring"]["runbookURLPrefix"] == RUNBOOK_URL_PREFIX
    assert f'replace "{RUNBOOK_URL_PREFIX}" ' in (CHART / "templates" / "monitoring.yaml").read_text()
    overlay = KUSTOMIZE / "overlays" / "production"
    setting = load_yaml((overlay / "runbooks.yaml").read_text())
    assert setting["data"]["urlPrefix"] == RUNBOOK_URL_PREFIX
    # `make kubernetes` renders both with another value, too.
    (replacement,) = load_yaml((overlay / "kustomization.yaml").read_text())["replacements"]
    assert replacement["source"]["name"] == setting["metadata"]["name"]


def test_the_chart_refuses_a_prefix_that_opens_nothing():
    schema = json.loads((CHART / "values.schema.json").read_text())
    pattern = schema["properties"]["monitoring"]["properties"]["runbookURLPrefix"]["pattern"]
    for prefix in (RUNBOOK_URL_PREFIX, "https://git.example.org/tocsin/blob/VERSION/"):
        assert re.search(pattern, prefix)
    for prefix in ("", "docs/", "https://git.example.org/tocsin", "https://a b/", "{{ externalURL }}/"):
        assert not re.search(pattern, prefix)


def test_the_line_of_the_page_changes_every_link_of_a_copy_of_the_rules(tmp_path):
    page = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
    (line,) = re.findall(r"`(sed -i .* tocsin\.yaml)`", page)
    copy = tmp_path / "tocsin.yaml"
    copy.write_text(RULES.read_text())
    subprocess.run(["sh", "-c", line], cwd=tmp_path, check=True, timeout=30)
    rules = [rule for group in load_yaml(copy.read_text())["groups"] for rule in group["rules"]]
    links = {rule["alert"]: rule["annotations"]["runbook_url"] for rule in rules if "alert" in rule}
    assert links == {
        name: f"https://git.example.org/tocsin/blob/VERSION/docs/runbooks/{name}.md" for name in ALERTS
    }
