"""Which place of finished files this installation has."""

from __future__ import annotations

from functools import cache

from django.conf import settings

from exports.stores.base import Store
from exports.stores.disk import DiskStore
from exports.stores.place import Place


def current_store() -> Store:
    if settings.VMS["VMS_S3_BUCKET"] is None:
        return DiskStore()
    return bucket_store(Place.of(settings.VMS))


@cache
def bucket_store(place: Place) -> Store:
    # Only where there is a bucket: signing needs a library of Amazon's.
    from exports.stores.bucket import BucketStore

    return BucketStore(place)
