"""A real Prometheus with the deployed rules."""

import shutil
import socket
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from tests.contract.test_alerts import RULES

PROMETHEUS = shutil.which("prometheus")
needs_prometheus = pytest.mark.skipif(
    PROMETHEUS is None, reason="prometheus is not installed: it is Debian's package `prometheus`"
)


class Prometheus:
    """A client for the HTTP API of a Prometheus."""

    def __init__(self, address: str) -> None:
        self.address = address

    def get(self, path: str, **parameters: str) -> Any:
        """The answer of a path, also if it is an error."""
        url = f"{self.address}/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            text = error.read()
        return orjson.loads(text)

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Run an instant query. Returns a list of series with their values."""
        answer = self.get("api/v1/query", query=expression)
        assert answer["status"] == "success", f"{expression}: {answer.get('error')}"
        found: list[dict[str, Any]] = answer["data"]["result"]
        return found

    def targets_up(self) -> list[str]:
        """The health of each scraped target; empty while Prometheus is starting."""
        try:
            return [target["health"] for target in self.get("api/v1/targets")["data"]["activeTargets"]]
        except (OSError, ValueError):
            # Until it is ready, it refuses connections or answers in plain text.
            return []


@contextmanager
def prometheus(
    folder: Path,
    targets: Mapping[str, Sequence[str]],
    *,
    rules: Path = RULES,
    alertmanager: str | None = None,
    options: Sequence[str] = (),
) -> Iterator[Prometheus]:
    """Run a Prometheus that scrapes `targets`, by the job names of the deployed rules, every second.

    `set_targets` changes them while it runs. `options` are more ones of its command line.
    """
    address = free_address()
    configuration: dict[str, Any] = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(rules)],
        "scrape_configs": [
            {"job_name": job, "file_sd_configs": [{"files": [str(set_targets(folder, job, addresses))]}]}
            for job, addresses in targets.items()
        ],
    }
    if alertmanager is not None:
        configuration["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]}
    (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration))
    command = [
        str(PROMETHEUS),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address={address}",
        *options,
    ]
    with running(command, folder, folder / "prometheus.log"):
        yield Prometheus(f"http://{address}")


def set_targets(folder: Path, job: str, addresses: Sequence[str]) -> Path:
    """Have the Prometheus in this folder scrape these addresses. Returns the file that it watches."""
    file = folder / f"{job}-targets.json"
    # Renamed when complete: Prometheus may read it at any moment.
    (draft := file.with_suffix(".new")).write_bytes(orjson.dumps([{"targets": list(addresses)}]))
    draft.rename(file)
    return file


def free_address() -> str:
    """A free port on loopback, as host:port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


@contextmanager
def running(command: Sequence[str], folder: Path, log: Path) -> Iterator[None]:
    """Run a server; after a failure, print the end of its log."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        yield
    except BaseException:
        print(log.read_text(errors="replace")[-3000:])
        raise
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
