"""The addresses of the stores come from the environment."""

import pytest

from libs.common.errors import ConfigurationError
from libs.runtime.settings import CommonSettings


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
