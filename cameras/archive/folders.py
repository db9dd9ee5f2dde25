"""The layout of an archive folder, and whose files are meant when it holds several cameras'."""

from __future__ import annotations

import re
from collections.abc import Iterable
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils.text import slugify

from cameras.archive.layout import ANY_EXTENSION, Layout, parse_layout
from cameras.archive.listing import Listing
from cameras.models import ArchiveFolder


def layout_of(folder: ArchiveFolder) -> Layout:
    """Parse the folder's layout; local times in it are in the server's zone (VMS_TIME_ZONE).

    Raises:
        BadLayout: it cannot be used.
    """
    return parse_layout(folder.layout, ZoneInfo(settings.TIME_ZONE))


def zone_of(folder: ArchiveFolder) -> str | None:
    """Name the zone names in the folder are read in; None when each name gives its own offset.

    Raises:
        BadLayout: the folder's layout cannot be used.
    """
    layout = layout_of(folder)
    if "%s" in layout.fields:
        return "UTC"
    return None if "%z" in layout.fields else str(layout.zone)


def example_of(paths: Iterable[str]) -> str:
    """Return one of *paths* to show what names look like, a recording's if any; "" of none."""
    return min(paths, key=lambda path: re.search(ANY_EXTENSION + r"\Z", path) is None, default="")


class SeveralCameras(Exception):
    """Files of several cameras lie below a folder, and which are meant is open."""


def narrow(folder: ArchiveFolder, listing: Listing) -> Layout:
    """Decide whose files are meant where the layout names cameras; the folder keeps the answer.

    A folder with one camera's files has only those. Of several the one is taken that is called
    like our camera: its name, the name as a slug, or its uuid.

    Raises:
        BadLayout: the folder's layout cannot be used.
        SeveralCameras: none is called so; the message lists them.
    """
    layout = layout_of(folder)
    if not layout.names_cameras or layout.camera is not None:
        return layout
    read = (layout.read(file.path) for file in listing.files)
    names = {name.camera for name in read if name is not None and name.camera is not None}
    if not names:
        return layout
    camera = folder.stream.camera
    called = {camera.name, slugify(camera.name), str(camera.uuid), camera.uuid.hex}
    chosen = names if len(names) == 1 else names & called
    if len(chosen) != 1:
        some = sorted(names)
        raise SeveralCameras(
            f"Files of several cameras lie below the folder ({', '.join(some[:20])}) and which are "
            f'meant is open: choose one, for example --layout "{layout.of_camera(some[0])}".'
        )
    folder.layout = layout.of_camera(chosen.pop())
    return layout_of(folder)
