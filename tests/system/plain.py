# SPDX-License-Identifier: BSD-2-Clause
"""What a terminal would show in the end, as text without control characters."""
import re

# ECMA-48, 5.4: CSI sequences; 8.3.89: operating system commands; then other
# escape sequences.
ESCAPE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|"
                    r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|"
                    r"\x1b[ -/]*[0-~]")
ERASE = re.compile(r"\x1b\[[012]?K")
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")


def line(text):
    """One line: what is written over, moved back over or erased is gone."""
    cells, at = [], 0
    for piece in re.split(r"(\r|\x08|\x1b\[[012]?K)", text):
        if piece == "\r":
            at = 0
        elif piece == "\x08":
            at = max(at - 1, 0)
        elif ERASE.fullmatch(piece):
            kind = piece[2:-1]
            if kind in ("", "0"):
                del cells[at:]
            else:
                end = len(cells) if kind == "2" else min(at, len(cells))
                cells[:end] = " " * end
        else:
            shown = CONTROL.sub("?", ESCAPE.sub("", piece))
            cells += " " * (at - len(cells))
            cells[at:at + len(shown)] = shown
            at += len(shown)
    return "".join(cells)


def plain(text):
    """TEXT with its lines ended by a line feed each."""
    return "\n".join(line(one) for one in
                     re.sub(r"\r+\n", "\n", text).split("\n"))
