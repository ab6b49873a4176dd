"""Chooses between the native core and Python, as `TOCSIN_CORE` says."""

from dataclasses import replace

from streams import __version__
from streams.distribution import typed_here
from streams.running.log.connection import Connection
from streams.running.operations.core import CoreChoice
from streams.running.patches.native_producer import NativeProducer
from streams.running.worker.environment import SettingsError
from streams.running.worker.settings import PREFIX, Settings


def choose_core(settings: Settings) -> CoreChoice:
    """Return the core that reads reports where they are published.

    Raises SettingsError if the native core is required and cannot be used.
    """
    setting = f"{PREFIX}CORE={settings.core}"
    if settings.core == "python":
        return CoreChoice("python", setting)
    problem = _problem()
    if problem is None:
        return CoreChoice("native", setting)
    if settings.core == "native":
        build = typed_here("run make native", "install it as docs/deployment.md says")
        raise SettingsError(f"{setting}, but {problem}: {build}, or set {PREFIX}CORE=auto.")
    return CoreChoice("python", problem)


def read_batches_with(core: CoreChoice) -> None:
    """Make the consumers of this process, whose patches are installed, read records with the core."""
    if core.runs == "native":
        # Only here: it needs an extension that most installations do not have.
        from streams.running.patches.native_batch import install_native_batches  # noqa: PLC0415

        install_native_batches()


def write_batches_with(core: CoreChoice, connection: Connection) -> Connection:
    """Return the connection, with producers that write records with the core."""
    return replace(connection, producers=NativeProducer) if core.runs == "native" else connection


def _problem() -> str | None:
    """Return what is wrong with the installed extension; None if nothing is."""
    try:
        import tocsin_native  # noqa: PLC0415  # optional
    except ImportError as error:
        return f"tocsin_native cannot be imported ({error})"
    if not hasattr(tocsin_native, "FetchedRecord"):
        return "tocsin_native is of an earlier build of this version"
    # Another version may read otherwise.
    if tocsin_native.__version__ != __version__:
        return f"tocsin_native is of version {tocsin_native.__version__}, not {__version__}"
    return None
