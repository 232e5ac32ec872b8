"""Runs privacy alone: `python -m services.privacy`."""

from libs.rpc.process import main
from services.privacy.server import build
from services.privacy.settings import PrivacySettings

if __name__ == "__main__":
    main("privacy", PrivacySettings, build)
