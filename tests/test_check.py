"""`gatepost check`: mistakes that are planted are found where they are, and what is right is not."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from check.mistakes import MISTAKES, TEMPLATE
from support.environment import BINARY, ROOT

BASE = Path(__file__).parent / "check" / "base"


def check(*arguments, cwd=ROOT):
    """`gatepost check` with these arguments."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "GATEPOST_"))}
    return subprocess.run(
        [BINARY, "check", *map(str, arguments)],
        cwd=cwd,
        env=kept,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def found(folder, *arguments):
    """The findings in an app."""
    done = check(folder / TEMPLATE, "--json", *arguments, cwd=folder)
    report = json.loads(done.stdout)
    assert report["version"] == 1
    assert done.returncode == (1 if report["findings"] else 0), done.stderr
    assert report["notChecked"] == []
    return report["findings"]


@pytest.fixture
def app(tmp_path):
    """A copy of the app without a mistake."""
    return shutil.copytree(BASE, tmp_path / "app")


def change(app, file, old, new):
    """Replaces text that stands in a file of the app once."""
    path = app / file
    text = path.read_text()
    assert text.count(old) >= 1, f"{file} has no {old!r}"
    path.write_text(text.replace(old, new, 1))


def lines_with(path, text):
    """The numbers of the lines in which `text` begins."""
    whole = path.read_text()
    numbers, at = set(), whole.find(text)
    while at >= 0:
        numbers.add(whole.count("\n", 0, at) + 1)
        at = whole.find(text, at + 1)
    assert numbers, f"{path.name} has no {text!r}"
    return numbers


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_planted_mistake_is_found_at_its_line(app, mistake):
    for file, old, new in mistake.more:
        change(app, file, old, new)
    change(app, mistake.file, mistake.old, mistake.wrong)
    findings = found(app)
    at_file = mistake.at_file or mistake.file
    at_lines = lines_with(app / at_file, mistake.at)
    places = [(f["file"], f["line"]) for f in findings if f["slug"] == mistake.slug]
    assert any(file == at_file and line in at_lines for file, line in places), findings
    assert {f["slug"] for f in findings} - {mistake.slug} <= set(mistake.also), findings
    assert all(f["message"] and f["consequence"] and f["mend"] for f in findings)


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_what_is_right_raises_nothing_of_the_kind(app, mistake):
    for file, old, new in mistake.more:
        change(app, file, old, new)
    change(app, mistake.file, mistake.old, mistake.right)
    assert [f for f in found(app) if f["slug"] not in mistake.also] == []
