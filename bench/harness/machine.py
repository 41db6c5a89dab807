"""This machine: its cores, its builds, and whether it is quiet."""

import datetime
import json
import os
import platform
import re
import resource
import shutil
import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).resolve().parent.parent
ROOT = BENCH.parent
TARGET = ROOT / "target" / "bench"
BIN = TARGET / "release"
GATEPOST = ROOT / "target" / "release" / "gatepost"

#: The server has core 0; the load, and what it needs besides, has core 1.
SERVER_CORE, LOAD_CORE = 0, 1
#: A run beside which others used more of the machine than this is not counted.
MAX_OTHER_CORES = 0.12
#: Nor is one before which a spinning loop lost more than this part of its second.
MAX_LOST = 0.05


def say(text):
    print(text, file=sys.stderr, flush=True)


def build():
    """Builds Gatepost, the floors and the load generator, optimised."""
    say("building …")
    cargo = ["cargo", "build", "--release", "--locked", "--quiet"]
    subprocess.run([*cargo, "--package", "gatepost"], cwd=ROOT, check=True)
    environment = {**os.environ, "CARGO_TARGET_DIR": str(TARGET)}
    subprocess.run(cargo, cwd=BENCH, check=True, env=environment)


def pinned(core, command):
    """The command on one core."""
    return ["taskset", "-c", str(core), *map(str, command)]


def start(command, core, **options):
    """A process on one core, allowed all the sockets that the machine allows."""
    return subprocess.Popen(pinned(core, command), preexec_fn=_all_files, **options)


def _all_files():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class MeasurementFailed(Exception):
    """A subject did not do what is measured."""


def load(command, *arguments, timeout=180):
    """What a command of the load generator measured."""
    done = subprocess.run(
        pinned(LOAD_CORE, [BIN / "load", command, *arguments]),
        capture_output=True,
        text=True,
        timeout=timeout,
        preexec_fn=_all_files,
    )
    if done.returncode:
        raise MeasurementFailed(f"load {command}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def disturbance():
    """Why the machine is not quiet now; `None` when it is."""
    for core in (SERVER_CORE, LOAD_CORE):
        done = subprocess.run(
            pinned(core, [BIN / "load", "probe"]), capture_output=True, text=True, check=True
        )
        lost = json.loads(done.stdout)["lost"]
        if lost > MAX_LOST:
            return f"a spinning loop lost {lost:.0%} of its time"
    return None


def description():
    """Machine, system, versions, commit: what the results hold for."""
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = int(re.search(r"MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text())[1])
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": f"{os.cpu_count()} cores, {cpu[1] if cpu else platform.machine()}, "
        f"{memory / 2**20:.0f} GiB, Linux {platform.release().split('-')[0]}",
        "rustc": _output("rustc", "--version").split()[1],
        "commit": _output("git", "-C", ROOT, "rev-parse", "--short=10", "HEAD")
        + ("" if not _output("git", "-C", ROOT, "status", "--porcelain", "crates") else " (changed)"),
    }


def _output(*command):
    return subprocess.check_output(list(map(str, command)), text=True).strip()


def has(program):
    """Whether a program is there."""
    return shutil.which(program) is not None
