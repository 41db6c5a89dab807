"""20,000 pieces of nonsense, the same in every run, thrown at one Gatepost beside a healthy client
that must never wait for its answer."""

import random
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest
from support.talk import connection_id, silent_app
from support.wire import TEXT, RawSocket, frame, request, upgrade

WORKERS = 4
#: A Gatepost that hangs lets no socket wait longer.
PATIENCE = 10.0
SCRAPS = [b"\r\n", b"\r\n\r\n", b":", b" ", b"\0", b"\xff", b"%", b"%00", b"\t", b"HTTP/1.1", b"9" * 40]


@pytest.fixture(scope="module")
def app(module_dev):
    return module_dev(silent_app())


@pytest.fixture
def bystander(app, connect):
    """A healthy client that asks all the time; the test fails when it waits for an answer."""
    client = connect(app.url())
    own = connection_id(client)
    done, wrong = threading.Event(), []

    def ask():
        while not done.is_set():
            try:
                answer = connection_id(client)
            except Exception as problem:
                answer = problem
            if answer != own:
                wrong.append(answer)
                return

    asking = threading.Thread(target=ask)
    asking.start()
    yield client
    done.set()
    asking.join()
    assert not wrong, wrong
    assert app.process.poll() is None
    assert request(app.port, "GET", "/_gatepost/health").status == 200
    assert "panicked" not in app.stderr


def throw(count, seed, one):
    """Calls `one(dice)` so many times, with dice of its own for each worker."""

    def work(number):
        dice = random.Random(seed * WORKERS + number)
        for _ in range(count // WORKERS):
            one(dice)

    with ThreadPoolExecutor(WORKERS) as pool:
        for _ in pool.map(work, range(WORKERS)):
            pass


def damage(dice, good):
    """Good bytes with one to four faults."""
    bad = bytearray(good)
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(bad) + 1)
        match dice.randrange(4):
            case 0:
                bad[at : at + 1] = bytes([dice.randrange(256)])
            case 1:
                del bad[at : at + dice.randint(1, 8)]
            case 2:
                bad[at:at] = dice.choice(SCRAPS)
            case 3:
                bad[at:at] = bad[at : at + dice.randint(1, 40)]
    return bytes(bad)


def until_ended(raw):
    """Reads until Gatepost has answered and closed."""
    raw.settimeout(PATIENCE)
    try:
        raw.shutdown(socket.SHUT_WR)
        while raw.recv(65536):
            pass
    except TimeoutError:
        raise
    except OSError:
        # It had enough, and reset the connection.
        pass


def nonsense_frame(dice):
    """A frame whose bits, length and payload have nothing to do with each other."""
    payload = dice.randbytes(dice.randrange(dice.choice([4, 130, 2000])))
    built = frame(
        dice.randrange(16), payload, fin=dice.random() < 0.7, rsv=dice.choice([0, 0, 0, 1, 4, 7])
    )
    return damage(dice, built) if dice.random() < 0.5 else built


def test_malformed_frames_harm_nobody_else(app, bystander):
    """10,000 frames, up to 10 of them on a connection."""

    def one(dice):
        raw = RawSocket(app.port, timeout=PATIENCE)
        assert raw.upgrade("/prod").status == 101
        good = frame(TEXT, '{"action":"whoami"}')
        try:
            raw.send(good + b"".join(nonsense_frame(dice) for _ in range(10)))
        except OSError:
            pass
        until_ended(raw.socket)
        raw.close()

    throw(1_000, 1, one)


def test_malformed_requests_harm_nobody_else(app, bystander):
    """5,000 requests: handshakes, posts and calls of AWS's APIs, each with a few faults."""
    good = [
        upgrade("/prod?a=b", "localhost", [("Origin", "http://a"), ("Cookie", "a=b")]),
        b"POST /prod/@connections/AAAAAAAAAAAAAAAAAA== HTTP/1.1\r\nHost: localhost\r\n"
        b"Content-Length: 5\r\n\r\nhello",
        b"POST /prod/@connections/AAAA HTTP/1.1\r\nHost: localhost\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"GET /v2/apis?maxResults=1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        b"POST /2015-03-31/functions/a/invocations HTTP/1.1\r\nHost: localhost\r\n"
        b'Content-Length: 2\r\nConnection: close\r\n\r\n{}',
    ]

    def one(dice):
        with socket.create_connection(("127.0.0.1", app.port), timeout=PATIENCE) as raw:
            try:
                raw.sendall(damage(dice, dice.choice(good)))
            except OSError:
                pass
            until_ended(raw)

    throw(5_000, 2, one)


def test_ids_that_never_were_are_400_and_harm_nobody_else(app, bystander):
    """5,000 ids beside a real one: damaged, random, and of any length."""
    real = connection_id_of_another(app)

    def one(dice):
        bad = damage(dice, real.encode()) if dice.random() < 0.5 else dice.randbytes(13)
        if bad.rstrip(b"=") == real.encode().rstrip(b"="):
            return
        method = dice.choice(["GET", "POST", "DELETE"])
        answer = request(app.port, method, "/prod/@connections/" + quote(bad, safe="="))
        assert answer.status in (400, 403, 404), (bad, answer)

    throw(5_000, 3, one)


def connection_id_of_another(app):
    """The id of a connection that ended well."""
    raw = RawSocket(app.port)
    assert raw.upgrade("/prod").status == 101
    raw.send(frame(TEXT, '{"action":"whoami"}'))
    answer = raw.read_message()
    raw.close()
    return answer.split('"')[3]
