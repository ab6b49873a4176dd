"""Run a broker in the foreground: `python -m tocsin_demo.local_kafka FOLDER [--port N]`."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from pathlib import Path

from tocsin_demo.local_kafka import LocalKafka, LocalKafkaError

# Interval between checks that the broker still runs.
_CHECK_SECONDS = 0.5


def main() -> int:
    """Start the broker, print its address, and stop it on SIGINT or SIGTERM. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tocsin_demo.local_kafka", description=__doc__)
    parser.add_argument("folder", type=Path, help="folder for records, configuration and log")
    parser.add_argument(
        "--port", type=int, help="port for clients (default: a free one, reused for this folder)"
    )
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with LocalKafka(arguments.folder, port=arguments.port) as kafka:
            print(kafka.bootstrap, flush=True)
            while kafka.running:
                time.sleep(_CHECK_SECONDS)
            raise LocalKafkaError(
                f"the broker stopped unexpectedly; the end of {kafka.log}:\n{kafka.log_tail()}"
            )
    except KeyboardInterrupt:
        return 0
    except LocalKafkaError as error:
        print(error, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
