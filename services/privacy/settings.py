"""Settings of the privacy service."""

import hmac

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from libs.common.pseudonym import check_secret
from libs.runtime.settings import PeerSettings, PseudonymSettings
from libs.streams.settings import StreamReaderSettings
from services.privacy.audit.chain import ChainKey


class PrivacySettings(StreamReaderSettings, PseudonymSettings, PeerSettings):
    """Limits of the privacy service."""

    model_config = SettingsConfigDict(env_prefix="WEIR_PRIVACY_")

    port: int = 50054
    # Required: the key of the audit trail's chain. No one who can write to the database may have it.
    audit_key: SecretStr = SecretStr("")
    # How long a check or a write may wait for Redis, and for Postgres, before it is UNAVAILABLE.
    consent_redis_timeout_seconds: float = Field(1.0, gt=0)
    consent_database_timeout_seconds: float = Field(10.0, gt=0)
    # How soon a Redis that was emptied or restarted is noticed, and what was not mirrored repaired.
    consent_poll_seconds: float = Field(0.2, gt=0)
    # How soon watchers get a change, and how many there may be in a process.
    consent_watch_poll_seconds: float = Field(0.2, gt=0)
    max_watchers: int = Field(100, ge=1)
    # People in one page of a rebuild.
    consent_page_size: int = Field(1_000, ge=1, le=10_000)

    # How often all services are asked what is past its limit, for the metric.
    retention_check_seconds: float = Field(900.0, gt=0)

    def chain_key(self) -> ChainKey:
        """What chains the audit trail. Raises ConfigurationError without a key, and for a short one."""
        self.require("audit_key")
        return ChainKey(check_secret(self.audit_key.get_secret_value(), self.variable("audit_key")))

    def receipt_key(self) -> bytes:
        """The key of receipts, made from that of the audit trail. Raises as `chain_key`."""
        self.require("audit_key")
        secret = check_secret(self.audit_key.get_secret_value(), self.variable("audit_key"))
        return hmac.digest(secret, b"receipts of consent", "sha256")
