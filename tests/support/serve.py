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
    """`gatepost serve --json` with a configuration file in its folder."""

    def _start(self):
        if self.command[1] == "dev":
            self.command = [str(BINARY), "serve", "--json", *self.command[4:]]
        super()._start()


def write_configuration(folder, templates, config):
    """Writes templates, by the names of their folders, and a configuration that serves them on free
    ports; its path."""
    files = []
    for name, template in templates.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        files.append(str(write_app(folder / name, template, {}).relative_to(folder)))
    listening = f'''
        [server]
        listen = ["127.0.0.1:0"]
        templates = {json.dumps(files)}
        [admin]
        listen = "127.0.0.1:0"
        '''
    path = folder / "gatepost.toml"
    path.write_text(dedent(listening) + dedent(config))
    return path


class Servers:
    """Starts servers in one folder, and ends them."""

    def __init__(self, folder):
        self._folder = folder
        self._started = []

    def __call__(self, templates, config=OFF, arguments=(), env=None):
        """Runs `gatepost serve` with these templates."""
        return self.again(write_configuration(self._folder, templates, config), arguments, env)

    def again(self, configuration, arguments=(), env=None):
        """Runs `gatepost serve` with a configuration that is there."""
        env = {"SECRET_OF_ANN": KEY[1], **(env or {})}
        self._started.append(Server(configuration, arguments, env))
        return self._started[-1]

    def stop(self):
        """Ends all servers."""
        for server in self._started:
            server.stop()
            assert "panicked" not in server.stderr, server.transcript()


@pytest.fixture
def serve(tmp_path):
    """Starts servers in the folder `tmp_path`; see `Servers`."""
    servers = Servers(tmp_path)
    yield servers
    servers.stop()


def token_of(server):
    """The admin token that was made at the start."""
    return Path(server.folder, server.ready["adminTokenFile"]).read_text()
