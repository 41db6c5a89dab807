"""What is deployed with: the units, the container file, the example configuration and the docs."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from support.environment import BINARY

ROOT = Path(__file__).parent.parent
PACKAGING = ROOT / "packaging"
DOCS = (ROOT / "docs" / "deploying.md").read_text()
#: Who gives what clients claim no chance.
FORWARDED = {"X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port"}

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze"
)


def config(*arguments, **env):
    done = subprocess.run(
        [BINARY, "config", *arguments], env=env, capture_output=True, text=True, timeout=20
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_is_driven_here_has_no_seam_of_the_simulation():
    """`cargo build --workspace` builds them into it too, `cargo build -p gatepost` does not."""
    binary = BINARY.read_bytes()
    files = ("registry.rs", "simulation/replaced.rs")
    named = [file for file in files if f"crates/gateway/src/{file}".encode() in binary]
    assert named == ["registry.rs"]


def test_the_example_configuration_loads_and_lets_only_signed_requests_in():
    shown = config("--config", str(PACKAGING / "gatepost.toml"))
    assert re.search(r'^mode = "sigv4"', shown, re.M)
    assert re.search(r'^path = "/var/lib/gatepost"', shown, re.M)
    assert re.search(r'^trusted_proxies = \["127.0.0.1", "::1"\]', shown, re.M)


def test_configurations_in_the_docs_load(tmp_path):
    blocks = re.findall(r"```toml\n(.*?)```", DOCS, re.S)
    assert blocks
    for block in blocks:
        (tmp_path / "gatepost.toml").write_text(block)
        assert 'public_name = "https://ws.example.com"' in config(
            "--config", str(tmp_path / "gatepost.toml")
        )


@pytest.fixture
def units(tmp_path):
    """The units, with the binary that is there."""
    for name in ("gatepost.service", "gatepost.socket"):
        text = (PACKAGING / name).read_text()
        (tmp_path / name).write_text(text.replace("/usr/local/bin/gatepost", str(BINARY)))
    return tmp_path


@needs_systemd
def test_systemd_finds_no_fault_with_the_units(units):
    files = [units / "gatepost.service", units / "gatepost.socket"]
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *files],
        capture_output=True,
        text=True,
        timeout=30,
    )
    ours = [line for line in done.stderr.splitlines() if "gatepost" in line]
    assert (done.returncode, ours) == (0, []), done


@needs_systemd
def test_the_service_is_exposed_little(units):
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--threshold=25", "--no-pager",
         units / "gatepost.service"],
        capture_output=True,
        text=True,
        timeout=30,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-500:]


def test_the_container_runs_as_an_ordinary_user_with_the_paths_that_it_says():
    text = (PACKAGING / "Containerfile").read_text()
    assert re.search(r"^USER 65532:65532$", text, re.M)
    variables = dict(re.findall(r"(GATEPOST_\w+)=(\S+)", text))
    shown = config("--config", str(PACKAGING / "gatepost.toml"), **variables)
    assert re.search(r'^listen = \["0.0.0.0:4100"\]', shown, re.M)
    assert re.search(r'^path = "/var/lib/gatepost"', shown, re.M)


def left_out_of_images():
    """What `.dockerignore` keeps from `COPY . .`, as a pattern of paths."""
    lines = (ROOT / ".dockerignore").read_text().split("\n")
    rules = [line for line in lines if line and not line.startswith("#")]
    # No other signs of the language are used: what is not understood here would be overlooked.
    assert all(re.fullmatch(r"(\*\*/)?[\w./-]+", rule) for rule in rules), rules
    patterns = [re.escape(rule).replace(r"\*\*/", "(.*/)?") for rule in rules]
    return re.compile(f"({'|'.join(patterns)})(/.*)?")


def test_the_image_is_built_from_all_sources_and_nothing_else():
    left_out = left_out_of_images()
    for path in [
        "target/debug/gatepost",
        ".git/config",
        ".gatepost/store.sqlite",
        "examples/chat/.gatepost/admin-token",
        "node_modules/ws/index.js",
        "examples/chat/node_modules/ws/index.js",
    ]:
        assert left_out.fullmatch(path), path
    sources = [path for path in (ROOT / "crates").rglob("*") if path.is_file()]
    sources += [ROOT / name for name in ("Cargo.toml", "Cargo.lock", "README.md")]
    paths = [str(path.relative_to(ROOT)) for path in sources]
    assert len(paths) > 100
    assert [path for path in paths if left_out.fullmatch(path)] == []


def test_the_example_of_nginx_overwrites_all_that_is_believed():
    [block] = re.findall(r"```nginx\n(.*?)```", DOCS, re.S)
    assert set(re.findall(r"proxy_set_header (X-\S+) \$", block)) == FORWARDED
