"""What the pages load is what the manifest says: which version, which bytes."""

from __future__ import annotations

import hashlib
import json

from tests.clients.pages import VENDOR


def test_the_libraries_are_those_of_the_manifest():
    listed = json.loads((VENDOR / "manifest.json").read_text())
    for entry in listed:
        content = (VENDOR / entry["file"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == entry["sha256"], entry["file"]
    there = {str(path.relative_to(VENDOR)) for path in VENDOR.rglob("*") if path.is_file()}
    assert there == {entry["file"] for entry in listed} | {"manifest.json"}
