"""Answers and errors of boto3's calls, without what is of the transport."""

import pytest
from botocore.exceptions import ClientError


def plain(answer):
    """The members of an answer."""
    return {k: v for k, v in answer.items() if k != "ResponseMetadata"}


def status(answer):
    """Its HTTP status."""
    return answer["ResponseMetadata"]["HTTPStatusCode"]


def refused(call, **arguments):
    """Status, code and message of a call that fails."""
    with pytest.raises(ClientError) as error:
        call(**arguments)
    answer = error.value.response
    return status(answer), answer["Error"]["Code"], answer["Error"]["Message"]
