"""Says which core applies reports, as `TOCSIN_CORE` asks."""

from streams.running.operations.core import Core
from streams.running.worker.environment import SettingsError
from streams.running.worker.settings import PREFIX, Settings

_WHY_PYTHON = "the native core has no stage of reporters, through which reports go"


def choose_core(settings: Settings) -> Core:
    """Return the core that applies reports: Python, which alone has the stage of reporters.

    Raises SettingsError if the native core is required.
    """
    setting = f"{PREFIX}CORE={settings.core}"
    if settings.core == "native":
        raise SettingsError(
            f"{setting}, but {_WHY_PYTHON}. Set {PREFIX}CORE=auto; Python takes over the same state."
        )
    return Core("python", setting if settings.core == "python" else f"{setting}: {_WHY_PYTHON}")
