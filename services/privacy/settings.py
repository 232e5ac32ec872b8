"""Settings of the privacy service."""

import hmac
from collections.abc import Sequence
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from libs.common.errors import ConfigurationError
from libs.common.pseudonym import check_secret
from libs.runtime.settings import PeerSettings, PseudonymSettings
from libs.sealing.keyring import (
    FileKeyring,
    Keyring,
    KeyringError,
    LocalKeyring,
    read_wrapping_keys,
)
from libs.streams.settings import StreamReaderSettings
from services.privacy.audit.chain import ChainKeys


class PrivacySettings(StreamReaderSettings, PseudonymSettings, PeerSettings):
    """Limits of the privacy service."""

    model_config = SettingsConfigDict(env_prefix="WEIR_PRIVACY_")

    port: int = 50054
    # Required: the key of the audit trail's chain. No one who can write to the database may have it.
    audit_key: SecretStr = SecretStr("")
    # The keys before it, the newest first, with blanks between them: what they made still verifies.
    audit_earlier_keys: SecretStr = SecretStr("")
    # So long entries of the audit trail are kept, and longer if the app keeps anything for longer.
    audit_kept_days: int = Field(1_825, ge=30)
    # Required, one of the two: the keys that people's keys are wrapped with, the one in use first, as
    # ID:BASE64,ID:BASE64 or a file of such lines. No one who can read the database or its backups may have
    # them.
    sealing_keys: SecretStr = SecretStr("")
    sealing_keys_file: Path | None = None
    # How long one of these may be in use before it is due to be replaced.
    sealing_key_rotation_days: int = Field(365, ge=1)
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
    # Where the files of exports are kept: file:///folder or s3://bucket/prefix. None: none can be made.
    exports_url: str | None = None
    exports_kept_days: int = Field(7, ge=1, le=365)

    # How often all services are asked what is past its limit, for the metric.
    retention_check_seconds: float = Field(900.0, gt=0)

    def chain_keys(self) -> ChainKeys:
        """What chains the audit trail. Raises ConfigurationError without a key, and for a short one."""
        return ChainKeys(*self._audit_secrets())

    def receipt_keys(self) -> Sequence[bytes]:
        """The keys of receipts, the newest first, made from those of the audit trail. Raises as
        `chain_keys`."""
        return [
            hmac.digest(secret, b"receipts of consent", "sha256")
            for secret in self._audit_secrets()
        ]

    def keyring(self) -> Keyring:
        """What wraps the keys of people. Raises ConfigurationError without wrapping keys, and for
        unreadable ones."""
        try:
            if self.sealing_keys_file is not None:
                return FileKeyring(self.sealing_keys_file)
            self.require("sealing_keys")
            source = self.variable("sealing_keys")
            text = self.sealing_keys.get_secret_value()
            return LocalKeyring(read_wrapping_keys(text, source))
        except KeyringError as error:
            raise ConfigurationError(str(error)) from None

    def _audit_secrets(self) -> Sequence[bytes]:
        """The newest first."""
        self.require("audit_key")
        key = self.audit_key.get_secret_value()
        if len(key.split()) != 1:
            # It could not stand among the earlier ones later.
            raise ConfigurationError(f"{self.variable('audit_key')} must not have blanks")
        newest = check_secret(key, self.variable("audit_key"))
        earlier = self.audit_earlier_keys.get_secret_value().split()
        source = f"each key of {self.variable('audit_earlier_keys')}"
        return [newest, *(check_secret(secret, source) for secret in earlier)]
