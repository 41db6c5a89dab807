"""The shapes of the AWS services are those of the pinned service models."""

import pathlib
import subprocess
import sys

GENERATE = pathlib.Path(__file__).parent.parent / "crates/server/shapes/generate"


def test_the_generated_shapes_are_current():
    run = subprocess.run([sys.executable, GENERATE, "--check"], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
