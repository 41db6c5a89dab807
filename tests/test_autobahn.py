"""The Autobahn cases that take little time; `just autobahn` runs all."""

import subprocess

import pytest
from support.environment import ROOT


@pytest.mark.parametrize("profile", ["codec", "gateway"])
@pytest.mark.timeout(180)
def test_the_verdicts_of_autobahn_are_the_expected_ones(profile):
    run = [ROOT / "tests" / "autobahn" / "run", profile, "--quick"]
    done = subprocess.run(run, text=True, capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr
