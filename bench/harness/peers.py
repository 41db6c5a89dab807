"""The peers of `bench/peers`, as subjects."""

import contextlib
import json
import subprocess
import sys

from .machine import BENCH, SERVER_CORE, start
from .subjects import Running, stop

sys.path.append(str(BENCH / "peers"))

from usage import tree  # noqa: E402


class PeerRunning(Running):
    """A peer that serves: its processes are looked up anew, since some come and go."""

    @property
    def pids(self):
        return tree(self.extra["roots"], self.other_pids)

    @pids.setter
    def pids(self, roots):
        self.extra = {**(getattr(self, "extra", None) or {}), "roots": roots}


@contextlib.contextmanager
def peer(name):
    """A peer; installed before, if need be."""
    process = start(
        [BENCH / "peers" / "run", name],
        SERVER_CORE,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"{name} did not start")
        subject = json.loads(line)
        post = subject["post"]
        extra = {
            "roots": subject["processes"],
            # A peer whose URL names the client needs not be asked for its id.
            "ask": None if "{id}" in subject["websocket"] else "id",
        }
        if post["body"] != "{payload}":
            extra["body"] = post["body"].replace("{payload}", "{text}")
        running = PeerRunning(
            ws=subject["websocket"],
            pids=subject["processes"],
            post=post["url"],
            other_pids=subject["backends"],
        )
        running.extra |= extra
        yield running
    finally:
        process.stdin.close()
        stop(process)
