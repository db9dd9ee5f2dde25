"""Bodies of the calls a client makes before it opens a socket."""

from __future__ import annotations

import re

from rest_framework import serializers

from vms.push.feed import LARGEST_NUMBER

SOCKET_ID = re.compile(r"^\d{1,20}\.\d{1,20}\Z", re.ASCII)


class WsUrlSerializer(serializers.Serializer):
    """Where the sockets are: the options of a Pusher client, and the address as one text."""

    ws_url = serializers.CharField()
    app_key = serializers.CharField()
    port = serializers.IntegerField()
    host = serializers.CharField()
    path = serializers.CharField()
    is_encrypted = serializers.BooleanField()


class TicketSerializer(serializers.Serializer):
    ticket = serializers.CharField()
    expires_in = serializers.IntegerField(help_text="seconds")


class SubscriptionSerializer(serializers.Serializer):
    socket_id = serializers.RegexField(SOCKET_ID)
    channel_name = serializers.CharField(max_length=200)
    after = serializers.IntegerField(
        min_value=0,
        max_value=LARGEST_NUMBER,
        required=False,
        allow_null=True,
        help_text="id of the last event seen; what the channel carried since is sent again",
    )


class SignatureSerializer(serializers.Serializer):
    auth = serializers.CharField()
