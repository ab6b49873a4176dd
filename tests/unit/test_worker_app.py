"""Importing a worker's app reads nothing; it is built from settings, or from the environment for `faust -A`."""

import subprocess
import sys

import pytest

from streams.deciding.partition.hash_key import DEMONSTRATION_KEY
from streams.registry.reading.errors import RegistryError
from streams.running.app.stage_app import StageApp
from streams.running.worker import app as module
from streams.running.worker.app import build_app
from streams.running.worker.environment import SettingsError
from streams.running.worker.settings import Settings
from tests.kafka.harness.workers import clean_environment

_IMPORT = """
import sys
opened = set()
sys.addaudithook(lambda event, words: opened.add(str(words[0])) if event == "open" else None)
import streams.running.worker.app
print(*[name for name in opened if name.endswith((".yaml", ".key"))])
"""


@pytest.mark.slow
def test_importing_it_reads_neither_environment_nor_registry():
    environment = clean_environment({"TOCSIN_NO_SUCH_SETTING": "1", "TOCSIN_LAW_FOLDER": "/nowhere"})
    done = subprocess.run(
        [sys.executable, "-c", _IMPORT], env=environment, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr


def test_building_it_reads_both(tmp_path):
    with pytest.raises(SettingsError, match="TOCSIN_HASH_KEY is missing"):
        build_app(Settings())
    with pytest.raises(RegistryError, match="nowhere"):
        build_app(Settings(law_folder=tmp_path / "nowhere"))


def test_faust_is_given_the_app_of_the_environment(monkeypatch):
    monkeypatch.setenv("TOCSIN_HASH_KEY", DEMONSTRATION_KEY.hex())
    monkeypatch.setenv("TOCSIN_TOPIC_PREFIX", "of-the-environment-")
    app = module.app
    assert isinstance(app, StageApp)
    assert app.prefix == "of-the-environment-"
    with pytest.raises(AttributeError, match="settings"):
        _ = module.settings
