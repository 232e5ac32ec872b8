"""Runs privacy alone: `python -m services.privacy`."""

from libs.common.runtime import run_service
from services.privacy.server import build
from services.privacy.settings import PrivacySettings

if __name__ == "__main__":
    run_service("privacy", PrivacySettings(), build)
