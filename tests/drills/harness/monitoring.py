"""A real Prometheus and a real Alertmanager with the shipped rules, and the pager that Alertmanager calls."""

import shutil
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.drills.harness.scaled import scaled_alertmanager, scaled_rules, write_yaml
from tests.kafka.harness.prometheus import (
    PROMETHEUS,
    Prometheus,
    free_address,
    prometheus,
    running,
    set_targets,
)

ALERTMANAGER = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
needs_monitoring = pytest.mark.skipif(
    PROMETHEUS is None or ALERTMANAGER is None,
    reason="prometheus or alertmanager is not installed: Debian's packages `prometheus` and "
    "`prometheus-alertmanager`",
)


class Pager:
    """What Alertmanager notified: the names of the alerts that it sent as firing, by severity."""

    def __init__(self) -> None:
        self.called: dict[str, list[str]] = {"page": [], "ticket": []}
        pager = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                message = orjson.loads(self.rfile.read(int(self.headers["Content-Length"])))
                pager._notified(message["alerts"])
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()

    def _notified(self, alerts: list[dict[str, Any]]) -> None:
        for alert in alerts:
            if alert["status"] == "firing":
                self.called[alert["labels"]["severity"]].append(alert["labels"]["alertname"])


class Monitoring:
    """The alerts of a site, as the people on call see them."""

    def __init__(self, folder: Path, server: Prometheus, alertmanager: str, pager: Pager) -> None:
        self.prometheus = server
        self.pager = pager
        self._folder = folder
        self._alertmanager = alertmanager

    def scrape(self, workers: Sequence[str]) -> None:
        """Scrape these workers from now on."""
        set_targets(self._folder, "tocsin", workers)

    def firing(self) -> set[str]:
        """The names of the alerts that have reached Alertmanager and are not resolved, also inhibited ones."""
        with urllib.request.urlopen(f"{self._alertmanager}/api/v2/alerts", timeout=10) as answer:
            return {alert["labels"]["alertname"] for alert in orjson.loads(answer.read())}

    def describe(self) -> str:
        """Every alert with its state, for a failure."""
        alerts = self.prometheus.get("api/v1/alerts")["data"]["alerts"]
        lines = [
            f"{alert['state']} {alert['labels']} {alert['value']}, since {alert['activeAt']}"
            for alert in alerts
        ]
        return "\n".join([*lines, f"notified: {self.pager.called}"])


@contextmanager
def monitoring(folder: Path, workers: Sequence[str], scale: float) -> Iterator[Monitoring]:
    """Watch the workers at these addresses with the shipped rules, their times divided by `scale`."""
    address = free_address()
    pager = Pager()
    rules = write_yaml(folder / "rules.yaml", scaled_rules(scale))
    configuration = write_yaml(folder / "alertmanager.yml", scaled_alertmanager(scale, pager.url))
    command = [
        str(ALERTMANAGER),
        f"--config.file={configuration}",
        f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address={address}",
        "--cluster.listen-address=",
    ]
    try:
        with (
            running(command, folder, folder / "alertmanager.log"),
            prometheus(folder, {"tocsin": workers}, rules=rules, alertmanager=address) as server,
        ):
            _wait_until_it_answers(f"http://{address}/-/ready")
            yield Monitoring(folder, server, f"http://{address}", pager)
    finally:
        pager.close()


def _wait_until_it_answers(url: str) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except OSError:
            assert time.monotonic() < deadline, f"no answer from {url}"
            time.sleep(0.1)
