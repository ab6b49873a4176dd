"""Where measurements are made: a broker, a topic prefix for each, worker processes."""

import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Place:
    """A broker at `bootstrap`, a folder to write logs in; `quick` asks for a tenth of the usual work."""

    bootstrap: str
    folder: Path
    quick: bool
