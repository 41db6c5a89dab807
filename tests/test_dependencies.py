"""The list of dependencies is that of the manifests, and the binary links what it says."""

import re
import subprocess
import tomllib
from pathlib import Path

from support.environment import BINARY

ROOT = Path(__file__).parent.parent


def manifests(section):
    """The crates of others that a section of our manifests names, with those of ours that do."""
    users = {}
    for path in sorted(ROOT.glob("crates/*/Cargo.toml")):
        manifest = tomllib.loads(path.read_text())
        tables = [manifest, *manifest.get("target", {}).values()]
        for name in {name for table in tables for name in table.get(section, {})}:
            if not name.startswith("gatepost-"):
                users.setdefault(name, set()).add(path.parent.name)
    return users


def documented(heading):
    """The table below a heading of docs/dependencies.md: crate, and who uses it."""
    text = (ROOT / "docs/dependencies.md").read_text()
    part = text.split(f"## {heading}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `([\w-]+)` \| ([\w, ]+) \| (.+) \|$", part, re.M)
    assert all(len(reason) > 5 for _, _, reason in rows)
    return {crate: set(users.split(", ")) for crate, users, _ in rows}


def test_each_dependency_has_its_reason():
    assert documented("In the binary") == manifests("dependencies")


def test_each_dependency_of_tests_has_its_reason():
    in_binary = manifests("dependencies")
    # A crate that the binary has, with another feature for tests, has its reason there.
    others = {
        name: users - in_binary.get(name, set())
        for name, users in manifests("dev-dependencies").items()
    }
    assert documented("In tests and benches only") == {k: v for k, v in others.items() if v}


def test_the_binary_links_libc_libm_and_libgcc_only():
    linked = subprocess.run(["ldd", str(BINARY)], capture_output=True, text=True, check=True)
    names = {line.split()[0].split("/")[-1] for line in linked.stdout.splitlines()}
    ours = {name for name in names if not re.match(r"ld-linux|linux-vdso", name)}
    assert ours <= {"libc.so.6", "libm.so.6", "libgcc_s.so.1"}, ours
