"""A DynamoDB for the apps: dynalite."""

import subprocess

from support.environment import NODE_MODULES
from support.poll import until

SERVER = """
const server = require("dynalite")({ createTableMs: 0, deleteTableMs: 0, updateTableMs: 0 });
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
"""


class Dynalite:
    """dynalite in memory on a free port."""

    def __init__(self):
        self._process = subprocess.Popen(
            ["node", "-e", SERVER],
            cwd=NODE_MODULES.parent,
            stdout=subprocess.PIPE,
            text=True,
        )
        port = until(self._process.stdout.readline, "port of dynalite").strip()
        self.url = f"http://127.0.0.1:{port}"

    def stop(self):
        """Ends it."""
        self._process.terminate()
        self._process.wait(10)
