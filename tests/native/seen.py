#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What tests have provoked, against what the documents say there is.

While tests run, note() keeps errors of methods, events, and exit statuses and hints of
hvsh, excuse() what cannot be provoked on this machine; both go into the directory
$ZV_TEST_SEEN, a file per process, when the process ends. Afterwards seen.py DIRECTORY
lists what the documents have and nobody has seen, and exits 1 if there is any.
scripts/run-tests does that when all of tests/native has run; who runs one file is not
bothered.
"""
import atexit
import json
import os
import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
seen = set()


def note(*what):
    """("error", method or None, code), ("told", code, "path" or "hint"),
    ("event", name), ("status", number) or ("hint", text)"""
    seen.add(what)


def excuse(*what):
    """It cannot be provoked on this machine."""
    note("excused", *what)


def note_answer(method, answer):
    """Of hvd itself; method None: to what is no call of one."""
    if "error" in answer:
        data = answer["error"]["data"]
        note("error", method, data["code"])
        for member in data.keys() & {"path", "hint"}:
            note("told", data["code"], member)


def note_hvsh(status, errors):
    """How a run of hvsh ended, and its standard error."""
    if status >= 0:  # else it was killed, and said nothing
        note("status", status)
    for text in re.findall(r"^  hint: (.*)$", errors, re.M):
        note("hint", text)


@atexit.register
def keep():
    directory = os.environ.get("ZV_TEST_SEEN")
    if directory and seen:
        path = pathlib.Path(directory) / f"{os.getpid()}.json"
        path.write_text(json.dumps(sorted(seen, key=str)))


# ---------------------------------------------------------------- the documents

DOCUMENT = json.loads((TOP / "toolstack/daemon/openrpc.json").read_text())


def documented_errors():
    """(method, code); method None: any request."""
    for method in DOCUMENT["methods"]:
        for error in method["errors"]:
            yield method["name"], error["$ref"].split("/")[-1]
    for code, error in DOCUMENT["components"]["errors"].items():
        if error.get("x-any-request"):
            yield None, code


def documented_tales():
    """(code, "path" or "hint"): what an error may tell beside its message."""
    for code, error in DOCUMENT["components"]["errors"].items():
        for member in "path", "hint":
            if f"x-{member}" in error:
                yield code, member


def documented_events():
    event = DOCUMENT["components"]["schemas"]["Event"]
    return event["properties"]["event"]["enum"]


def documented_statuses():
    """Numbers; a signal's is the word "signal"."""
    manual = (TOP / "docs/man/hvsh.1").read_text()
    section = manual.split(".SH EXIT STATUS")[1].split(".SH ")[0]
    for head in re.findall(r"^\.TP\n\.BR? (.*)$", section, re.M):
        yield from map(int, re.findall(r"\b\d+\b(?! \+)", head))
        if "128 +" in head:
            yield "signal"


LITERALS = r'((?:"(?:[^"\\]|\\.)*"\s*)+)'


def text_of(literals):
    return "".join(json.loads(f'"{part}"') for part in
                   re.findall(r'"((?:[^"\\]|\\.)*)"', literals))


def known_hints():
    """Those that hvsh and libhvd give of themselves, as printf formats."""
    sources = [(path, path.read_text()) for folder in ("hvsh", "lib/client")
               for path in sorted((TOP / "toolstack" / folder).glob("*.c"))]
    for path, text in sources:
        for literals in re.findall(rf"\bhint\({LITERALS}", text):
            yield text_of(literals)
        for literals in re.findall(rf"#define HINT_\w+\s+(?:\\\n)?\s*{LITERALS}",
                                   text.replace("\\\n", "\n")):
            yield text_of(literals)
        table = re.search(r"const char \*hint;\n\t} words\[\] = {(.*?)\n\t};",
                          text, re.S)
        for literals in re.findall(rf"{{ \"\w+\", {LITERALS}}}",
                                   table.group(1) if table else ""):
            yield text_of(literals)


def pattern(format_):
    """A regular expression of what printf may make of it."""
    return re.compile("".join(
        ".*" if part.startswith("%") and part != "%%" else
        re.escape(part.replace("%%", "%"))
        for part in re.split(r"(%%|%[-#0-9.*]*(?:hh|h|ll|l|z|j)?[a-zA-Z])",
                             format_)))


def unseen(found):
    found = set(found) | {what[1:] for what in found if what[0] == "excused"}
    errors = {tuple(what[1:]) for what in found if what[0] == "error"}
    statuses = {what[1] for what in found if what[0] == "status"}
    hints = {what[1] for what in found if what[0] == "hint"}
    statuses |= {"signal" for s in statuses if 128 < s != 130}
    for method, code in sorted(documented_errors(), key=str):
        if method is None:
            if code not in {c for _, c in errors}:
                yield f"no request was answered with {code}"
        elif (method, code) not in errors:
            yield f"{method} never failed with {code}"
    for code, member in documented_tales():
        if ("told", code, member) not in found:
            yield f"{code} never told a {member}"
    for event in documented_events():
        if ("event", event) not in found:
            yield f"the event {event} was never sent"
    for status in documented_statuses():
        if status not in statuses:
            yield f"hvsh never ended with {status}"
    for status in statuses - set(documented_statuses()):
        if status != "signal" and status < 128:
            yield f"hvsh ended with {status}, which hvsh.1 does not know"
    for format_ in sorted(set(known_hints()) - {"%s"}):
        if not any(pattern(format_).fullmatch(hint) for hint in hints):
            yield f"hvsh never gave the hint: {format_}"


def main(directory):
    found = [tuple(what) for path in pathlib.Path(directory).glob("*.json")
             for what in json.loads(path.read_text())]
    missing = list(unseen(found))
    for line in missing:
        print(line)
    print(f"{len(set(found))} seen, {len(missing)} missing")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
