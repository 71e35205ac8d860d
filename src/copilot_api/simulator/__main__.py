"""``python -m copilot_api.simulator``: the simulator alone, for clients that speak to Copilot themselves."""

from __future__ import annotations

import argparse
import asyncio

from copilot_api.simulator.server import SimulatorServer


async def _serve(port: int, delay: float) -> None:
    server = SimulatorServer(port, chunk_delay=delay)
    await server.astart()
    print(f"Simulator listening on {server.url}", flush=True)  # noqa: T201 - a program's own output
    await asyncio.Event().wait()


def main() -> None:
    """Parse the arguments and serve until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=4142, help="port on 127.0.0.1 (default 4142)")
    parser.add_argument("--chunk-delay", type=float, default=0.02, help="seconds between frames")
    arguments = parser.parse_args()
    try:
        asyncio.run(_serve(arguments.port, arguments.chunk_delay))
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    main()
