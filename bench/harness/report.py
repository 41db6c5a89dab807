"""Tables, for the terminal and for RESULTS.md."""

import json

from .machine import BENCH
from .rounds import medians


def number(value):
    """A figure to three digits or whole."""
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def cell(results, figure):
    """A figure's median, and its range when there is one."""
    values = sorted(result[figure] for result in results if figure in result)
    if not values:
        return "–"
    median = medians({"": results})[""].get(figure, values[len(values) // 2])
    if len(values) == 1 or number(values[0]) == number(values[-1]):
        return number(median)
    return f"{number(median)} ({number(values[0])}–{number(values[-1])})"


def table(scenario, results):
    """A scenario as Markdown: its figures, then its goals."""
    lines = [f"### {scenario.title}", ""]
    lines.append("| | " + " | ".join(scenario.columns.values()) + " | rounds |")
    lines.append("|---|" + "---|" * (len(scenario.columns) + 1))
    for name, measured in results.items():
        cells = [cell(measured, figure) for figure in scenario.columns]
        lines.append(f"| {name} | " + " | ".join(cells) + f" | {len(measured)} |")
    for goal in scenario.goals:
        lines += ["", verdict(goal, results)]
    return "\n".join(lines) + "\n"


def verdict(goal, results):
    """Whether a goal is reached, with the figure."""
    try:
        value = goal.figure(medians(results))
    except KeyError:
        return f"- {goal.text}: not measured"
    word = "reached" if goal.holds(value) else "**missed**"
    return f"- {goal.text}: {number(value)}, {word}"


def read(files):
    """Raw results: what they hold for, and scenario → subject → results."""
    results = {}
    for file in files:
        about, *lines = map(json.loads, file.read_text().splitlines())
        for line in lines:
            subjects = results.setdefault(line["scenario"], {})
            subjects.setdefault(line["subject"], []).append(line)
    return about, results


def write(about, tables):
    """Writes RESULTS.md."""
    head = f"""# Results of the bench

{about["date"]}, commit {about["commit"]}, {about["machine"]}, rustc {about["rustc"]}; written by `bench/run`.
Server on core 0, load on core 1, all over loopback. Each table is one run: medians of interleaved rounds, with their range;
a round that other work disturbed is not counted. CPU is the server's own, for each round trip, post
or connect. How to read this: [docs/performance.md](../docs/performance.md).

"""
    file = BENCH / "RESULTS.md"
    # What `bench/reliability` wrote stays.
    _, begin, kept = file.read_text().partition("<!-- reliability -->\n")
    rest = f"\n{begin}{kept}" if begin else ""
    file.write_text(head + "\n".join(tables) + rest)
