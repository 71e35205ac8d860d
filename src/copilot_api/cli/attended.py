"""The gateway as a child of `run`: it stops when its standard input ends, so also when `run` was killed."""

from __future__ import annotations

import os
import signal
import sys
import threading

from copilot_api.cli.main import run


def main() -> None:
    """Run the program with the arguments of this process."""
    threading.Thread(target=_stop_at_end_of_input, daemon=True).start()
    run(sys.argv[1:])


def _stop_at_end_of_input() -> None:
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
