"""Either side of a take-over, spoken by the test: lines of JSON over a Unix socket of the state folder."""

import fcntl
import json
import os
import socket

VERSION = 1


class Talk:
    """What both say to each other, in turn."""

    def __init__(self, link):
        self.link = link
        link.settimeout(20)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.link.close()

    def say(self, said, descriptors=()):
        """Says something, perhaps with descriptors."""
        line = json.dumps(said).encode() + b"\n"
        socket.send_fds(self.link, [line], list(descriptors))

    def hear(self):
        """What the other says; `None` when it is gone. Descriptors that come with it are closed."""
        line = b""
        while not line.endswith(b"\n"):
            data, descriptors, _, _ = socket.recv_fds(self.link, 8192, 64)
            for descriptor in descriptors:
                os.close(descriptor)
            if not data:
                return None
            line += data
        return json.loads(line)


class Successor(Talk):
    """A new Gatepost that got as far as having heard that all is kept; `run` is the old one's."""

    def __init__(self, state):
        link = socket.socket(socket.AF_UNIX)
        link.connect(str(state / "take-over.sock"))
        super().__init__(link)
        self.say({"TakeOver": {"version": VERSION}})
        self.run = self.hear()["Offer"]["run"]
        self.say("Prepared")
        assert self.hear() == "Kept"


class Predecessor:
    """A running Gatepost, which holds the state folder and listens at `sockets`."""

    RUN = 1000

    def __init__(self, state, sockets):
        self._sockets = sockets
        self._lock = (state / "lock").open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._path = state / "take-over.sock"
        self._path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self._path))
        self._listener.listen()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._listener.close()
        self._lock.close()

    def offer(self):
        """The talk with a new one that asks, to which all is offered."""
        self._listener.settimeout(20)
        talk = Talk(self._listener.accept()[0])
        assert talk.hear() == {"TakeOver": {"version": VERSION}}
        offer = {"Offer": {"run": self.RUN, "sockets": [purpose for purpose, _ in self._sockets]}}
        numbers = [one.fileno() for _, one in self._sockets]
        talk.say(offer, [self._lock.fileno(), *numbers])
        return talk
