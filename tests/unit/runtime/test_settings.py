"""The addresses of the stores come from the environment."""

import pytest

from libs.common.errors import ConfigurationError
from libs.runtime.settings import CommonSettings, ReadDatabaseSettings


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
