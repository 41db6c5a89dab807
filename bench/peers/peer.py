"""What the peers have in common: how they are installed, started and described."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
INSTALLED = HERE.parent.parent / "target" / "bench" / "peers"
START_SECONDS = 60


@dataclass(frozen=True)
class Post:
    """How a message is posted to a client: `{id}` and `{payload}` are to be filled in."""

    url: str
    body: str = "{payload}"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Subject:
    """A peer that runs, as the load generator needs to know it."""

    name: str
    version: str
    # `{id}` stands where the client chooses its id; else the message `id` is answered with it.
    websocket: str
    post: Post
    # Whether a message is answered with itself.
    round_trips: bool
    # Its processes; their children belong to it too.
    processes: list[int]
    # What it calls that is not part of it: its CPU time does not count.
    backends: list[int] = field(default_factory=list)

    def as_json(self) -> str:
        return json.dumps(asdict(self))


class Processes:
    """Processes that end with the peer, each with its children."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.started: list[subprocess.Popen[bytes]] = []

    def start(self, command: list[str | Path], **environment: str) -> int:
        log = self.folder / f"{Path(command[0]).name}.log"
        with log.open("ab") as output:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=os.environ | environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self.started.append(process)
        return process.pid

    def wait_for(self, port: int) -> None:
        """Waits until something listens on the port."""

        def listens() -> bool:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return True
            return False

        self.wait_until(listens, f"nothing listens on port {port}")

    def wait_until(self, holds: Callable[[], bool], otherwise: str) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not holds():
            ended = [each for each in self.started if each.poll() is not None]
            if ended or time.monotonic() > deadline:
                sys.exit(f"{otherwise}; see the logs in {self.folder}")
            time.sleep(0.05)

    def stop(self) -> None:
        for process in reversed(self.started):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def need_debian(packages: dict[str, str]) -> None:
    """Installs the packages whose file (the value) is not there."""
    missing = [package for package, file in packages.items() if not Path(file).exists()]
    if not missing:
        return
    if os.geteuid() != 0:
        sys.exit(f"missing: apt-get install {' '.join(missing)}")
    output = {"stdout": sys.stderr, "check": True}
    subprocess.run(["apt-get", "update", "-qq"], **output)
    subprocess.run(
        ["apt-get", "install", "-qq", "--no-install-recommends", *missing],
        env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
        **output,
    )


def debian_version(package: str) -> str:
    shown = subprocess.run(
        ["dpkg-query", "--show", "--showformat=${Version}", package],
        capture_output=True,
        text=True,
        check=True,
    )
    return shown.stdout


def need_python() -> Path:
    """The Python that has MiniStack; installs it when its list has changed."""
    venv = INSTALLED / "venv"
    if must_install(HERE / "requirements.txt"):
        shutil.rmtree(venv, ignore_errors=True)
        install([sys.executable, "-m", "venv", venv])
        pip = [venv / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check"]
        install([*pip, "-r", HERE / "requirements.txt"])
        has_installed(HERE / "requirements.txt")
    return venv / "bin" / "python"


def need_node() -> Path:
    """The folder of the npm packages; installs them when their list has changed."""
    folder = INSTALLED / "node"
    lock = HERE / "package-lock.json"
    if must_install(lock):
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, folder)
        install(["npm", "ci", "--prefix", folder, "--no-audit", "--no-fund", "--loglevel=error"])
        has_installed(lock)
    return folder


def install(command: list[str | Path]) -> None:
    subprocess.run(command, check=True, stdout=sys.stderr)


def stamp(manifest: Path) -> Path:
    return INSTALLED / f"{manifest.name}.stamp"


def must_install(manifest: Path) -> bool:
    """Whether what the manifest names is to be installed."""
    INSTALLED.mkdir(parents=True, exist_ok=True)
    kept = stamp(manifest)
    return not kept.exists() or kept.read_bytes() != manifest.read_bytes()


def has_installed(manifest: Path) -> None:
    shutil.copy(manifest, stamp(manifest))
