"""The option that an error names in place of a request's field."""

from collections.abc import Iterator
from itertools import chain
from typing import Any

import pytest
import typer
from google.protobuf.descriptor import Descriptor
from weir.aggregate.v1 import (
    aggregate_service_pb2,
    behaviour_pb2,
    event_query_pb2,
    gauge_pb2,
    job_service_pb2,
    metric_pb2,
    recount_pb2,
    verify_pb2,
)
from weir.privacy.v1 import privacy_service_pb2, subject_request_service_pb2

from cli.field_options import OPTIONS, option_of
from cli.lazy import LazyCommand
from cli.main import app

_FILES = (
    aggregate_service_pb2,
    behaviour_pb2,
    event_query_pb2,
    gauge_pb2,
    job_service_pb2,
    metric_pb2,
    recount_pb2,
    verify_pb2,
    privacy_service_pb2,
    subject_request_service_pb2,
)


@pytest.mark.parametrize(
    ("field", "option"),
    [
        ("time.last", "--last"),
        ("time.between.from", "--from"),
        ("from", "--from"),
        ("steps[1].filter", "--step, number 2"),
        ("rules[0].event.name", "--rule, number 1"),
        ("property.event.filter", "--entry"),
        ("property.field", "--breakdown"),
        ("of.cell.dimensions", "--where"),
        ("changes[1].property", "--property, --value or --remove, number 2"),
        ("page_token", "page_token"),
        ("", ""),
    ],
)
def test_the_option_of_a_field(field: str, option: str) -> None:
    assert option_of(field) == option


def _options(command: Any) -> Iterator[str]:
    """Those of a command and of all commands below it."""
    command = command.load() if isinstance(command, LazyCommand) else command
    for parameter in command.params:
        yield from parameter.opts
    for below in getattr(command, "commands", {}).values():
        yield from _options(below)


def test_each_option_is_one_of_a_command() -> None:
    known = set(_options(typer.main.get_command(app)))
    named = set(chain.from_iterable(words.split() for words in OPTIONS.values()))
    assert {word.strip(",") for word in named if word.startswith("--")} <= known


def _paths(message: Descriptor, prefix: str = "") -> Iterator[str]:
    for field in message.fields:
        path = f"{prefix}{field.name}"
        yield path
        if field.message_type is not None and path.count(".") < 2:
            yield from _paths(field.message_type, f"{path}.")


def test_each_field_is_one_of_a_request() -> None:
    messages = chain.from_iterable(
        file.DESCRIPTOR.message_types_by_name.values() for file in _FILES
    )
    requests = [message for message in messages if message.name.endswith("Request")]
    paths = set(chain.from_iterable(_paths(request) for request in requests))
    assert OPTIONS.keys() <= paths
