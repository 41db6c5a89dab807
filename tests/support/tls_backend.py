"""Web servers over TLS, with certificates of a CA that only the test knows."""

import datetime
import ssl

import trustme

from support.backend import HttpBackend

PAST = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)


class Pki:
    """A CA, and files of its certificates in a folder."""

    def __init__(self, folder):
        self._folder = folder
        self._ca = trustme.CA()
        self.ca_file = folder / "ca.pem"
        self._ca.cert_pem.write_to_path(str(self.ca_file))

    def server(self, *names, expired=False, client_ca=None):
        """A server's side of TLS with a certificate for these names; with `client_ca` (a `Pki`)
        it lets in only whom that gave a certificate."""
        not_after = {"not_before": PAST, "not_after": PAST.replace(year=2021)} if expired else {}
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._ca.issue_cert(*names, **not_after).configure_cert(context)
        if client_ca:
            context.load_verify_locations(client_ca.ca_file)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def client_files(self, name="client"):
        """The files of a client certificate: chain and key."""
        issued = self._ca.issue_cert(common_name=name)
        chain, key = self._folder / f"{name}.pem", self._folder / f"{name}-key.pem"
        chain.write_bytes(b"".join(part.bytes() for part in issued.cert_chain_pems))
        issued.private_key_pem.write_to_path(str(key))
        return chain, key


class TlsBackend(HttpBackend):
    """`HttpBackend` over TLS; `asked_names` are the server names that clients asked for."""

    def __init__(self, context):
        self.asked_names = []
        context.sni_callback = lambda _socket, name, _context: self.asked_names.append(name)
        super().__init__()
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_port
        self.url = f"https://127.0.0.1:{self.port}"
