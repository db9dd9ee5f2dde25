"""Messages of Django REST framework in the words of JSON.

Who calls from another language knows no `str` and no dictionary.
"""

from __future__ import annotations

import re

JSON_NAMES = {
    "str": "a string",
    "int": "a number",
    "float": "a number",
    "bool": "true or false",
    "list": "a list",
    "dict": "an object",
    "NoneType": "null",
}
# As its fields and serializers write them; another wording is left as it is.
OTHER_TYPE = re.compile(
    r"(?:Invalid data\. )?Expected a (list|dictionary)(?: of items)?,? but got "
    r'(?:type )?"?(\w+)"?\.'
)
EXPECTED = {"list": "a list", "dictionary": "an object"}


def in_json_words(message: str) -> str:
    """Name types as JSON does where *message* says that another one was expected."""
    match = OTHER_TYPE.fullmatch(message)
    if match is None or match[2] not in JSON_NAMES:
        return message
    return f"Expected {EXPECTED[match[1]]} but got {JSON_NAMES[match[2]]}."
