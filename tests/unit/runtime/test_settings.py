"""The addresses of the stores come from the environment."""

import pytest
from pydantic import ValidationError

from libs.common.errors import ConfigurationError
from libs.runtime.settings import CommonSettings, ReadDatabaseSettings
from libs.streams.settings import StreamReaderSettings
from services.enrich.settings import EnrichSettings


@pytest.mark.parametrize(
    ("variable", "setting", "url"),
    [
        ("WEIR_DATABASE_URL", "database_url", "postgresql://weir@db.example.org:5433/events"),
        ("WEIR_REDIS_URL", "redis_url", "redis://cache.example.org:6380/3"),
    ],
)
def test_the_environment_sets_the_address_of_a_store(
    monkeypatch: pytest.MonkeyPatch, variable: str, setting: str, url: str
) -> None:
    monkeypatch.setenv(variable, url)
    assert getattr(CommonSettings(), setting).get_secret_value() == url
    monkeypatch.delenv(variable)
    with pytest.raises(ConfigurationError, match=variable):
        CommonSettings().require(setting)


def test_reading_has_an_address_of_its_own_or_that_of_the_database(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WEIR_DATABASE_URL", "postgresql://weir@primary/events")
    monkeypatch.delenv("WEIR_READ_DATABASE_URL", raising=False)
    assert ReadDatabaseSettings().read_url == "postgresql://weir@primary/events"
    monkeypatch.setenv("WEIR_READ_DATABASE_URL", "postgresql://weir@replica/events")
    settings = ReadDatabaseSettings()
    assert settings.read_url == "postgresql://weir@replica/events"
    assert settings.database_url.get_secret_value() == "postgresql://weir@primary/events"


@pytest.mark.parametrize(
    ("settings", "name", "good", "bad"),
    [
        (CommonSettings, "shards", 1, 0),
        (CommonSettings, "drain_seconds", 0.0, -0.1),
        (StreamReaderSettings, "claim_idle_seconds", 0.1, 0.0),
        (StreamReaderSettings, "max_quarantined_entries", 1, 0),
        (EnrichSettings, "session_idle_seconds", 1, 0),
        (EnrichSettings, "max_dead_letter_share", 0.0, -0.1),
        (EnrichSettings, "max_dead_letter_share", 1.0, 1.1),
    ],
)
def test_a_number_that_cannot_work_is_refused_by_name(
    settings: type[CommonSettings], name: str, good: float, bad: float
) -> None:
    assert getattr(settings.model_validate({name: good}), name) == good
    with pytest.raises(ValidationError, match=name):
        settings.model_validate({name: bad})
