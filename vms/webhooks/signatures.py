"""How a receiver knows that a delivery is ours, whole and new.

Source: the Standard Webhooks specification, 1.0: headers `webhook-id`, `webhook-timestamp` and
`webhook-signature`, signed content `<id>.<timestamp>.<body>`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime

from django.conf import settings

PREFIX = "whsec_"
VERSION = "v1"
SECRET_LABEL = "vms webhook secret "  # noqa: S105 - sets its keys apart from others


def secret_of(webhook_id: str) -> str:
    """Derive the secret of a webhook from the server's key, so that no table holds it."""
    key = hmac.digest(
        settings.SECRET_KEY.encode(), f"{SECRET_LABEL}{webhook_id}".encode(), hashlib.sha256
    )
    return PREFIX + base64.b64encode(key).decode()


def sign(secret: str, message_id: str, sent_at: datetime, body: bytes) -> dict[str, str]:
    """Make the headers that sign *body*; the time is that of the attempt, in whole seconds."""
    timestamp = str(int(sent_at.timestamp()))
    key = base64.b64decode(secret.removeprefix(PREFIX))
    signed = f"{message_id}.{timestamp}.".encode() + body
    signature = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"{VERSION},{signature}",
    }
