"""The fixtures of all black-box tests, those of the examples too."""

import contextlib
import json
import textwrap
from pathlib import Path
from types import SimpleNamespace

import pytest
from websockets.sync.client import connect as websocket_connect

from support.app import EVENTS, App, StartFailed
from support.backend import HttpBackend
from support.calls import BARE, Calls
from support.clients import SDKS
from support.dynamo import Dynalite
from support.environment import BINARY, NODE_MODULES
from support.moto import Moto
from support.tls_backend import Pki, TlsBackend
from support.wire import RawSocket

#: The apps that run now, so that a failed test shows what they said.
RUNNING = []


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed:
        for app in RUNNING:
            report.sections.append((f"gatepost dev {app.template}", app.transcript()))


class Starter:
    """Starts apps for one test or one file of tests, and ends them."""

    def __init__(self, new_folder, deployed_by="template"):
        self._new_folder = new_folder
        self._deployed_by = deployed_by
        self._apps = []

    def __call__(self, template, *, files=None, env=None, config=None, **flags):
        """Runs `gatepost dev` on a template: a path, the text of a YAML one, or a dict.

        `files` lie beside a template given as text or dict; `config` is the text of
        `gatepost.toml`; flags are written `parameter=["A=1"]`, `fresh=True`, `env_file="x"`.
        Functions of a dict find the path of `App.events_file` in `EVENTS`.
        """
        folder, called = None, None
        if not isinstance(template, Path):
            folder = self._new_folder()
            if self._deployed_by == "calls":
                variables = {"EVENTS": str(folder / EVENTS)}
                called, template = with_variables(template, variables), BARE
            template = write_app(folder, template, files or {})
        elif files:
            raise ValueError("files go beside templates that the test writes")
        arguments = []
        if config is not None:
            place = (folder or self._new_folder()) / "gatepost.toml"
            place.write_text(dedent(config))
            arguments += ["--config", place]
        flags.setdefault("port", 0)
        for name, value in flags.items():
            arguments += _flag(name, value)
        app = App(template, arguments, env)
        RUNNING.append(app)
        self._apps.append(app)
        if called:
            Calls(app, called).deploy()
        return app

    def refused(self, template, **options):
        """Starts an app that must not start; exit status and what was said."""
        try:
            app = self(template, **options)
        except StartFailed as failed:
            return SimpleNamespace(status=failed.status, stdout=failed.stdout, stderr=failed.stderr)
        raise AssertionError(f"it started, and should not: {app.ready}")

    def stop(self):
        """Ends all apps."""
        problems = []
        for app in self._apps:
            try:
                app.stop()
            except AssertionError as problem:
                problems.append(problem)
            if "panicked" in app.stderr:
                problems.append(AssertionError(f"gatepost panicked\n{app.transcript()}"))
            RUNNING.remove(app)
        if problems:
            raise problems[0]


def write_app(folder, template, files):
    """Writes a template given as text or dict, and its files; the template's path."""
    for name, content in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Path):
            place.symlink_to(content)
        elif isinstance(content, bytes):
            place.write_bytes(content)
        else:
            place.write_text(dedent(content))
        if place.name == "bootstrap" and not isinstance(content, Path):
            place.chmod(0o755)
    if isinstance(template, dict):
        template = with_variables(template, {"EVENTS": str(folder / EVENTS)})
        place, text = folder / "template.json", json.dumps(template, indent=2)
    else:
        place, text = folder / "template.yaml", dedent(template)
    place.write_text(text)
    return place


def with_variables(template, variables):
    """A template whose functions find these in their environment."""
    return {"Globals": {"Function": {"Environment": {"Variables": variables}}}, **template}


def dedent(text):
    """A text as it is meant, although it stands indented in a test; its first line is line 1."""
    return textwrap.dedent(text.lstrip("\n")).rstrip() + "\n"


def _flag(name, value):
    flag = "--" + name.replace("_", "-")
    if value is True:
        return [flag]
    values = value if isinstance(value, (list, tuple)) else [value]
    return [word for each in values for word in (flag, each)]


def _starter(new_folder, deployed_by="template"):
    if not BINARY.exists():
        pytest.fail(f"{BINARY} is not there: run `cargo build`, or say where in GATEPOST_BIN")
    starter = Starter(new_folder, deployed_by)
    yield starter
    starter.stop()


def _folders(tmp_path_factory):
    # A folder's name becomes the stack's name: keep it legal and stable.
    return lambda: tmp_path_factory.mktemp("app", numbered=True)


@pytest.fixture
def dev(tmp_path_factory):
    """Starts apps that end with the test; see `Starter`."""
    yield from _starter(_folders(tmp_path_factory))


@pytest.fixture(scope="module")
def module_dev(request, tmp_path_factory):
    """Starts apps that the tests of one file share, whose resources a template declares, or calls of
    the SDK make: a file with `DEPLOYED_BY = ("template", "calls")` is run with both."""
    deployed_by = getattr(request, "param", "template")
    yield from _starter(_folders(tmp_path_factory), deployed_by)


def pytest_generate_tests(metafunc):
    ways = getattr(metafunc.module, "DEPLOYED_BY", None)
    if metafunc.definition.get_closest_marker("template_only"):
        ways = ["template"]
    if ways and "module_dev" in metafunc.fixturenames:
        metafunc.parametrize("module_dev", ways, indirect=True, scope="module")


@pytest.fixture(scope="session")
def dynamodb():
    """The URL of a DynamoDB that starts empty."""
    server = Dynalite()
    yield server.url
    server.stop()


@pytest.fixture(scope="session")
def moto():
    """Other services of AWS; see `Moto`."""
    server = Moto()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def new_pki(tmp_path_factory):
    """Makes CAs that nobody trusts yet; see `Pki`."""
    return lambda: Pki(tmp_path_factory.mktemp("pki", numbered=True))


@pytest.fixture
def tls_backend():
    """Starts web servers over TLS that end with the test: `tls_backend(pki.server("name"))`."""
    started = []

    def start(context):
        started.append(TlsBackend(context))
        return started[-1]

    yield start
    for backend in started:
        backend.stop()


@pytest.fixture(scope="session")
def node_modules():
    """The folder of JavaScript packages."""
    return NODE_MODULES


@pytest.fixture
def change():
    """Writes a new template of a running app as an editor does."""

    def write(app, template):
        text = template if isinstance(template, str) else json.dumps(template, indent=2)
        new = app.template.with_suffix(".new")
        new.write_text(text)
        new.replace(app.template)

    return write


@pytest.fixture
def connect():
    """Opens WebSocket connections that end with the test: no pings, no compression unless asked."""
    with contextlib.ExitStack() as opened:

        def open_one(url, **options):
            defaults = {
                "ping_interval": None,
                "compression": None,
                "proxy": None,
                "max_size": None,
                # One that is broken on purpose would wait long for its close frame.
                "close_timeout": 1,
            }
            return opened.enter_context(websocket_connect(url, **defaults | options))

        yield open_one


@pytest.fixture
def raw_socket():
    """Opens raw sockets, to an app or a port, that end with the test."""
    opened = []

    def open_one(app, **options):
        raw = RawSocket(getattr(app, "port", app), **options)
        opened.append(raw)
        return raw

    yield open_one
    for raw in opened:
        raw.close()


@pytest.fixture
def present(raw_socket):
    """The response to a handshake that presents this key, if any."""

    def run(app, key=None, path=None, header="x-api-key"):
        headers = [] if key is None else [(header, key)]
        return raw_socket(app).upgrade(path or app.path(), headers=headers)

    return run


@pytest.fixture
def http_backend():
    """A plain web server; see `HttpBackend`."""
    backend = HttpBackend()
    yield backend
    backend.stop()


@pytest.fixture(scope="module")
def module_backend(module_dev):
    """A plain web server that the tests of one file share, with the same apps."""
    backend = HttpBackend()
    yield backend
    backend.stop()


@pytest.fixture(params=SDKS)
def sdk(request):
    """Each AWS SDK in turn: `sdk(endpoint, connection_id, "post", "text")`."""
    return SDKS[request.param]
