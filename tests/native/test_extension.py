from streams import __version__
from streams.registry.loader import load_rules
from streams.running.operations.core import Core
from streams.running.worker.core_choice import choose_core
from streams.running.worker.settings import load_settings
from tests.tools import native_core


def test_a_worker_uses_what_make_native_built():
    assert native_core().__version__ == __version__
    assert choose_core(load_settings({}), load_rules().policies) == Core("native", "TOCSIN_CORE=auto")
