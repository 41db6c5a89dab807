"""Execution and access logs, read through CloudWatch Logs' own operations."""

import re
from dataclasses import dataclass

from support.poll import until

LINE = re.compile(r"\(([^)]*)\) (.*)")


@dataclass
class Request:
    """One request of an execution log."""

    id: str
    #: The lines behind `({requestId}) `, in order.
    lines: list
    #: The streams that they are in.
    streams: set
    #: Their times, milliseconds.
    times: list


def group_of(app, stage=None, api=None):
    """The log group of a stage."""
    return f"/aws/apigateway/{app.api(api)['apiId']}/{app.stage(stage, api)['stage']}"


def events(app, group):
    """All events of a group, in the order of `FilterLogEvents`; none when it is not there yet."""
    logs = app.aws("logs")
    try:
        pages = list(logs.get_paginator("filter_log_events").paginate(logGroupName=group))
    except logs.exceptions.ResourceNotFoundException:
        return []
    return [event for page in pages for event in page["events"]]


def requests(app, stage=None, api=None):
    """The requests of a stage's execution log, in the order of their first lines."""
    found = {}
    for event in events(app, group_of(app, stage, api)):
        assert "\n" not in event["message"], event
        request_id, text = LINE.fullmatch(event["message"]).groups()
        request = found.setdefault(request_id, Request(request_id, [], set(), []))
        request.lines.append(text)
        request.streams.add(event["logStreamName"])
        request.times.append(event["timestamp"])
    return list(found.values())


def logged(app, *texts, stage=None, api=None):
    """The one request whose lines have all these texts in them, once it is there."""

    def found():
        matching = [
            request
            for request in requests(app, stage, api)
            if all(any(text in line for line in request.lines) for text in texts)
        ]
        assert len(matching) < 2, matching
        return matching[0] if matching else None

    return until(found, f"request with {texts} in the execution log", timeout=10)
