"""Settings of the privacy service."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from libs.runtime.settings import CommonSettings


class PrivacySettings(CommonSettings):
    """Limits of the privacy service."""

    model_config = SettingsConfigDict(env_prefix="WEIR_PRIVACY_")

    port: int = 50054
    # How long a check or a write may wait for Redis, and for Postgres, before it is UNAVAILABLE.
    consent_redis_timeout_seconds: float = Field(1.0, gt=0)
    consent_database_timeout_seconds: float = Field(10.0, gt=0)
    # How soon a Redis that was emptied or restarted is noticed, and what was not mirrored repaired.
    consent_poll_seconds: float = Field(0.2, gt=0)
    # People in one page of a rebuild.
    consent_page_size: int = Field(1_000, ge=1, le=10_000)
