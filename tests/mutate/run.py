#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Removes each listed safety check, one at a time; some test must fail.

A list (tests/mutate/*.list) has one check per line, four fields between ";;":

    file ;; text that occurs once in it ;; replacement ;; test

The test is a program of tests/objects.mk (its last name component). It must
pass on the tree as it is and fail, in whatever way, on the changed one. Lines
starting with '#' are comments. The work is done in a copy of the tree.

    tests/mutate/run.py [-k SUBSTRING] [LIST...]
"""

import argparse
import pathlib
import shutil
import subprocess
import sys
import tempfile
from typing import NamedTuple

ROOT = pathlib.Path(__file__).resolve().parents[2]
TIMEOUT = 30  # seconds; a test that hangs has failed


class Check(NamedTuple):
    where: str
    file: str
    find: str
    replace: str
    test: str


def read_list(path: pathlib.Path) -> list[Check]:
    checks = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        where = f"{path.name}:{number}"
        fields = [field.strip() for field in line.split(";;")]
        if len(fields) != 4:
            sys.exit(f"{where}: four fields between ';;' expected")
        checks.append(Check(where, *fields))
    return checks


def copy_tree(to: pathlib.Path) -> None:
    skip = shutil.ignore_patterns(".git", "build", "__pycache__")
    shutil.copytree(ROOT, to, symlinks=True, ignore=skip)


def build(tree: pathlib.Path, test: str) -> pathlib.Path:
    program = f"build/host/unit/{test}/{test}"
    result = subprocess.run(["make", "-C", tree, program, "WERROR=0"],
                            capture_output=True, text=True)
    if result.returncode != 0:
        raise RuntimeError(f"does not build:\n{result.stderr[-2000:]}")
    return tree / program


def passes(program: pathlib.Path) -> bool:
    try:
        return subprocess.run([program], capture_output=True,
                              timeout=TIMEOUT).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def survives(tree: pathlib.Path, check: Check) -> bool:
    path = tree / check.file
    text = path.read_text()
    count = text.count(check.find)
    if count != 1:
        raise RuntimeError(f"'{check.find}' occurs {count} times "
                           f"in {check.file}, not once")
    path.write_text(text.replace(check.find, check.replace))
    try:
        return passes(build(tree, check.test))
    finally:
        path.write_text(text)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-k", default="", metavar="SUBSTRING",
                        help="only checks whose line contains it")
    parser.add_argument("lists", nargs="*", type=pathlib.Path)
    args = parser.parse_args()
    lists = args.lists or sorted((ROOT / "tests/mutate").glob("*.list"))
    checks = [check for path in lists for check in read_list(path)
              if args.k in ";;".join(check)]
    bad = 0
    with tempfile.TemporaryDirectory(prefix="mutate-") as scratch:
        tree = pathlib.Path(scratch) / "tree"
        copy_tree(tree)
        for test in sorted({check.test for check in checks}):
            if not passes(build(tree, test)):
                sys.exit(f"{test} fails on the tree as it is")
        for check in checks:
            try:
                verdict = "NOT FOUND" if survives(tree, check) else "found"
            except RuntimeError as error:
                verdict = f"ERROR {error}"
            bad += verdict != "found"
            print(f"{check.where}: {check.file}: {check.find}: {verdict}",
                  flush=True)
    print(f"{len(checks)} checks, {bad} not found")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
