"""SPECIFICATION.md names a test for each promise, and each of them exists."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
PROMISES = re.split(r"^\*\*(?=[A-Z]\d+\. )", (ROOT / "SPECIFICATION.md").read_text(), flags=re.M)[1:]


def proofs(promise):
    """The tests that a promise names: file and function."""
    return re.findall(r"`(tests/test_\w+\.py)::(test_\w+)`", promise)


def test_every_promise_has_a_number_of_its_own_and_a_test():
    numbers = [promise.split(".")[0] for promise in PROMISES]
    assert len(numbers) > 10 and len(set(numbers)) == len(numbers)
    assert [number for number, it in zip(numbers, PROMISES) if not proofs(it)] == []


def test_every_test_that_proves_a_promise_exists():
    missing = [
        f"{file}::{test}"
        for promise in PROMISES
        for file, test in proofs(promise)
        if not re.search(rf"^def {test}\(", (ROOT / file).read_text(), re.M)
    ]
    assert missing == []
