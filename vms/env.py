"""The settings operators make: environment variables VMS_..., typed and refused loudly.

This module is the single list of them. `docs/configuration.md` describes each one, and a test
fails when one is missing there. It imports no Django, so the supervisor can read it early.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vms.values import (
    one_of,
    parse_allowed_hosts,
    parse_bool,
    parse_broker_url,
    parse_bucket,
    parse_database_url,
    parse_host,
    parse_key,
    parse_keys,
    parse_location,
    parse_node,
    parse_path,
    parse_proxies,
    parse_public_key,
    parse_public_url,
    parse_redis_url,
    parse_s3_prefix,
    parse_s3_url,
    parse_text,
    parse_token,
    parse_zone,
    whole,
)

PROJECT_DIR = Path(__file__).resolve().parent.parent


class BadSetting(Exception):
    """A VMS_ variable cannot be used; the message names it and says what to write instead."""


@dataclass(frozen=True)
class Setting:
    """One variable: `parse` turns its text into a value or raises ValueError with the cure."""

    name: str
    parse: Callable[[str], Any]
    default: Any
    help: str


SETTINGS: tuple[Setting, ...] = (
    Setting("VMS_DATA_DIR", parse_path, PROJECT_DIR / "var", "where everything is kept"),
    Setting("VMS_ARCHIVE_DIR", parse_path, None, "recordings; default: archive in the data folder"),
    Setting(
        "VMS_STORAGE_DIR", parse_path, None, "finished files; default: storage in the data folder"
    ),
    Setting(
        "VMS_DATABASE_URL",
        parse_database_url,
        None,
        "the database; default: SQLite in the data folder",
    ),
    Setting(
        "VMS_REDIS_URL",
        parse_redis_url,
        None,
        "the broker; default: an embedded Valkey server started by `up`",
    ),
    Setting(
        "VMS_BROKER_URL",
        parse_broker_url,
        None,
        "RabbitMQ for the workers' messages; default: the server of VMS_REDIS_URL",
    ),
    Setting(
        "VMS_SECRET_KEY",
        parse_key,
        None,
        "signs sessions and links; default: kept in the data folder",
    ),
    Setting(
        "VMS_LINK_KEYS",
        parse_keys,
        None,
        "sign links of previews and cuts: the first signs, all verify; default: VMS_SECRET_KEY",
    ),
    Setting(
        "VMS_DEBUG", parse_bool, False, "Django's debug pages; never on a server that others reach"
    ),
    Setting("VMS_HOST", parse_host, "127.0.0.1", "address the web process listens on"),
    Setting("VMS_PORT", whole(0, 65535), 8000, "port the web process listens on"),
    Setting("VMS_API_PORT", whole(0, 65535), 8001, "port `up --only api` listens on"),
    Setting("VMS_PUBLIC_URL", parse_public_url, None, "address that absolute links are made with"),
    Setting(
        "VMS_ALLOWED_HOSTS",
        parse_allowed_hosts,
        None,
        "host names that clients may use",
    ),
    Setting("VMS_TRUSTED_PROXIES", parse_proxies, [], "proxies whose X-Forwarded headers count"),
    Setting(
        "VMS_METRICS_ALLOWED",
        parse_proxies,
        ["127.0.0.0/8", "::1"],
        "addresses that may ask for /metrics",
    ),
    Setting("VMS_TIME_ZONE", parse_zone, "UTC", "zone of the operator pages"),
    Setting("VMS_FFMPEG", parse_path, None, "ffmpeg to use; default: the bundled one, then PATH"),
    Setting("VMS_LOG_FORMAT", one_of("console", "json"), "console", "how log lines look"),
    Setting(
        "VMS_LOG_LEVEL", one_of("DEBUG", "INFO", "WARNING", "ERROR"), "INFO", "least level logged"
    ),
    Setting("VMS_ACCESS_TOKEN_SECONDS", whole(60, 86_400), 3600, "life of an access token"),
    Setting(
        "VMS_REFRESH_TOKEN_SECONDS", whole(600, 31_536_000), 2_592_000, "life of a session unused"
    ),
    Setting("VMS_MAX_SESSIONS_PER_USER", whole(1, 10_000), 50, "sessions a user has at a time"),
    Setting(
        "VMS_MAX_INTEGRATION_TOKENS_PER_USER",
        whole(0, 10_000),
        20,
        "integration tokens a user has at a time",
    ),
    Setting(
        "VMS_EXPORT_TTL_SECONDS", whole(60, 31_536_000), 10_800, "how long a finished file is kept"
    ),
    Setting("VMS_CLEANUP_INTERVAL_SECONDS", whole(5, 86_400), 600, "time between two clean-ups"),
    Setting(
        "VMS_RECONCILE_INTERVAL_SECONDS", whole(1, 3600), 30, "time between two looks for lost jobs"
    ),
    Setting("VMS_EXPORT_MAX_SECONDS", whole(1, 604_800), 86_400, "longest interval of one export"),
    Setting(
        "VMS_EXPORT_MAX_BYTES", whole(0, 2**60), 0, "most bytes of one finished file; 0 = no limit"
    ),
    Setting("VMS_EXPORT_MAX_CAMERAS", whole(1, 1000), 16, "most cameras in one request"),
    Setting(
        "VMS_EXPORT_MAX_ACTIVE", whole(1, 100_000), 100, "exports one user may have in progress"
    ),
    Setting("VMS_EXPORT_CONCURRENCY", whole(1, 256), 2, "exports one worker makes at a time"),
    Setting(
        "VMS_EXPORT_MAX_QUEUED",
        whole(1, 10_000_000),
        10_000,
        "exports of all users that may wait; more are refused",
    ),
    Setting("VMS_NODE", parse_node, None, "node whose archives lie on this machine; default: none"),
    Setting("VMS_EXPORT_MAX_ATTEMPTS", whole(1, 20), 3, "attempts before an export has failed"),
    Setting(
        "VMS_EXPORT_LEASE_SECONDS",
        whole(5, 3600),
        60,
        "silence after which a worker counts as lost",
    ),
    Setting(
        "VMS_EXPORT_STOP_SECONDS",
        whole(0, 3600),
        10,
        "time to finish an export when the worker stops",
    ),
    Setting(
        "VMS_EXPORT_ENGINE",
        one_of("auto", "splice", "ffmpeg"),
        "auto",
        "what makes files; auto splices wherever it can",
    ),
    Setting(
        "VMS_EXPORT_STALL_SECONDS", whole(5, 3600), 60, "no progress for so long: ffmpeg is stopped"
    ),
    Setting(
        "VMS_EXPORT_RESERVE_BYTES",
        whole(0, 2**60),
        256 * 2**20,
        "room on the disk exports leave free",
    ),
    Setting(
        "VMS_STORAGE_QUOTA_BYTES",
        whole(0, 2**60),
        0,
        "most bytes of all finished and half-made files; 0 = no limit",
    ),
    Setting(
        "VMS_STORAGE_DELIVERY",
        one_of("direct", "x-accel", "redirect"),
        "direct",
        "who sends finished files: we, nginx or the bucket",
    ),
    Setting(
        "VMS_STORAGE_LOCATION",
        parse_location,
        "/_files/",
        "nginx's internal location of the storage folder, for x-accel",
    ),
    Setting("VMS_S3_BUCKET", parse_bucket, None, "bucket of finished files; default: the folder"),
    Setting("VMS_S3_PREFIX", parse_s3_prefix, None, "what our keys in the bucket begin with"),
    Setting("VMS_S3_ENDPOINT_URL", parse_s3_url, None, "the S3 server; default: Amazon's"),
    Setting("VMS_S3_LINK_ENDPOINT_URL", parse_s3_url, None, "the S3 server as clients reach it"),
    Setting("VMS_S3_REGION", parse_token, "us-east-1", "the bucket's region"),
    Setting(
        "VMS_S3_ADDRESSING",
        one_of("auto", "path", "virtual"),
        "auto",
        "where an address names the bucket: in its path or its host",
    ),
    Setting("VMS_S3_ACCESS_KEY_ID", parse_token, None, "key; default: what the machine has"),
    Setting("VMS_S3_SECRET_ACCESS_KEY", parse_token, None, "secret of the key"),
    Setting("VMS_S3_CA_FILE", parse_path, None, "certificates that vouch for the S3 server"),
    Setting("VMS_S3_LINK_SECONDS", whole(1, 604_800), 3600, "longest life of a link of redirect"),
    Setting("VMS_S3_TIMEOUT_SECONDS", whole(1, 600), 15, "silence after which a request failed"),
    Setting("VMS_S3_ATTEMPTS", whole(1, 10), 4, "attempts of one request to the S3 server"),
    Setting("VMS_SEGMENT_SECONDS", whole(1, 3600), 10, "length of the segments we record"),
    Setting(
        "VMS_SEGMENT_SETTLE_SECONDS",
        whole(0, 3600),
        5,
        "a file changed so lately is still being written",
    ),
    Setting(
        "VMS_SCAN_INTERVAL_SECONDS",
        whole(1, 86_400),
        30,
        "time between two scans of watched folders",
    ),
    Setting("VMS_ARCHIVE_DAYS", whole(0, 36_500), 0, "days recordings are kept; 0 = for ever"),
    Setting("VMS_PSIM_API", parse_bool, True, "answer the archive calls of Axxon PSIM"),
    Setting(
        "VMS_EXPORT_CONTAINER_FORMAT",
        one_of("mp4", "avi", "flv", "mov", "asf"),
        "mp4",
        "form of files that PSIM clients order without naming one",
    ),
    Setting("VMS_PREVIEW_DECODERS", whole(1, 64), 2, "previews one web process makes at a time"),
    Setting("VMS_PREVIEW_SECONDS", whole(1, 300), 20, "longest that making a preview may take"),
    Setting("VMS_PREVIEW_CLIP_SECONDS", whole(1, 60), 8, "length of a preview in mp4"),
    Setting(
        "VMS_PREVIEW_CACHE_BYTES",
        whole(2**24, 2**60),
        2**30,
        "room that finished previews take on the disk",
    ),
    Setting("VMS_PUSH_APP_KEY", parse_text, "vms", "Pusher app key clients connect with"),
    Setting("VMS_MAX_WEBHOOKS_PER_USER", whole(0, 10_000), 10, "webhooks a user has at a time"),
    Setting(
        "VMS_WEBHOOK_ALLOWED_NETWORKS",
        parse_proxies,
        [],
        "networks that are not public and webhooks may be sent into",
    ),
    Setting("VMS_WEBHOOK_CA_FILE", parse_path, None, "authorities trusted beside the system's"),
    Setting("VMS_WEBHOOK_TIMEOUT_SECONDS", whole(1, 60), 10, "most time of one attempt"),
    Setting("VMS_WEBHOOK_MAX_ATTEMPTS", whole(1, 20), 10, "attempts before a delivery has failed"),
    Setting(
        "VMS_WEBHOOK_MAX_FAILURES",
        whole(1, 1000),
        20,
        "failed attempts in a row that disable a webhook",
    ),
    Setting("VMS_LICENSE_FILE", parse_path, None, "license of the operator's API; default: none"),
    Setting("VMS_LICENSE_PUBLIC_KEY", parse_public_key, None, "key that verifies the license"),
)

BY_NAME = {setting.name: setting for setting in SETTINGS}
# Secrets, which a file may hold instead of the environment: NAME_FILE says where it is.
IN_FILES = (
    "VMS_DATABASE_URL",
    "VMS_REDIS_URL",
    "VMS_BROKER_URL",
    "VMS_SECRET_KEY",
    "VMS_LINK_KEYS",
    "VMS_S3_SECRET_ACCESS_KEY",
)


def read_settings(environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Read every VMS_ variable; an empty one counts as absent.

    Raises:
        BadSetting: a value cannot be used, or the name is not one of ours (a slip of the pen
            must not silently leave a default in force).
    """
    source = with_files(os.environ if environ is None else environ)
    refuse_unknown(name for name in source if name.startswith("VMS_"))
    values = {setting.name: read_one(setting, source) for setting in SETTINGS}
    refuse_contradictions(values)
    return values


def with_files(environ: Mapping[str, str]) -> dict[str, str]:
    """Put the content of a file in place of each VMS_..._FILE that names where a secret is kept.

    Raises:
        BadSetting: the file cannot be read, or the secret is given twice.
    """
    values = dict(environ)
    for name in IN_FILES:
        path = values.pop(f"{name}_FILE", "").strip()
        if not path:
            continue
        try:
            kept = Path(path).read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise BadSetting(
                f"{name}_FILE cannot be used: it names no file that this user may read."
            ) from error
        # `up` hands its own key on to its children.
        if values.get(name, "").strip() not in {"", kept}:
            raise BadSetting(f"{name} and {name}_FILE differ: remove one of them.")
        values[name] = kept
    return values


def read_one(setting: Setting, source: Mapping[str, str]) -> Any:
    text = source.get(setting.name, "")
    if not text.strip():
        return setting.default
    try:
        return setting.parse(text)
    except ValueError as error:
        raise BadSetting(f"{setting.name} cannot be used: {error}.") from error


def refuse_unknown(names: Any) -> None:
    for name in names:
        if name not in BY_NAME:
            close = difflib.get_close_matches(name, BY_NAME, n=1)
            hint = f"did you mean {close[0]}?" if close else "see docs/configuration.md."
            raise BadSetting(f"{name} is not a setting of VMS; {hint}")


def refuse_contradictions(values: Mapping[str, Any]) -> None:
    """Refuse settings that are fine each by itself and not together."""
    delivery = values["VMS_STORAGE_DELIVERY"]
    if values["VMS_S3_BUCKET"] is None:
        for name, value in values.items():
            if name.startswith("VMS_S3_") and value != BY_NAME[name].default:
                raise BadSetting(
                    f"{name} says something of a bucket, but VMS_S3_BUCKET names none: name it, or "
                    f"remove {name}."
                )
        if delivery == "redirect":
            raise BadSetting(
                "VMS_STORAGE_DELIVERY cannot be used: redirect needs a store that signs links and "
                "ends them, and VMS keeps files in a folder; write direct or x-accel, or set "
                "VMS_S3_BUCKET."
            )
    elif delivery == "x-accel":
        raise BadSetting(
            "VMS_STORAGE_DELIVERY cannot be used: nginx sends files of a folder, and VMS_S3_BUCKET "
            "keeps them in a bucket; write redirect or direct."
        )
    if (values["VMS_S3_ACCESS_KEY_ID"] is None) != (values["VMS_S3_SECRET_ACCESS_KEY"] is None):
        raise BadSetting(
            "VMS_S3_ACCESS_KEY_ID and VMS_S3_SECRET_ACCESS_KEY belong together: set both or none."
        )
