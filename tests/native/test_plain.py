# SPDX-License-Identifier: BSD-2-Clause
"""What the demo and the system tests show of a console."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / "system"))

from plain import plain  # noqa: E402


@pytest.mark.parametrize("text, shown", [
    ("", ""), ("a\r\nb\r\r\nc", "a\nb\nc"), ("a\tb\u00e9\n", "a\tb\u00e9\n"),
    ("\033[1mbold\033[0m", "bold"), ("\033[2J\033[Hx", "x"),
    ("prompt# \033[6nls", "prompt# ls"), ("\033]0;title\007x", "x"),
    ("\033]0;title\033\\x", "x"), ("\033(B\0337x", "x"),
    # hvsh's progress, and what follows it
    ("\r| start z (0 s)\033[K\r/ start z (1 s)\033[K\r\033[Kz: started\r\n",
     "z: started\n"),
    ("12345\rab", "ab345"), ("abc\b\bX", "aXc"), ("abc\033[1Kd", "   d"),
    ("abc\033[2K\rd", "d  "),
    # neither cut nor broken into more lines
    ("a\x0bb\x0cc\x1cd\u2028e\x85f", "a?b?c?d?e?f"),
    ("bell\007 del\177 nul\0", "bell? del? nul?"), ("\033", "?"),
    ("x" * 5000, "x" * 5000)])
def test_plain(text, shown):
    assert plain(text) == shown
