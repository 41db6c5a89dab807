"""`gatepost config`: the effective configuration and where it came from."""

import json
import subprocess
import tomllib

from support.environment import BINARY
from support.fixtures import dedent


def config(folder, text, *arguments, **env):
    (folder / "gatepost.toml").write_text(dedent(text))
    return subprocess.run(
        [BINARY, "config", *arguments],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        timeout=20,
    )


def test_each_value_is_shown_with_its_source(tmp_path):
    text = """
        [limits]
        idle_timeout = "1h"
        """
    shown = config(tmp_path, text, "--json", GATEPOST_LIMITS__DRAIN="1m")
    assert shown.returncode == 0, shown.stderr
    document = json.loads(shown.stdout)
    assert document["version"] == 1
    settings = {s["key"]: (s["value"], s["source"]) for s in document["settings"]}
    assert settings["limits.idle_timeout"] == ('"1h"', "gatepost.toml:2")
    assert settings["limits.drain"] == ('"1m"', "GATEPOST_LIMITS__DRAIN")
    assert settings["limits.max_message_bytes"] == ("131072", "default")
    assert settings["server.public_name"] == (None, "default")


def test_people_read_a_configuration_that_loads_again(tmp_path):
    shown = config(tmp_path, '[limits]\nidle_timeout = "1h"')
    [line] = [line for line in shown.stdout.splitlines() if line.startswith("idle_timeout")]
    assert line.split() == ["idle_timeout", "=", '"1h"', "#", "gatepost.toml:2"]
    again = config(tmp_path, shown.stdout)
    values = [line.split("  #")[0] for line in shown.stdout.splitlines()]
    assert [line.split("  #")[0] for line in again.stdout.splitlines()] == values


def test_what_variables_set_is_shown_as_the_file_would_say_it(tmp_path):
    text = r'''
        [auth.access_keys.AKIAIOSFODNN7EXAMPLE]
        secret_env = "SECRET"
        user = "ann"
        policies = [{Statement = [
            {Effect = "Deny", Condition = {StringEquals = {"aws:PrincipalArn" = "a\"\u007f"}}}]}]
        [extensions.stages."Chat.Api/prod"]
        idle_timeout = "1h"
        '''
    variables = {
        "GATEPOST_SERVER__LISTEN": "127.0.0.1:1, [::1]:1",
        "GATEPOST_SERVER__TEMPLATES": "a/template.yaml,b/template.yaml",
        "GATEPOST_EXTENSIONS__PERMESSAGE_DEFLATE": "true",
        "GATEPOST_LIMITS__MAX_TOMBSTONES": "8",
        "GATEPOST_LIMITS__ACCOUNT_RATE_LIMIT": "2.5",
        "GATEPOST_FUNCTIONS__ENDPOINTS": "chat-Main=http://localhost:1,x.y=http://localhost:2",
        "GATEPOST_EGRESS__ALLOW": "",
    }
    shown = config(tmp_path, text, **variables)
    assert shown.returncode == 0, shown.stderr
    values = [line.split("  #")[0].rstrip() for line in shown.stdout.splitlines()]
    assert {
        'listen = ["127.0.0.1:1", "[::1]:1"]',
        'templates = ["a/template.yaml", "b/template.yaml"]',
        "permessage_deflate = true",
        "max_tombstones = 8",
        "account_rate_limit = 2.5",
        "allow = []",
    } <= {value.split(" # ")[0].rstrip() for value in values}
    table = next(value for value in values if value.startswith("endpoints"))
    assert '{chat-Main = "http://localhost:1", "x.y" = "http://localhost:2"}' in table
    # As a file without any variable it says the same.
    again = config(tmp_path, shown.stdout)
    assert again.returncode == 0, again.stderr
    read = tomllib.loads
    assert read(again.stdout) == read(shown.stdout)
    assert read(shown.stdout)["auth"]["access_keys"] == read(dedent(text))["auth"]["access_keys"]


def test_no_secret_is_shown(tmp_path):
    text = """
        [admin]
        token = "a-secret-token"
        [auth.access_keys.AKIAIOSFODNN7EXAMPLE]
        secret = "another-secret"
        user = "ann"
        """
    for arguments in ([], ["--json"]):
        shown = config(tmp_path, text, *arguments)
        assert shown.returncode == 0, shown.stderr
        for secret in ("a-secret-token", "another-secret"):
            assert secret not in shown.stdout
        assert "****" in shown.stdout


def test_a_wrong_configuration_is_said(tmp_path):
    shown = config(tmp_path, "[limits]\nidle_timout = 1\n")
    assert shown.returncode == 1
    assert "gatepost.toml:2: unknown key limits.idle_timout" in shown.stderr
