"""Users, sessions and tokens on the wire."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError as WeakPassword
from rest_framework import serializers

from vms.accounts.models import IntegrationToken, Scope, Session, User
from vms.api.dates import TimestampField, ZonedDateTimeField

LONGEST_PASSWORD = 1024


class UserSerializer(serializers.ModelSerializer):
    """The user object of all answers.

    `access_token_id` is filled in only for the one who asks: pass `context={"session": session}`
    where the answer is about the caller, and nothing elsewhere.
    """

    parent_id = serializers.IntegerField(read_only=True, allow_null=True)
    created_at = TimestampField()
    updated_at = TimestampField()
    access_token_id = serializers.SerializerMethodField()

    class Meta:
        model = User
        fields = (
            "id",
            "login",
            "name",
            "parent_id",
            "created_at",
            "updated_at",
            "access_token_id",
            "can_update_password",
        )
        read_only_fields = fields

    def get_access_token_id(self, user: User) -> str | None:
        session: Session | None = self.context.get("session")
        return session.pk if session is not None and session.user_id == user.pk else None


class SessionSerializer(serializers.ModelSerializer):
    """One signed-in device of the caller."""

    uuid = serializers.CharField(source="device", read_only=True)
    created_at = TimestampField()
    last_used_at = TimestampField()
    expires_at = TimestampField()
    is_current = serializers.SerializerMethodField()

    class Meta:
        model = Session
        fields = (
            "id",
            "client",
            "uuid",
            "address",
            "created_at",
            "last_used_at",
            "expires_at",
            "is_current",
        )
        read_only_fields = fields

    def get_is_current(self, session: Session) -> bool:
        return bool(session.pk == self.context["session"].pk)


class CredentialsSerializer(serializers.Serializer):
    login = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=LONGEST_PASSWORD, trim_whitespace=False)


class RefreshSerializer(serializers.Serializer):
    refresh_token = serializers.CharField(max_length=4096)


class PasswordSerializer(serializers.Serializer):
    """A change of the caller's password; needs `context={"user": user}`."""

    old_password = serializers.CharField(max_length=LONGEST_PASSWORD, trim_whitespace=False)
    password = serializers.CharField(max_length=LONGEST_PASSWORD, trim_whitespace=False)
    password_confirmation = serializers.CharField(
        max_length=LONGEST_PASSWORD, trim_whitespace=False
    )

    def validate_old_password(self, text: str) -> str:
        if not self.context["user"].check_password(text):
            raise serializers.ValidationError("This is not your password.")
        return text

    def validate_password(self, text: str) -> str:
        try:
            validate_password(text, self.context["user"])
        except WeakPassword as error:
            raise serializers.ValidationError(error.messages) from error
        if text != self.initial_data.get("password_confirmation"):
            raise serializers.ValidationError("The password and its confirmation differ.")
        return text


class TokenPairSerializer(serializers.Serializer):
    """The answer to a refresh; described here for the OpenAPI document."""

    access_token = serializers.CharField()
    token_type = serializers.CharField(default="Bearer")
    expires_at = serializers.CharField()
    refresh_token = serializers.CharField()


class SignedInSerializer(TokenPairSerializer):
    """The answer to a login."""

    user = UserSerializer()


class IntegrationTokenSerializer(serializers.ModelSerializer):
    """An integration token as lists show it: without the token."""

    scopes = serializers.ListField(child=serializers.ChoiceField(Scope.values), read_only=True)
    created_at = TimestampField()
    last_used_at = TimestampField(allow_null=True)
    expires_at = TimestampField(allow_null=True)

    class Meta:
        model = IntegrationToken
        fields = ("id", "name", "scopes", "created_at", "last_used_at", "expires_at")
        read_only_fields = fields


class NewIntegrationTokenSerializer(serializers.Serializer):
    """The body of a request for a token; needs `context={"now": now}`."""

    name = serializers.CharField(max_length=100)
    scopes = serializers.ListField(
        child=serializers.ChoiceField(
            Scope.values,
            error_messages={"invalid_choice": f"Write one of: {', '.join(Scope.values)}."},
        ),
        allow_empty=False,
        max_length=len(Scope),
    )
    expires_at = ZonedDateTimeField(required=False, allow_null=True)

    def validate_expires_at(self, moment: datetime | None) -> datetime | None:
        if moment is not None and moment <= self.context["now"]:
            raise serializers.ValidationError("The end must be in the future.")
        return moment


class MadeIntegrationTokenSerializer(IntegrationTokenSerializer):
    """The answer to that request, which alone has the token."""

    token = serializers.CharField()

    class Meta:
        model = IntegrationToken
        fields = (*IntegrationTokenSerializer.Meta.fields, "token")
        read_only_fields = fields
