"""Waiting for a fact instead of sleeping."""

import time


def until(probe, what, timeout=10.0, interval=0.02):
    """The first truthy value of `probe()`; fails naming `what` when none comes in time."""
    deadline = time.monotonic() + timeout
    while True:
        value = probe()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"after {timeout} s there is still no {what}")
        time.sleep(interval)
