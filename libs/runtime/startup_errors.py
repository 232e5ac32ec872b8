"""What a service that cannot start says."""

from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import ValidationError

from libs.common.errors import ConfigurationError
from libs.runtime.settings import CommonSettings


@contextmanager
def startup_errors(name: str, settings: type[CommonSettings]) -> Iterator[None]:
    """Ends the process with one line if settings are not valid, or do not suffice: SystemExit for
    ValidationError and ConfigurationError."""
    try:
        yield
    except ValidationError as error:
        wrong = "; ".join(
            f"{settings.variable(str(item['loc'][0]))}: {item['msg']}"
            for item in error.errors(include_input=False)
        )
        raise SystemExit(f"{name} cannot start: {wrong}") from None
    except ConfigurationError as error:
        raise SystemExit(f"{name} cannot start: {error}") from None
