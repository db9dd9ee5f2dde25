"""The scripts of the web page, run by Node on the little of a document that they touch."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parent.parent / "templates" / "static"
NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="Node is not installed")

PAGE = """
function element() {
  const parts = new Map();
  return {
    hidden: true,
    addEventListener() {},
    setAttribute() {},
    querySelector: (name) => parts.get(name) ?? parts.set(name, element()).get(name),
    cloneNode: () => element(),
  };
}
globalThis.document = { getElementById: () => ({ content: { firstElementChild: element() } }) };
const { Line } = await import("./record.js");
const record = { id: 15, name: "x.mp4", progress: 10, from: "2026-03-14", to: "2026-03-14" };
const shown = (line) => [
  line.part(".badge").textContent, line.part("progress").value, line.part(".cancel").hidden,
];
"""


@pytest.fixture
def run(tmp_path):
    """Run statements beside the page's scripts; gives what they print, as JSON."""

    def run(statements):
        shutil.copytree(SCRIPTS, tmp_path, dirs_exist_ok=True)
        (tmp_path / "package.json").write_text('{"type": "module"}')
        (tmp_path / "test.js").write_text(PAGE + statements)
        command = [str(NODE), "test.js"]
        done = subprocess.run(
            command, cwd=tmp_path, check=True, capture_output=True, text=True, timeout=60
        )
        return json.loads(done.stdout)

    return run


@pytest.mark.parametrize("status", ["queued", "in progress"])
def test_a_line_at_work_shows_progress(run, status):
    statements = f"""
    const line = new Line({{ ...record, status: "{status}" }}, null, null);
    line.progress(40);
    console.log(JSON.stringify(shown(line)));
    """
    assert run(statements) == ["in progress", 40, False]


@pytest.mark.parametrize("status", ["cancelled", "failed", "expired"])
def test_progress_that_comes_late_changes_nothing(run, status):
    statements = f"""
    const line = new Line({{ ...record, status: "in progress" }}, null, null);
    line.update({{ status: "{status}" }});
    line.progress(40);
    console.log(JSON.stringify(shown(line)));
    """
    assert run(statements) == [status, 10, True]


@pytest.mark.parametrize("script", sorted(path.name for path in SCRIPTS.glob("*.js")))
def test_can_be_read_as_a_module(tmp_path, script):
    copy = tmp_path / f"{script}.mjs"
    shutil.copy(SCRIPTS / script, copy)
    subprocess.run([str(NODE), "--check", str(copy)], check=True, capture_output=True, timeout=60)
