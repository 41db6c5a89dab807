"""A headless Chromium, driven by the DevTools protocol."""

import json
import shutil
import subprocess
import urllib.request
from pathlib import Path

import pytest
from websockets.sync.client import connect

from support.poll import until

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--remote-debugging-port=0",
)


class Browser:
    """Debian's Chromium with a profile of its own."""

    def __init__(self, profile):
        program = shutil.which("chromium")
        if program is None:
            pytest.skip("chromium is not here: on Debian install the package chromium")
        self._process = subprocess.Popen(
            [program, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        port_file = Path(profile) / "DevToolsActivePort"
        port = until(
            lambda: port_file.exists() and port_file.read_text().partition("\n")[0],
            "port of the browser",
            timeout=30,
        )
        self._base = f"http://127.0.0.1:{port}/json"
        self._pages = []

    def open(self, url):
        """A new page at this URL."""
        request = urllib.request.Request(f"{self._base}/new?{url}", method="PUT")
        # The browser is on this machine: no proxy.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=10) as response:
            target = json.load(response)
        page = Page(target["webSocketDebuggerUrl"])
        self._pages.append(page)
        return page

    def stop(self):
        """Ends it."""
        for page in self._pages:
            page.close()
        self._process.terminate()
        self._process.wait(10)


class Page:
    """One page: what it shows, and what a person does with it."""

    def __init__(self, url):
        self._socket = connect(url, proxy=None, compression=None, ping_interval=None, max_size=None)
        self._id = 0

    def evaluate(self, expression):
        """The value of a JavaScript expression."""
        self._id += 1
        parameters = {"expression": expression, "returnByValue": True, "awaitPromise": True}
        call = {"id": self._id, "method": "Runtime.evaluate", "params": parameters}
        self._socket.send(json.dumps(call))
        while True:
            answer = json.loads(self._socket.recv(timeout=10))
            if answer.get("id") == self._id:
                break
        result = answer["result"]
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def text(self, selector):
        """What an element shows; empty while it is not there."""
        return self.evaluate(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''")

    def shows(self, selector, text):
        """Waits until an element shows this text."""
        until(lambda: text in self.text(selector), f"{text!r} in {selector}", timeout=20)

    def click(self, selector):
        """Clicks, once that is possible."""
        element = f"document.querySelector({json.dumps(selector)})"
        until(lambda: self.evaluate(f"!!{element} && !{element}.disabled"), f"enabled {selector}")
        self.evaluate(f"{element}.click()")

    def submit(self, field, text):
        """Types into a field and submits its form."""
        element = f"document.querySelector({json.dumps(field)})"
        self.evaluate(f"{element}.value = {json.dumps(text)}; {element}.form.requestSubmit()")

    def close(self):
        """Leaves the page to itself."""
        self._socket.close()
