"""Chooses between the native core and Python, as `TOCSIN_CORE` says."""

from collections.abc import Iterable

from streams import __version__
from streams.registry.policy import Policy
from streams.running.operations.core import Core
from streams.running.worker.environment import SettingsError
from streams.running.worker.settings import PREFIX, Settings


def choose_core(settings: Settings, policies: Iterable[Policy]) -> Core:
    """Return the core that applies reports by these policies.

    Raises SettingsError if the native core is required and cannot be used.
    """
    setting = f"{PREFIX}CORE={settings.core}"
    if settings.core == "python":
        return Core("python", setting)
    if settings.reporters == "on":
        return Core("python", f"{PREFIX}REPORTERS=on: the native core has no stage of reporters")
    problem = _problem()
    if problem is None:
        return Core("native", setting, _left_to_python(policies))
    if settings.core == "native":
        raise SettingsError(f"{setting}, but {problem}. Run make native, or set {PREFIX}CORE=auto.")
    return Core("python", problem)


def _left_to_python(policies: Iterable[Policy]) -> tuple[str, ...]:
    """Return the policies with a measure that the extension does not know."""
    import tocsin_native  # noqa: PLC0415  # optional

    known = frozenset(tocsin_native.MEASURES)
    return tuple(
        policy.id
        for policy in policies
        if policy.mode != "off" and not {one.measure.name for one in policy.conditions} <= known
    )


def _problem() -> str | None:
    """Return what is wrong with the installed extension; None if nothing is."""
    try:
        import tocsin_native  # noqa: PLC0415  # optional
    except ImportError as error:
        return f"tocsin_native cannot be imported ({error})"
    # Another version may write another state.
    if tocsin_native.__version__ != __version__:
        return f"tocsin_native is of version {tocsin_native.__version__}, not {__version__}"
    return None
