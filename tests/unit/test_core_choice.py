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
from tests.unit.traffic import SHIPPED, levels, policy


def chosen(policies=(), **variables):
    settings = load_settings({f"TOCSIN_{name.upper()}": text for name, text in variables.items()})
    return choose_core(settings, policies)


@pytest.fixture
def installed(monkeypatch):
    """Returns a function that installs an extension of a version; None for no extension."""

    def install(version):
        extension = None
        if version is not None:
            extension = ModuleType("tocsin_native")
            extension.__version__ = version
            extension.MEASURES = ["reports", "risk"]
        monkeypatch.setitem(sys.modules, "tocsin_native", extension)

    return install


def test_with_the_extension_the_default_is_native(installed):
    installed(__version__)
    assert chosen() == Core("native", "TOCSIN_CORE=auto")
    assert chosen(core="native") == Core("native", "TOCSIN_CORE=native")


def test_policies_that_the_extension_does_not_know_are_named(installed):
    installed(__version__)
    policies = [
        policy(id="known", levels=levels({"reports": 1}, {"risk": ("<", 3), "reports": 2})),
        policy(id="unknown", levels=levels({"reports": 1}, {"voices": 3})),
        policy(id="unknown-choice", levels=levels({"reports": 1, "any_of": {"risk": 1, "automated": 1}})),
        policy(id="unused", mode="off", levels=levels({"voices": 3})),
    ]
    assert chosen(policies).left_to_python == ("unknown", "unknown-choice")
    assert chosen(policies, core="python").left_to_python == ()


@pytest.mark.parametrize("version", [__version__, "0.1.0", None])
def test_python_is_python_whatever_is_installed(installed, version):
    installed(version)
    assert chosen(core="python") == Core("python", "TOCSIN_CORE=python")


def test_without_the_extension_the_default_is_python_and_says_why(installed):
    installed(None)
    core = chosen()
    assert core.runs == "python"
    assert core.why.startswith("tocsin_native cannot be imported (")


def test_an_extension_of_another_version_is_not_used(installed):
    installed("0.1.0")
    assert chosen() == Core("python", f"tocsin_native is of version 0.1.0, not {__version__}")


def test_with_the_stage_of_reporters_the_default_is_python(installed):
    installed(__version__)
    assert chosen(reporters="on") == Core(
        "python", "TOCSIN_REPORTERS=on: the native core has no stage of reporters"
    )


@pytest.mark.parametrize(
    ("version", "problem"), [(None, "cannot be imported"), ("0.1.0", "is of version 0.1.0")]
)
def test_a_worker_that_must_be_native_refuses_to_start_without_it(installed, version, problem):
    installed(version)
    with pytest.raises(SettingsError) as refused:
        chosen(core="native")
    message = str(refused.value)
    assert message.startswith(f"TOCSIN_CORE=native, but tocsin_native {problem}")
    assert message.endswith("Run make native, or set TOCSIN_CORE=auto.")


@pytest.mark.parametrize("runs", ["native", "python"])
def test_status_and_metrics_show_the_core(runs):
    operations = WorkerOperations(SHIPPED, {"reports": ("a", "b")}, list, Core(runs, "so"))
    assert operations.status()["core"] == {"runs": runs, "why": "so", "left_to_python": ()}
    text = operations._exposition.text().decode()
    (family,) = [found for found in text_string_to_metric_families(text) if found.name == "tocsin_core_info"]
    assert [(sample.labels, sample.value) for sample in family.samples] == [({"core": runs}, 1.0)]
