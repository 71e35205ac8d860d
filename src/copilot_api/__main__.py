"""``python -m copilot_api``."""

from copilot_api.cli.main import run

if __name__ == "__main__":
    run()
