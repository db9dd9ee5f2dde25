"""Django system checks: what would stop the server, said before it starts.

They touch neither database nor broker; `doctor` asks those.
"""

from __future__ import annotations

import ipaddress
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, register
from django.utils import timezone

from vms.api.license import refusal
from vms.media.ffmpeg import NoFfmpeg, find_ffmpeg
from vms.ops.folders import folder_problem

TAG = "vms"
LICENSE_CURE = (
    "The Admin API answers 402. Renew the file that VMS_LICENSE_FILE names, correct "
    "VMS_LICENSE_PUBLIC_KEY, or unset VMS_LICENSE_FILE; see docs/operations.md."
)
HTTPS_PROXY_MISSING = (
    "VMS_PUBLIC_URL is https but VMS_TRUSTED_PROXIES is empty: every request would count as plain "
    "http and be sent to https, for ever."
)
HTTPS_PROXY_CURE = (
    "Set VMS_TRUSTED_PROXIES to the address of the reverse proxy that speaks https for VMS."
)


def refusals() -> list[CheckMessage]:
    """List what `up` does not start with."""
    return [
        message
        for message in checks.run_checks(tags=[TAG])
        if message.is_serious() and not message.is_silenced()
    ]


@register(TAG)
def check_folders(**_kwargs: Any) -> list[CheckMessage]:
    named = {"VMS_ARCHIVE_DIR": settings.ARCHIVE_DIR, "VMS_STORAGE_DIR": settings.STORAGE_DIR}
    found: list[CheckMessage] = [
        Error(f"The folder of {name} {problem}.", hint=f"Correct {name}.", id="vms.E001")
        for name, folder in named.items()
        if (problem := folder_problem(folder))
    ]
    archive, storage = settings.ARCHIVE_DIR.resolve(), settings.STORAGE_DIR.resolve()
    if archive == storage or archive in storage.parents or storage in archive.parents:
        found.append(
            Error(
                "The folders of recordings and of finished files lie in one another.",
                hint="Set VMS_ARCHIVE_DIR and VMS_STORAGE_DIR to separate folders.",
                id="vms.E002",
            )
        )
    return found


@register(TAG)
def check_ffmpeg(**_kwargs: Any) -> list[CheckMessage]:
    try:
        find_ffmpeg(settings.VMS["VMS_FFMPEG"])
    except NoFfmpeg as error:
        return [
            checks.Warning(str(error), hint="Exports will fail until it is there.", id="vms.W001")
        ]
    return []


@register(TAG)
def check_debug(**_kwargs: Any) -> list[CheckMessage]:
    """Refuse pages that show settings and code where others can reach them."""
    if settings.VMS["VMS_DEBUG"] and is_reached_by_others():
        return [
            Error(
                "VMS_DEBUG is on where others can reach the server: its pages show settings and "
                "code to everybody.",
                hint="Remove VMS_DEBUG, or listen on loopback only, without VMS_PUBLIC_URL.",
                id="vms.E003",
            )
        ]
    return []


def is_reached_by_others() -> bool:
    """Say whether the server listens beyond loopback, or has an address for clients that does."""
    public = urlsplit(settings.PUBLIC_URL or "").hostname
    return not all(is_loopback(host) for host in (public, settings.VMS["VMS_HOST"]) if host)


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


@register(TAG, deploy=True)
def check_encryption(**_kwargs: Any) -> list[CheckMessage]:
    """Warn only: within a network of one's own it may be meant so."""
    if is_reached_by_others() and not settings.HTTPS:
        return [
            checks.Warning(
                "Clients send passwords and tokens over plain http.",
                hint="Put a proxy that speaks https before the server, and set VMS_PUBLIC_URL to "
                "its address.",
                id="vms.W005",
            )
        ]
    return []


@register(TAG)
def check_license(**_kwargs: Any) -> list[CheckMessage]:
    """Warn only: without a license that holds, the operator's API is away and nothing else."""
    reason = refusal(timezone.now(), count_cameras=lambda: 0)
    return [checks.Warning(reason, hint=LICENSE_CURE, id="vms.W004")] if reason else []


@register(TAG, deploy=True)
def check_public_url(**_kwargs: Any) -> list[CheckMessage]:
    if settings.PUBLIC_URL is None:
        return [
            checks.Warning(
                "VMS_PUBLIC_URL is not set: links in messages are made with the listening address.",
                hint="Set it to the address clients use, https://vms.example.org for example.",
                id="vms.W002",
            )
        ]
    return []


@register(TAG, deploy=True)
def check_https_proxy(**_kwargs: Any) -> list[CheckMessage]:
    """Warn only: machines without a web process need no proxy, and `up` refuses on the others."""
    if lacks_https_proxy():
        return [checks.Warning(HTTPS_PROXY_MISSING, hint=HTTPS_PROXY_CURE, id="vms.W003")]
    return []


def lacks_https_proxy() -> bool:
    """Say whether nobody could tell us that a request came in over https."""
    return bool(settings.HTTPS and not settings.VMS["VMS_TRUSTED_PROXIES"])
