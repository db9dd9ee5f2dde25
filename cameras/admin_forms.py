"""What operators type about a stream. No page shows an address with its credentials."""

from __future__ import annotations

from typing import Any

from django import forms

from cameras.models import Stream
from cameras.sources import BadSource, shown_url
from cameras.typed_addresses import check_typed_url

WRITE_AGAIN = "Write the address again; it is not repeated here, because it holds a password."


class AddressInput(forms.TextInput):
    """Shows what is stored, without credentials, and repeats nothing typed that holds some."""

    shown = ""

    def format_value(self, value: Any) -> str | None:
        text = str(value or "")
        return text if shown_url(text) == text else self.shown


class StreamForm(forms.ModelForm):
    """Shows the address without its credentials; left as it is shown, they stay as they were."""

    class Meta:
        model = Stream
        fields = ("camera", "type", "url", "is_enabled", "node")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.stored_url = str(self.instance.url)
        if "url" not in self.fields:  # who may only look gets no fields
            return
        self.initial["url"] = shown_url(self.stored_url)
        widget = AddressInput(attrs={"class": "vLargeTextField", "autocomplete": "off"})
        widget.shown = shown_url(self.stored_url)
        self.fields["url"].widget = widget
        self.fields["url"].help_text = (
            "rtsp:, http:, file: or demo:; empty: not recorded. User and password are kept but "
            "not shown; after a change, write them again."
        )

    def clean_url(self) -> str:
        url = str(self.cleaned_data["url"]).strip()
        if url == shown_url(self.stored_url):
            return self.stored_url
        try:
            check_typed_url(url)
        except BadSource as error:
            raise forms.ValidationError(str(error)) from error
        return url

    def full_clean(self) -> None:
        """Say so when the page comes back without the address that was typed."""
        super().full_clean()
        typed = str(self.data.get(self.add_prefix("url"), ""))
        if self.errors and "url" not in self.errors and shown_url(typed) != typed:
            self.add_error("url", WRITE_AGAIN)
