"""The logs of a run whose replay differed, kept for another look.

`python -m tests.kafka.harness.kept_logs FILE` replays them again.
"""

import pickle
import shutil
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.kafka.harness.deployment import Deployment
from tests.kafka.harness.reader import Reader, Row, Rows
from tests.kafka.harness.replay import check_replay, shipped_rules
from tests.kafka.harness.rulings import compiled_rules_of

FOLDER = Path(__file__).parents[3] / ".tocsin" / "logs"


@dataclass(frozen=True)
class KeptLogs(Rows):
    """Has what a replay needs of a deployment, and of a reader of its topics."""

    prefix: str
    partitions: int
    rows: Mapping[str, Mapping[int, list[Row]]]

    def name(self, topic: str) -> str:
        """As Deployment.name."""
        return self.prefix + topic

    def outputs(self) -> Self:
        """As Deployment.outputs."""
        return self


def keep_logs(deployment: Deployment, reader: Reader, name: str, folder: Path) -> Path:
    """Keep what was read in a file; give its path.

    Beside it is `folder`, with what brokers and workers have written: only there is who aborted what.
    """
    FOLDER.mkdir(parents=True, exist_ok=True)
    # The brokers still run: a file may go meanwhile.
    with suppress(shutil.Error):
        shutil.copytree(folder, FOLDER / name, dirs_exist_ok=True)
    path = FOLDER / f"{name}.pickle"
    path.write_bytes(pickle.dumps(KeptLogs(deployment.prefix, deployment.partitions, reader.rows)))
    return path


if __name__ == "__main__":
    kept = pickle.loads(Path(sys.argv[1]).read_bytes())  # noqa: S301  # our own file
    print(check_replay(kept, kept, shipped_rules(), sets=compiled_rules_of(kept)))
