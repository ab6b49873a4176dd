"""A package registry for cargo on this machine, and a small native core whose only package comes from there."""

import gzip
import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
import venv
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

ROOT = Path(__file__).parents[2]


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        """Say nothing about requests."""


class Registry:
    """Packages as cargo fetches them from a sparse index. It is there within the block of `serve` only."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.folder.mkdir()
        self.port = 0

    @contextmanager
    def serve(self):
        """Answer until the block ends."""
        handler = partial(QuietHandler, directory=self.folder)
        with ThreadingHTTPServer(("127.0.0.1", self.port), handler) as server:
            self.port = server.server_port
            (self.folder / "config.json").write_text(
                json.dumps({"dl": f"http://127.0.0.1:{self.port}/{{crate}}-{{version}}.crate"})
            )
            thread = Thread(target=server.serve_forever)
            thread.start()
            yield
            server.shutdown()
            thread.join()

    def publish(
        self, name: str, version: str, files: dict[str, str], needs: dict[str, str], rust: str
    ) -> str:
        """Offer a version of a package. Returns its checksum."""
        manifest = f'[package]\nname = "{name}"\nversion = "{version}"\nedition = "2021"\n[dependencies]\n'
        manifest += "".join(f'{other} = "{wanted}"\n' for other, wanted in needs.items())
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as crate:
            for path, text in ({"Cargo.toml": manifest} | files).items():
                entry = tarfile.TarInfo(f"{name}-{version}/{path}")
                entry.size = len(text.encode())
                crate.addfile(entry, io.BytesIO(text.encode()))
        packed = gzip.compress(archive.getvalue(), mtime=0)
        (self.folder / f"{name}-{version}.crate").write_bytes(packed)
        digest = hashlib.sha256(packed).hexdigest()
        row = {
            "name": name,
            "vers": version,
            "deps": [
                {
                    "name": other,
                    "req": wanted,
                    "features": [],
                    "optional": False,
                    "default_features": True,
                    "target": None,
                    "kind": "normal",
                }
                for other, wanted in needs.items()
            ],
            "cksum": digest,
            "features": {},
            "yanked": False,
            "rust_version": rust,
        }
        # The place of names of four letters and more.
        index = self.folder / name[:2] / name[2:4] / name
        index.parent.mkdir(parents=True, exist_ok=True)
        with index.open("a") as rows:
            rows.write(json.dumps(row) + "\n")
        return digest


class Checkout:
    """A copy of native/ with other sources, an environment to build for, and a user's own cargo
    configuration.
    """

    def __init__(self, folder: Path, registry: Registry) -> None:
        self.native = folder / "native"
        (self.native / "src").mkdir(parents=True)
        for script in ("build.py", "cargo.py", "pin.py"):
            shutil.copy(ROOT / "native" / script, self.native)
        venv.create(folder / "environment", symlinks=True)
        self.python = folder / "environment" / "bin" / "python"
        self.built = folder / "build" / "native" / "target"
        self.registry = registry
        self.cargo_home = folder / "cargo"

    def run(self, script: str, *arguments: Path) -> subprocess.CompletedProcess[str]:
        """Run a script of native/ as a user whose configuration names the registry as a mirror."""
        self.cargo_home.mkdir(exist_ok=True)
        (self.cargo_home / "config.toml").write_text(
            f"""\
[source.crates-io]
replace-with = "mirror"
[source.mirror]
registry = "sparse+http://127.0.0.1:{self.registry.port}/"
[net]
retry = 0
"""
        )
        return subprocess.run(
            [self.python, self.native / script, *arguments],
            env=os.environ | {"CARGO_HOME": str(self.cargo_home), "no_proxy": "127.0.0.1"},
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
