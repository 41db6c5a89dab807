"""AWS's services for the apps: moto's server."""

import subprocess
import sys

from support.app import aws_client
from support.poll import until

#: Serves until nobody holds its input any more.
SERVER = """
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""
ACCOUNT = "123456789012"


class Moto:
    """moto's server on a free port: `url` to call, `client(service)` to look into it."""

    def __init__(self):
        self._process = subprocess.Popen(
            [sys.executable, "-c", SERVER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        port = until(self._process.stdout.readline, "port of moto", 30.0).strip()
        self.url = f"http://127.0.0.1:{port}"

    def client(self, service, **options):
        """A boto3 client of a service."""
        return aws_client(service, self.url, **options)

    def stop(self):
        """Ends it."""
        self._process.terminate()
        self._process.wait(10)
