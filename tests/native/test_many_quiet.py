"""What docs/performance.md says of quiet channels can be measured again."""

import pytest

from tests.bench import many_quiet
from tests.tools import native_core

native_core()


@pytest.mark.parametrize("core", ["python", "native"])
@pytest.mark.parametrize("what", ["", "restore", "reporters"])
def test_every_kind_of_run_works(core, what, monkeypatch):
    # Of a tenth and less; what is measured then says nothing.
    for name, few in (("TEMPLATES", 300), ("REPORTS", 200), ("FEW_EXPIRE", 50), ("BATCH", 100)):
        monkeypatch.setattr(many_quiet, name, few)
    figures = many_quiet.measured(core, 300, what)
    assert figures["channels"] == 300
    if not what:
        # Every channel has expired by the end.
        assert set(figures["left"]) == {0}
