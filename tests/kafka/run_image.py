"""The container image runs a worker and a console: `make image` builds it and runs this file, which `make
test` leaves out.

Each process runs as a container's would: in the image's files, read-only, with the image's user, variables
and command.
"""

import json
import os
import signal
import subprocess
from pathlib import Path
from urllib.request import urlopen

import pytest

from streams import __version__
from tests.kafka.harness.deployment import SOURCE
from tests.kafka.harness.oracle import check_outputs
from tests.kafka.harness.reports import generate, source_of
from tests.kafka.harness.workers import Worker
from tocsin_demo.local_kafka.probe import free_port

READY_SECONDS = 60

# In a mount namespace of its own, which ends with the process.
ENTER = """
root=$1 user=$2; shift 2
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
# What a deployment of the tests mounts: it lies in a folder that only their user reads.
if [ -n "${TOCSIN_PLATFORM_FILE:-}" ]; then install -D -m 644 "$TOCSIN_PLATFORM_FILE" "$root$TOCSIN_PLATFORM_FILE"; fi
exec chroot --userspec="$user" "$root" env "$@"
"""


class Image:
    """An unpacked image, and the commands that run it."""

    def __init__(self, bundle: Path) -> None:
        self._root = bundle / "rootfs"
        self.process = json.loads((bundle / "config.json").read_text())["process"]

    def command(self, *arguments: str) -> list[str]:
        """The command of a container with these arguments, or with those of the image."""
        user = "{uid}:{gid}".format(**self.process["user"])
        entrypoint = self.process["args"]
        program = [entrypoint[0], *arguments] if arguments else entrypoint
        enter = ["unshare", "--mount", "--propagation", "private", "sh", "-euc", ENTER, "sh"]
        return [*enter, str(self._root), user, *self.process["env"], *program]


def unpacked(name, folder):
    layout = Path(os.environ["TOCSIN_IMAGE_LAYOUT"])
    bundle = folder / "bundle"
    subprocess.run(
        ["umoci", "unpack", "--image", f"{layout}:{name}", bundle], check=True, capture_output=True
    )
    return Image(bundle)


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    return unpacked("tocsin", tmp_path_factory.mktemp("image"))


@pytest.fixture(scope="module")
def demo_image(tmp_path_factory):
    return unpacked("demo", tmp_path_factory.mktemp("demo-image"))


def test_the_image_is_tocsins_and_its_user_is_not_root(image):
    assert image.process["user"]["uid"] == 65532
    assert image.process["args"] == ["tocsin", "worker"]
    said = subprocess.run(image.command("--version"), capture_output=True, text=True, check=True)
    assert said.stdout == f"tocsin, version {__version__}\n"
    program = image.command()[: -len(image.process["args"])]
    imports = [*program, "python", "-c", "import tocsin_native; print(tocsin_native.__version__)"]
    assert subprocess.run(imports, capture_output=True, text=True, check=True).stdout == f"{__version__}\n"
    writes = [*program, "touch", "/opt/tocsin/x"]
    assert b"Read-only file system" in subprocess.run(writes, capture_output=True).stderr


def test_a_worker_in_the_image_applies_reports_once_and_obeys_sigterm(image, deploy):
    deployment = deploy()
    worker = deployment.fleet.start(image.command())
    records = [
        record
        for record in generate(7, 500, channels=20, duplicates=0.1, bad=0)
        if source_of(record) == SOURCE
    ]
    deployment.publish(records)
    deployment.wait_until_applied()
    totals = check_outputs(deployment, deployment.outputs())
    assert totals.duplicates > 0
    deployment.fleet.running.remove(worker)
    worker.signal(signal.SIGTERM)
    assert worker.wait(25) == 0


def test_a_console_in_the_image_answers(image, deploy, tmp_path):
    deployment = deploy()
    port = free_port()
    settings = deployment.settings | {
        "TOCSIN_CONSOLE_PORT": str(port),
        "TOCSIN_CONSOLE_METRICS_PORT": "0",
        "TOCSIN_CONSOLE_DATABASE": "/tmp/console.sqlite",
    }
    console = Worker(tmp_path / "console.log", settings, image.command("console"))
    try:
        deployment.fleet.wait_for(
            lambda: "console at http://" in console.text, READY_SECONDS, "the console starts"
        )
        with urlopen(f"http://127.0.0.1:{port}/", timeout=10) as page:
            assert "Tocsin" in page.read().decode()
        console.signal(signal.SIGTERM)
        assert console.wait(25) == 0
    finally:
        console.end()


def test_a_worker_of_the_image_applies_sample_traffic_of_the_demos_image(image, demo_image, deploy, tmp_path):
    """What the services `traffic` and `worker` of docker-compose.yml run."""
    deployment = deploy()
    worker = deployment.fleet.start(image.command())
    once = deployment.settings | {"ROUNDS": "1", "REPORTS": "2000"}
    traffic = Worker(tmp_path / "traffic.log", once, demo_image.command())
    try:
        assert traffic.wait(READY_SECONDS * 5) == 0, traffic.text
    finally:
        traffic.end()
    # The requests of authorities are the last that a round publishes, and one of them must be refused.
    deployment.fleet.wait_for(
        lambda: "a request is refused" in worker.text, READY_SECONDS, "the requests of the round are judged"
    )
    assert deployment.applied() > 0
