"""The object store that a URL names."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from libs.common.errors import ConfigurationError
from libs.objects.folder import FolderStore
from libs.objects.port import ObjectStore

_FORMS = "file:///folder or s3://bucket/prefix"


def open_objects(url: str, setting: str) -> ObjectStore:
    """The store of `file:///folder`, which is made if it is not there, or `s3://bucket/prefix`. The latter
    reads AWS's own variables: AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY.

    `setting` is the variable that has the URL. Raises ConfigurationError, which names it, for another URL and
    for a folder that cannot be used."""
    parts = urlsplit(url)
    if parts.query or parts.fragment or parts.username or parts.password:
        raise ConfigurationError(
            f"{setting} must be {_FORMS}, without anything behind or before it"
        )
    if parts.scheme == "file" and not parts.netloc and parts.path.startswith("/"):
        return FolderStore.open(Path(unquote(parts.path)), setting)
    if parts.scheme == "s3" and parts.netloc:
        # Only who has such a URL pays for the library.
        from libs.objects.s3 import S3Objects

        return S3Objects(parts.netloc, parts.path.strip("/"))
    raise ConfigurationError(f"{setting} must be {_FORMS}")
