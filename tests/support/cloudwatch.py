"""Log groups of a test's own, and what `aws logs` does with them."""

import itertools
import time

from botocore.exceptions import ClientError

_numbers = itertools.count(1)


def now_ms():
    return int(time.time() * 1000)


class LogGroup:
    """A group with one stream, `s`, that a test fills."""

    def __init__(self, app, name=None, **create):
        self.logs = app.aws("logs")
        self.name = name or f"/test/{next(_numbers)}"
        self.logs.create_log_group(logGroupName=self.name, **create)
        self.logs.create_log_stream(logGroupName=self.name, logStreamName="s")

    def put(self, *messages, at=None, stream="s"):
        """Puts messages, a millisecond apart from `at` on: by default such that the last is of now."""
        at = now_ms() - len(messages) if at is None else at
        events = [{"timestamp": at + n, "message": m} for n, m in enumerate(messages)]
        return self.logs.put_log_events(
            logGroupName=self.name, logStreamName=stream, logEvents=events
        )

    def filter(self, pattern=None, **options):
        """The messages that a filter pattern finds, over all pages."""
        if pattern is not None:
            options["filterPattern"] = pattern
        pages = self.logs.get_paginator("filter_log_events").paginate(
            logGroupName=self.name, **options
        )
        return [event["message"] for page in pages for event in page["events"]]

    def described(self):
        groups = self.logs.describe_log_groups(logGroupNamePrefix=self.name)["logGroups"]
        return next((group for group in groups if group["logGroupName"] == self.name), None)


def refused(call, *arguments, **named):
    """The code and the text with which a call is refused."""
    try:
        call(*arguments, **named)
    except ClientError as error:
        return error.response["Error"]["Code"], error.response["Error"]["Message"]
    raise AssertionError("the call was not refused")
