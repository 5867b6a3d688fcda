# SPDX-License-Identifier: BSD-2-Clause
"""What seen.py finds in the documents, and misses."""
import json
import os
import subprocess
import sys

import seen


def whole():
    """As if tests had seen everything."""
    found = {("error", method or "zone.list", code)
             for method, code in seen.documented_errors()}
    found |= {("told", *tale) for tale in seen.documented_tales()}
    found |= {("event", event) for event in seen.documented_events()}
    found |= {("status", 143 if status == "signal" else status)
              for status in seen.documented_statuses()}
    return found | {("hint", hint.replace("%s", "x"))
                    for hint in seen.known_hints()}


def test_what_the_documents_have():
    errors = set(seen.documented_errors())
    assert ("zone.start", "NO_MEMORY") in errors
    assert (None, "PARSE_ERROR") in errors
    assert set(seen.documented_statuses()) == {0, 1, 2, 3, 4, 5, 130, "signal"}
    hints = set(seen.known_hints())
    assert "'hvsh edit %s' changes it" in hints  # of a call
    assert "'destroy' stops a zone without asking it" in hints  # of a table
    assert any(hint.startswith("start the daemon") for hint in hints)  # a macro


def test_each_is_missed():
    assert list(seen.unseen(whole())) == []
    for what, says in (
            (("error", "zone.start", "NO_MEMORY"),
             "zone.start never failed with NO_MEMORY"),
            (("told", "BUSY", "path"), "BUSY never told a path"),
            (("event", "power-key-ignored"),
             "the event power-key-ignored was never sent"),
            (("status", 4), "hvsh never ended with 4"),
            (("status", 143), "hvsh never ended with signal"),
            (("hint", "'hvsh edit x' changes it"),
             "hvsh never gave the hint: 'hvsh edit %s' changes it")):
        assert list(seen.unseen(whole() - {what})) == [says]
        assert list(seen.unseen(whole() - {what} | {("excused", *what)})) == []
    assert list(seen.unseen(whole() | {("status", 77)})) == [
        "hvsh ended with 77, which hvsh.1 does not know"]


def test_processes_leave_it_in_files(tmp_path):
    """Each its own; the program judges them all."""
    script = "import seen, sys; [seen.note(*w) for w in {}]"
    parts = sorted(whole(), key=str)
    for some in parts[::2], parts[1::2]:
        result = subprocess.run([sys.executable, seen.__file__, tmp_path],
                                capture_output=True, text=True, check=False)
        assert result.returncode == 1, result.stdout
        subprocess.run([sys.executable, "-c", script.format(some)], check=True,
                       cwd=seen.TOP / "tests/native",
                       env=dict(os.environ, ZV_TEST_SEEN=str(tmp_path)))
    assert len(list(tmp_path.iterdir())) == 2
    assert all(json.loads(p.read_text()) for p in tmp_path.iterdir())
    assert subprocess.run([sys.executable, seen.__file__, tmp_path],
                          check=False).returncode == 0
