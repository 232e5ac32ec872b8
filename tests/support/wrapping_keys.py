"""The wrapping keys of tests: known, so that what they wrapped can be looked at."""

import base64

WRAPPING_SECRET = bytes(range(32))
WRAPPING_KEYS = f"test:{base64.b64encode(WRAPPING_SECRET).decode()}"
