"""Backends that do what no web server should."""

import contextlib
import socket
import threading


class Misbehaving:
    """A server that reads a request and then does what `act(socket)` does; `url` to call."""

    def __init__(self, act):
        self._act = act
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}/"
        self._open = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                peer, _ = self._server.accept()
                self._open.append(peer)
                threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer):
        with contextlib.suppress(OSError):
            peer.recv(65536)
            self._act(peer)

    def stop(self):
        """Ends it, and whatever it still does."""
        # A thread that waits in `accept` holds the socket open otherwise.
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for peer in self._open:
            with contextlib.suppress(OSError):
                peer.shutdown(socket.SHUT_RDWR)
            peer.close()
