"""Plots of a run's raw results, as SVG: bars of rates with their range, lines of memory."""

import statistics
from html import escape

from .machine import ROOT

FOLDER = ROOT / "docs" / "plots"
WIDTH, LEFT, RIGHT, ROW = 760, 300, 90, 30
OURS, OTHERS, RANGE, INK = "#2563eb", "#9ca3af", "#111827", "#1f2937"
LINES = ["#2563eb", "#9ca3af", "#d97706", "#059669", "#7c3aed"]


def draw(results, titles):
    """Draws each scenario that has results and a title."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for scenario, title in titles.items():
        subjects = results.get(scenario)
        if not subjects:
            continue
        has_points = all("points" in results[0] for results in subjects.values())
        plot = memory(title, subjects) if has_points else rates(title, subjects)
        if plot:
            (FOLDER / f"{scenario}.svg").write_text(plot)


def rates(title, subjects):
    """Bars: the median operations a second, the range, p50 and p99."""
    rows = {
        name: sorted(result["rate"] for result in results)
        for name, results in subjects.items()
        if "rate" in results[0]
    }
    if not rows:
        return None
    most = max(values[-1] for values in rows.values())
    scale = (WIDTH - LEFT - RIGHT) / most
    body = []
    for number, (name, values) in enumerate(rows.items()):
        y = 44 + number * ROW
        median = statistics.median(values)
        color = OURS if name.startswith("gatepost") else OTHERS
        latency = ""
        if "p50_us" in subjects[name][0]:
            p50, p99 = (
                statistics.median(result[figure] for result in subjects[name]) / 1000
                for figure in ("p50_us", "p99_us")
            )
            latency = f", p50 {p50:.2f} ms, p99 {p99:.2f} ms"
        body += [
            text(LEFT - 8, y + 13, name.replace("`", ""), "end"),
            f'<rect x="{LEFT}" y="{y}" width="{median * scale:.1f}" height="18" fill="{color}">'
            f"<title>{escape(name)}: {median:,.0f} a second{latency}</title></rect>",
            f'<path d="M{LEFT + values[0] * scale:.1f} {y + 9}H{LEFT + values[-1] * scale:.1f}" '
            f'stroke="{RANGE}" stroke-width="2"/>',
            text(LEFT + values[-1] * scale + 6, y + 13, f"{median:,.0f}"),
        ]
    return page(title + ", per second", 52 + len(rows) * ROW, body)


def memory(title, subjects):
    """Lines: user memory against connections."""
    height, bottom, top = 320, 280, 44
    points = {name: results[0]["points"] for name, results in subjects.items()}
    most_x = max(point[0] for line in points.values() for point in line)
    most_y = max(point[1] for line in points.values() for point in line)
    x = lambda value: LEFT / 3 + value / most_x * (WIDTH - LEFT / 3 - 230)  # noqa: E731
    y = lambda value: bottom - value / most_y * (bottom - top)  # noqa: E731
    body = [
        f'<path d="M{x(0)} {top}V{bottom}H{x(most_x)}" fill="none" stroke="{INK}"/>',
        text(x(0) - 6, y(most_y) + 4, f"{most_y / 2**20:.0f} MiB", "end"),
        text(x(0) - 6, bottom + 4, "0", "end"),
        text(x(most_x), bottom + 18, f"{most_x:,.0f} connections", "middle"),
    ]
    for number, (name, line) in enumerate(points.items()):
        color = LINES[number % len(LINES)]
        path = " ".join(f"{x(point[0]):.1f},{y(point[1]):.1f}" for point in line)
        body.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"/>')
        last = line[-1]
        body.append(text(x(last[0]) + 6, y(last[1]) + 4 + number * 2, name, color=color))
    return page(title, height, body)


def text(x, y, words, anchor="start", color=INK):
    """A piece of text."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{color}">{escape(words)}</text>'


def page(title, height, body):
    """The whole drawing."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        'font-family="sans-serif" font-size="12">'
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>'
    )
    heading = f'<g font-size="14" font-weight="bold">{text(8, 22, title.replace("`", ""))}</g>'
    return "\n".join([head, heading, *body, "</svg>\n"])
