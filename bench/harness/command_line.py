"""The command."""

import argparse
import datetime
import json
import sys
from pathlib import Path

from . import peer_scenarios, plots, report
from .machine import BENCH, build, description, say
from .rounds import measure
from .scenarios import scenarios


def main():
    """Measures what was asked for."""
    everything = scenarios() + peer_scenarios.scenarios()
    parser = argparse.ArgumentParser(
        prog="bench/run",
        description="Measures Gatepost beside floors and peers, and prints a table.",
        epilog="Examples:\n  bench/run\n  bench/run echo posts --rounds 9\n  bench/run --list",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("scenario", nargs="*", help="scenarios; all but the longest if none")
    parser.add_argument("--rounds", type=int, help="at most so many rounds [default: 5, of memory 1 or 2]")
    parser.add_argument("--write", action="store_true", help="write RESULTS.md of the scenarios named too")
    parser.add_argument("--list", action="store_true", help="name the scenarios and end")
    parser.add_argument(
        "--report",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="measure nothing: write RESULTS.md and the plots of these raw results",
    )
    parser.add_argument("--no-build", action="store_true", help="measure what is built")
    parser.add_argument("--json", action="store_true", help="print results as JSON lines")
    arguments = parser.parse_args()
    if arguments.list:
        for scenario in everything:
            print(f"{scenario.name:18} {scenario.title}")
        return
    if arguments.report:
        report_of(arguments.report, everything)
        return
    unknown = set(arguments.scenario) - {scenario.name for scenario in everything}
    if unknown:
        parser.error(f"there is no scenario {', '.join(sorted(unknown))}; see --list")
    wanted = [
        scenario
        for scenario in everything
        if scenario.name in arguments.scenario
        or not arguments.scenario
        and not scenario.on_demand
    ]
    if not arguments.no_build:
        build()
    moment = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H%M%SZ")
    raw = BENCH / "results" / f"{moment}.jsonl"
    raw.parent.mkdir(exist_ok=True)
    with raw.open("w") as lines:
        lines.write(json.dumps(description()) + "\n")

        def write(result):
            lines.write(json.dumps(result) + "\n")
            lines.flush()
            if arguments.json:
                print(json.dumps(result), flush=True)

        tables = []
        for scenario in wanted:
            results = measure(scenario, min(scenario.rounds, arguments.rounds or 99), write)
            tables.append(report.table(scenario, results))
            if not arguments.json:
                print(tables[-1], flush=True)
    if arguments.write or not arguments.scenario:
        report_of([raw], wanted)
    say(f"raw results: {raw}")
    sys.exit("missed" in "".join(tables))


def report_of(files, wanted):
    """Writes RESULTS.md and the plots of raw results."""
    about, results = report.read(files)
    tables = [
        report.table(scenario, results[scenario.name])
        for scenario in wanted
        if scenario.name in results
    ]
    report.write(about, tables)
    plots.draw(results, {scenario.name: scenario.title for scenario in wanted})
    say(f"written: {BENCH / 'RESULTS.md'}")
