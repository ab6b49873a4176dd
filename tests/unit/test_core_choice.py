"""TOCSIN_CORE: which core runs, and when a worker refuses to start."""

import sys
from types import ModuleType

import pytest
from prometheus_client.parser import text_string_to_metric_families

from streams import __version__
from streams.running.operations.core import CoreChoice
from streams.running.operations.worker_operations import WorkerOperations
from streams.running.worker.core_choice import choose_core
from streams.running.worker.environment import SettingsError
from streams.running.worker.settings import load_settings
from tests.unit.traffic import SHIPPED


def chosen(core):
    return choose_core(load_settings({"TOCSIN_CORE": core}))


@pytest.fixture
def install(monkeypatch):
    """Installs an extension of some version, or, with None, none."""

    def installed(version):
        extension = None
        if version is not None:
            extension = ModuleType("tocsin_native")
            extension.__version__ = version
            extension.FetchedRecord = object
        # With None the import fails.
        monkeypatch.setitem(sys.modules, "tocsin_native", extension)

    return installed


def test_python_is_python_whatever_is_installed(install):
    install(__version__)
    assert chosen("python") == CoreChoice("python", "TOCSIN_CORE=python")


@pytest.mark.parametrize("core", ["auto", "native"])
def test_the_extension_runs_if_it_is_of_this_version(install, core):
    install(__version__)
    assert chosen(core) == CoreChoice("native", f"TOCSIN_CORE={core}")


@pytest.mark.parametrize(
    ("version", "problem"),
    [(None, "tocsin_native cannot be imported"), ("0.0.1", "tocsin_native is of version 0.0.1, not")],
)
def test_without_it_python_runs_or_the_worker_refuses_to_start(install, version, problem):
    install(version)
    assert load_settings({}).core == "auto"
    core = chosen("auto")
    assert core.runs == "python"
    assert core.why.startswith(problem)
    with pytest.raises(SettingsError) as refused:
        chosen("native")
    message = str(refused.value)
    assert message.startswith(f"TOCSIN_CORE=native, but {problem}")
    assert ": run make native, or set TOCSIN_CORE=auto." in message


def test_what_an_earlier_build_left_is_not_used(install):
    install(__version__)
    del sys.modules["tocsin_native"].FetchedRecord
    assert chosen("auto").runs == "python"
    assert "is of an earlier build" in chosen("auto").why


@pytest.mark.parametrize("runs", ["native", "python"])
def test_status_and_metrics_show_the_core(runs):
    operations = WorkerOperations(SHIPPED, {"reports": ("a", "b")}, list, CoreChoice(runs, "so"))
    assert operations.status()["core"] == {"runs": runs, "why": "so"}
    text = operations._exposition.text().decode()
    (family,) = [found for found in text_string_to_metric_families(text) if found.name == "tocsin_core_info"]
    assert [(sample.labels, sample.value) for sample in family.samples] == [({"core": runs}, 1.0)]
