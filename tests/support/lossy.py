"""A proxy that loses answers: what reached the server was done, and the caller does not know."""

import socket
import threading


class LossyProxy:
    """Passes on to `port`; the first `losses` answers are lost with their connections."""

    def __init__(self, port, losses):
        self._target = port
        self._losses = losses
        self.lost = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with client, socket.create_connection(("127.0.0.1", self._target)) as server:
            back = threading.Thread(target=self._answer, args=(server, client), daemon=True)
            back.start()
            _copy(client, server)
            back.join()

    def _answer(self, server, client):
        try:
            while data := server.recv(65536):
                if self.lost < self._losses:
                    self.lost += 1
                    break
                client.sendall(data)
        except OSError:
            pass
        _shut(client)
        _shut(server)

    def stop(self):
        """Takes no more connections."""
        self._listener.close()


def _copy(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass
    _shut(target)


def _shut(end):
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
