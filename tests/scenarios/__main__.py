"""`PYTHONPATH=tests python -m scenarios --count 10000`: plays that many, and says what is wrong."""

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from support.fixtures import Starter

from scenarios.app import CONFIG, template
from scenarios.play import run

parser = argparse.ArgumentParser(prog="scenarios")
parser.add_argument("--count", type=int, default=1000)
parser.add_argument("--batch", type=int, default=500, help="scenarios for one run of Gatepost")
parser.add_argument("--seed", type=int, default=1)
arguments = parser.parse_args()

played, wrong, began = Counter(), [], time.monotonic()
for batch in range(0, arguments.count, arguments.batch):
    count = min(arguments.batch, arguments.count - batch)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "app"
        place.mkdir()
        starter = Starter(lambda place=place: place)
        app = starter(template(), config=CONFIG)
        try:
            told, problems = run(app, arguments.seed + batch, count)
        finally:
            starter.stop()
    played.update(it.scenario for it in told)
    played["(refused by a function, which tells no id)"] += count - len(told)
    wrong += problems
    for problem in problems:
        print(problem, flush=True)
    print(f"{batch + count} played, {len(wrong)} wrong, {time.monotonic() - began:.0f} s", flush=True)
for scenario, count in played.most_common():
    print(f"{count:6} {scenario}")
sys.exit(bool(wrong))
