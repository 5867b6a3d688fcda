# SPDX-License-Identifier: BSD-2-Clause
"""libhvd's header, symbol versions and documents tell the same."""

import re
import subprocess
from pathlib import Path

import pytest

from fake_hvd import hvsh_path

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = Path(hvsh_path()).with_name("libhvd.so.0")


def declared():
    """Functions in hvd.h."""
    text = (ROOT / "toolstack/lib/include/hvd.h").read_text()
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    return set(re.findall(r"[ *\n](hvd_\w+)\(", text))


def test_map_lists_the_functions_of_the_header():
    text = (ROOT / "toolstack/lib/hvd.map").read_text()
    listed = re.findall(r"^\t+(hvd_\w+);", text, re.M)
    assert len(listed) == len(set(listed))
    assert set(listed) == declared()


@pytest.mark.skipif(not LIBRARY.exists(), reason=f"no {LIBRARY}: make host")
def test_library_exports_them_and_nothing_else():
    out = subprocess.run(["nm", "-D", "--defined-only", str(LIBRARY)],
                         capture_output=True, text=True, check=True).stdout
    symbols = {line.split()[2] for line in out.splitlines()
               if line.split()[1] in "TDBRV"}
    assert symbols == {f"{name}@@HVD_1.0" for name in declared()}


@pytest.mark.parametrize("page", ["docs/man/libhvd.3",
                                  "docs/reference/libhvd.md"])
def test_documents_cover_every_function(page):
    text = (ROOT / page).read_text()
    missing = {name for name in declared() if name not in text}
    assert not missing


def test_documents_list_every_error():
    source = (ROOT / "toolstack/lib/client/error.c").read_text()
    text = (ROOT / "docs/reference/libhvd.md").read_text()
    names = set(re.findall(r'"([A-Z_]{4,})"', source))
    assert len(names) > 20
    assert {name for name in names if name not in text} == set()
