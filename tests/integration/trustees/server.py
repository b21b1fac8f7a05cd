"""The process of a ballot side whose database's clock is a file; `tests.integration.trustees.hall` starts it."""

import socket
import sys
from pathlib import Path

import uvicorn

from tests.desk import desk_settings
from voting_server.app import create_app


class _Server(uvicorn.Server):
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then say so."""
        await super().startup(sockets)
        sys.stdout.write("listening\n")
        sys.stdout.flush()


def main(folder: Path, port: int) -> None:
    """Serve the SQLite file of a folder until the process is ended."""
    app = create_app(desk_settings(folder))
    database = app.state.context.database
    database._clock = lambda: int((folder / "clock").read_text())
    database.engine.dispose()
    _Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning")).run()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
