"""A running `gatepost serve`."""

import json
from pathlib import Path

import pytest

from support.app import App
from support.environment import BINARY
from support.fixtures import dedent, write_app

KEY = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
SIGNED = """
    [auth.access_keys.AKIAIOSFODNN7EXAMPLE]
    secret_env = "SECRET_OF_ANN"
    user = "ann"
    policies = [{Version = "2012-10-17", Statement = [
        {Effect = "Allow", Action = ["execute-api:*", "apigateway:*"], Resource = "*"}]}]
    """
OFF = """
    [auth]
    mode = "off"
    """


class Server(App):
    """`gatepost serve --json` on free ports."""

    def _start(self):
        self.command = [str(BINARY), "serve", "--json", *self.command[4:]]
        super()._start()


@pytest.fixture
def serve(tmp_path):
    """Starts `gatepost serve` in a folder with these templates, by the names of their folders."""
    servers = []

    def start(templates, config=OFF, arguments=(), env=None):
        files = []
        for name, template in templates.items():
            (tmp_path / name).mkdir(parents=True, exist_ok=True)
            files.append(str(write_app(tmp_path / name, template, {}).relative_to(tmp_path)))
        listening = f'''
            [server]
            listen = ["127.0.0.1:0"]
            templates = {json.dumps(files)}
            [admin]
            listen = "127.0.0.1:0"
            '''
        (tmp_path / "gatepost.toml").write_text(dedent(listening) + dedent(config))
        server = Server(tmp_path / "gatepost.toml", arguments, {"SECRET_OF_ANN": KEY[1], **(env or {})})
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.stop()
        assert "panicked" not in server.stderr, server.transcript()


def token_of(server):
    """The admin token that was made at the start."""
    return Path(server.folder, server.ready["adminTokenFile"]).read_text()
