"""TOCSIN_CORE: which core runs, and when a worker refuses to start."""

import sys
from types import ModuleType

import pytest
from prometheus_client.parser import text_string_to_metric_families

from streams import __version__
from streams.running.operations.core import Core
from streams.running.operations.worker_operations import WorkerOperations
from streams.running.worker.core_choice import choose_core
from streams.running.worker.environment import SettingsError
from streams.running.worker.settings import load_settings
from tests.unit.traffic import SHIPPED


def chosen(core):
    return choose_core(load_settings({"TOCSIN_CORE": core}))


@pytest.fixture(autouse=True)
def installed(monkeypatch):
    """The extension is there: that does not matter."""
    extension = ModuleType("tocsin_native")
    extension.__version__ = __version__
    monkeypatch.setitem(sys.modules, "tocsin_native", extension)


def test_python_is_python():
    assert chosen("python") == Core("python", "TOCSIN_CORE=python")


def test_the_default_is_python_and_says_why():
    assert load_settings({}).core == "auto"
    assert chosen("auto") == Core(
        "python",
        "TOCSIN_CORE=auto: the native core has no stage of reporters, through which reports go",
    )


def test_a_worker_that_must_be_native_refuses_to_start():
    with pytest.raises(SettingsError) as refused:
        chosen("native")
    message = str(refused.value)
    assert message.startswith("TOCSIN_CORE=native, but the native core has no stage of reporters")
    assert "Set TOCSIN_CORE=auto" in message


@pytest.mark.parametrize("runs", ["native", "python"])
def test_status_and_metrics_show_the_core(runs):
    operations = WorkerOperations(SHIPPED, {"reports": ("a", "b")}, list, Core(runs, "so"))
    assert operations.status()["core"] == {"runs": runs, "why": "so"}
    text = operations._exposition.text().decode()
    (family,) = [found for found in text_string_to_metric_families(text) if found.name == "tocsin_core_info"]
    assert [(sample.labels, sample.value) for sample in family.samples] == [({"core": runs}, 1.0)]
