"""Rounds, interleaved: A-B, B-A, A-B, … Those that others disturbed are thrown away."""

import contextlib
import statistics
import time

from .machine import MAX_OTHER_CORES, MeasurementFailed, disturbance, say

#: How often a disturbed measurement is taken again.
ATTEMPTS = 4


class Disturbed(Exception):
    """The machine did other work."""


def measure(scenario, rounds, write):
    """All rounds; each result goes to `write`. Returns subject → results."""
    results = {subject.name: [] for subject in scenario.subjects}
    with contextlib.ExitStack() as serving:
        running = {}
        for number in range(rounds):
            order = scenario.subjects if number % 2 == 0 else scenario.subjects[::-1]
            for subject in order:
                say(f"  {scenario.name}: round {number + 1} of {rounds}, {subject.name}")
                try:
                    if subject.fresh:
                        with subject.serve() as fresh:
                            result = quietly(subject, fresh)
                    else:
                        if subject.name not in running:
                            running[subject.name] = serving.enter_context(subject.serve())
                        result = quietly(subject, running[subject.name])
                except (Disturbed, MeasurementFailed) as why:
                    say(f"  not counted: {str(why).splitlines()[0]}")
                    continue
                results[subject.name].append(result)
                write({"scenario": scenario.name, "subject": subject.name, **result})
    return results


def quietly(subject, running):
    """A result that nobody disturbed."""
    why = None
    for attempt in range(ATTEMPTS):
        if attempt:
            say(f"  again, {why}")
            time.sleep(2 * attempt)
        why = disturbance()
        if why:
            continue
        result = subject.measure(running)
        others = result.get("other_cores", 0)
        if others <= MAX_OTHER_CORES:
            return result
        why = f"others used {others:.2f} cores"
    raise Disturbed(why)


def medians(results):
    """Subject → figure → median, for those that have results."""
    return {
        name: {
            figure: statistics.median(result[figure] for result in measured)
            for figure in measured[0]
            if isinstance(measured[0][figure], int | float)
        }
        for name, measured in results.items()
        if measured
    }
