"""Every statement of the conformance checklist is proven by a test, or stands here with the reason
why it is not."""

import re
from pathlib import Path

STATEMENTS = range(1, 205)

#: What no test proves yet.
NOT_PROVEN = {}


def claimed():
    """The numbers that tests claim in their `checklist` marks."""
    texts = [path.read_text() for path in Path(__file__).parent.glob("test_*.py")]
    marks = [mark for text in texts for mark in re.findall(r"mark\.checklist\(([\d, ]+)\)", text)]
    return {int(number) for mark in marks for number in mark.split(",")}


def test_every_statement_is_proven_or_named():
    assert sorted(set(STATEMENTS) - claimed() - set(NOT_PROVEN)) == []


def test_no_statement_is_both_proven_and_named():
    assert claimed() & set(NOT_PROVEN) == set()
    assert claimed() <= set(STATEMENTS)
