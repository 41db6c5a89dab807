"""`gatepost demo`: the chat page, in a real browser."""

import json
import re
import subprocess
import threading

import pytest
from support.browser import Browser
from support.environment import BINARY
from support.talk import say


class Demo:
    """`gatepost demo --port 0 --json` and what it says."""

    def __init__(self):
        self.process = subprocess.Popen(
            [BINARY, "demo", "--port", "0", "--json"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.events = []
        for line in self.process.stdout:
            self.events.append(json.loads(line))
            if self.events[-1]["event"] == "ready":
                break
        self.ready = self.events[-1]
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.events.append(json.loads(line))

    @property
    def page_url(self):
        return self.ready["httpUrl"]

    @property
    def url(self):
        [api] = self.ready["apis"]
        return api["stages"][0]["url"]

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


@pytest.fixture(scope="module")
def demo():
    demo = Demo()
    yield demo
    demo.stop()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    browser = Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.stop()


def joined(browser, demo, name):
    """A page on which this person has joined."""
    page = browser.open(demo.page_url)
    page.shows("#status", "connected")
    page.submit("#name", name)
    page.shows("#people", f"{name} (you)")
    return page


def test_two_people_join_and_talk(browser, demo):
    ann = joined(browser, demo, "Ann")
    ben = joined(browser, demo, "Ben")
    ann.shows("#people", "Ben")
    ann.shows("#log", "Ben joined")
    ann.submit("#text", "Hello Ben")
    ben.shows("#log", "Hello Ben")
    ben.submit("#text", "<b>Hello</b> Ann 😀")
    ann.shows("#log", "<b>Hello</b> Ann 😀")
    ids = [page.text("#connection-id") for page in (ann, ben)]
    assert len(set(ids)) == 2
    ben.evaluate("location.href = 'about:blank'")
    ann.shows("#log", "Ben left")
    ben.evaluate("history.back()")
    ann.shows("#people", "Ben")
    ben.shows("#people", "Ben (you)")


def test_the_button_shows_a_410_with_its_reason(browser, demo):
    page = joined(browser, demo, "Cas")
    old = page.text("#connection-id")
    page.click("#why")
    page.shows("#steps", "HTTP 410")
    page.shows("#steps", "x-gatepost-gone-reason: closed-by-client")
    page.shows("#steps", "Delete its id when $disconnect runs")
    new = page.text("#connection-id")
    assert new != old
    assert old in page.text("#steps") and new in page.text("#steps")
    assert not [event for event in demo.events if event["event"] == "reloaded"]


def hear(client, kind):
    """The next push of this kind, and no error before it."""
    while True:
        push = json.loads(client.recv(timeout=20))
        assert push.get("type") in ("you", "roster", "joined", "left", "said"), push
        if push["type"] == kind:
            return push


def test_what_many_people_do_at_the_same_time_never_fails(demo, connect):
    """No `Internal server error` frame, and everyone hears everyone, in one order."""
    people = [connect(demo.url) for _ in range(6)]
    for number, client in enumerate(people):
        say(client, "join", name=f"P{number}")
    for client in people:
        assert hear(client, "you")
    for number, client in enumerate(people):
        for turn in range(5):
            say(client, "say", text=f"{number}.{turn}")
    heard = [[hear(client, "said")["text"] for _ in range(30)] for client in people]
    assert sorted(heard[0]) == sorted(f"{n}.{t}" for n in range(6) for t in range(5))
    assert all(texts == heard[0] for texts in heard)


def test_start_up_says_what_to_open():
    process = subprocess.Popen(
        [BINARY, "demo", "--port", "0"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    lines = list(iter(process.stdout.readline, "Ready.\n"))
    process.terminate()
    process.communicate(timeout=10)
    assert lines[0].startswith("demo from ")
    assert re.fullmatch(r"Open http://localhost:\d+ in two browser windows\.\n", lines[-1])
