"""Where things are: the binary under test and what `tests/run` prepared."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TARGET = ROOT / "target"
#: The program under test.
BINARY = Path(os.environ.get("GATEPOST_BIN", TARGET / "debug" / "gatepost")).resolve()
#: JavaScript packages of `tests/package.json`.
NODE_MODULES = TARGET / "test-env" / "node_modules"
#: Binaries of `tests/clients`.
CLIENTS = TARGET / "clients" / "debug"
