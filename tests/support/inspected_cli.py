"""The real program, which tells on SIGUSR1 what it has imported.

Run as ``python -m tests.support.inspected_cli start …``. It imports nothing that the program does without;
the answer is one line on stderr.
"""

import os
import signal
import sys


def tell(_number: int, _frame: object) -> None:
    # `None` stands for a module that was hidden from others, not for one that was loaded.
    names = sorted(name for name, module in sys.modules.items() if module is not None)
    os.write(2, f"modules: {' '.join(names)}\n".encode())


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, tell)
    from copilot_api.cli.main import run

    run()
