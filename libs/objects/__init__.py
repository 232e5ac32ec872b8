"""Files beside the databases, by key, in a folder or an S3-compatible store."""

from libs.objects.port import ObjectInfo, ObjectMissing, ObjectStore, ObjectStoreError

__all__ = ["ObjectInfo", "ObjectMissing", "ObjectStore", "ObjectStoreError"]
