"""A real Synapse, with SQLite and without federation, from the package index."""

import hashlib
import hmac
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

from tests.kafka.harness.workers import patience
from tests.tools import missing
from tocsin_demo.local_kafka.probe import free_port

VERSION = "1.163.2"
SERVER = "matrix.example"
SECRET = "registration-of-this-test"  # noqa: S105 - of this test alone

_CONFIG = """
server_name: {server}
pid_file: {folder}/pid
listeners:
  - {{port: {port}, type: http, tls: false, bind_addresses: [127.0.0.1], resources: [{{names: [client]}}]}}
database: {{name: sqlite3, args: {{database: "{folder}/homeserver.db"}}}}
media_store_path: {folder}/media
signing_key_path: {folder}/signing.key
registration_shared_secret: {secret}
macaroon_secret_key: {secret}
form_secret: {secret}
report_stats: false
trusted_key_servers: []
rc_login: &fast {{address: {{per_second: 1000, burst_count: 1000}}, account: {{per_second: 1000, burst_count: 1000}}}}
rc_message: {{per_second: 1000, burst_count: 1000}}
rc_reports: {{per_second: 1000, burst_count: 1000}}
"""


def installed_synapse(folder: Path) -> Path:
    """The interpreter of an environment with Synapse. The test is skipped where it cannot be installed."""
    python = folder / "bin" / "python"
    for command in (
        [sys.executable, "-m", "venv", str(folder)],
        [str(python), "-m", "pip", "install", "--quiet", f"matrix-synapse=={VERSION}"],
    ):
        done = subprocess.run(command, capture_output=True, text=True, timeout=300 * patience(), check=False)
        if done.returncode != 0:
            missing(f"Synapse cannot be installed: {done.stderr[-300:]}")
    return python


class Synapse:
    """A running Synapse; people of it are known by their access tokens."""

    def __init__(self, python: Path, folder: Path) -> None:
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self._log = folder / "synapse.log"
        (folder / "homeserver.yaml").write_text(
            _CONFIG.format(server=SERVER, folder=folder, port=self.port, secret=SECRET)
        )
        command = [
            str(python),
            "-m",
            "synapse.app.homeserver",
            "--config-path",
            str(folder / "homeserver.yaml"),
        ]
        subprocess.run(
            [*command, "--generate-keys"], check=True, capture_output=True, timeout=60 * patience()
        )
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
        self._http = httpx.Client(base_url=self.address, timeout=30)

    def __enter__(self) -> Self:
        deadline = time.monotonic() + 60 * patience()
        while True:
            try:
                if self._http.get("/health").status_code == 200:
                    return self
            except httpx.TransportError:
                pass
            assert self._process.poll() is None and time.monotonic() < deadline, self._log.read_text()[-2000:]
            time.sleep(0.1)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()
        self._process.kill()
        self._process.wait(20)

    def register(self, name: str, *, admin: bool = False) -> str:
        """A new account; its access token."""
        path = "/_synapse/admin/v1/register"
        nonce = self._http.get(path).json()["nonce"]
        said = "\0".join([nonce, name, "pass-word", "admin" if admin else "notadmin"]).encode()
        mac = hmac.digest(SECRET.encode(), said, hashlib.sha1).hex()
        account = {"nonce": nonce, "username": name, "password": "pass-word", "admin": admin, "mac": mac}
        return str(self.call("POST", path, None, account)["access_token"])

    def call(self, method: str, path: str, token: str | None, body: Any = None) -> Any:
        """The answer to a request of somebody; path parts are quoted by `at`."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        answer = self._http.request(method, path, json=body, headers=headers)
        assert answer.status_code == 200, (path, answer.text)
        return answer.json()


def at(*parts: str) -> str:
    """A path of the client API."""
    return "/_matrix/client/v3/" + "/".join(quote(part, safe="") for part in parts)
