# SPDX-License-Identifier: BSD-2-Clause
"""tests/system/screenshots.py, which types what documents show, with a machine
that only seems to be one."""
import re
import sys
import types
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / "system"))

import screenshots as shots  # noqa: E402


class FakeMachine:
    """Answers as bash on a serial line does, and as a zone's shell does."""

    ANSWERS = {"hvsh list": "\x1b[1mID\x1b[0m  NAME   \r\n 0  zone0",
               "hvsh start z1": "\r| start z1\r\x1b[Kz1: started",
               "hvsh help": "", "uname": "Linux", "cd /tmp": ""}

    def __init__(self):
        self.where, self.directory = "zone0", "~"
        self.typed = []
        self.line = self.waiting = ""
        self.serial = types.SimpleNamespace(before="")
        self.prompt()

    def prompt(self):
        self.waiting += ("\r\n\x1b[?2004hzone0:" if self.where == "zone0" else
                         f"\r\n{self.where}:") + f"{self.directory}# "

    def send(self, text):
        self.typed.append(text)
        if text == "\x1d":
            self.waiting += "\r\n[left]"
            self.where = "zone0"
        elif text == "\r":
            pass
        else:
            self.waiting += text[:-1] + "\r\n\x1b[?2004l"
            if text.startswith("hvsh console "):
                self.where = text[:-1].split()[2]
                self.waiting += f"[{self.where}: console0; Ctrl-] leaves]\r\n"
                return
            self.waiting += self.ANSWERS[text[:-1]]
            self.directory = "/tmp" if text == "cd /tmp\r" else self.directory
        self.prompt()

    def expect(self, pattern, _limit):
        match = re.search(pattern, self.waiting)
        assert match, (pattern, self.waiting)
        self.serial.before = self.waiting[:match.start()]
        self.waiting = self.waiting[match.end():]
        return match


def page(*terminals):
    return "# A page\n\n" + "text\n".join(
        f"<!-- terminal -->\n```console\n{t}```\n<!-- end -->\n"
        for t in terminals) + "\nThe end.\n"


def typed(text):
    machine = FakeMachine()
    typist = shots.Typist(machine)
    typist.wait(1)
    return machine, shots.written_anew(text, typist)


def test_what_is_shown_is_written_anew():
    old = page("zone0:~# hvsh list\nof yore\nzone0:~# hvsh start z1\n",
               "zone0:~# hvsh help\n")
    machine, new = typed(old)
    assert new == page("zone0:~# hvsh list\nID  NAME\n 0  zone0\n"
                       "zone0:~# hvsh start z1\nz1: started\n",
                       "zone0:~# hvsh help\n")
    assert machine.typed == ["hvsh list\r", "hvsh start z1\r", "hvsh help\r"]
    assert typed(new)[1] == new


def test_consoles():
    """The zone has booted before, and is left at the end or for zone0."""
    machine, new = typed(page(
        "zone0:~# hvsh console z1\nz1:~# uname\nzone0:~# hvsh list\n",
        "zone0:~# hvsh console z1\nz1:~# uname\n", "zone0:~# hvsh help\n"))
    assert "[z1: console0; Ctrl-] leaves]\n\nz1:~# uname\nLinux\nz1:~#\n" in new
    assert machine.typed[:3] == ["hvsh console z1\r", "\r", "\x1d"]
    assert machine.typed[3:7] == ["hvsh console z1\r", "\r", "uname\r", "\x1d"]
    assert machine.where == "zone0" and machine.typed[-1] == "hvsh help\r"


def test_a_prompt_that_is_not_there():
    with pytest.raises(AssertionError, match="this is zone0, not z1"):
        typed(page("zone0:~# hvsh list\nz1:~# uname\n"))


@pytest.mark.parametrize("text, said", [
    (page("hvsh list\n"), "not a prompt of zone0"),
    (page(""), "not a prompt of zone0"),
    (page("zone0:~# hvsh lust\n"), "hvsh has no command lust"),
    (page("zone0:~# \n"), "nothing is typed"),
    (page("zone0:~# hvsh list\n\x1b[1mID\n"), "no terminal shows"),
    (page("zone0:~# hvsh list\nID \n"), "no terminal shows"),
    (page("zone0:~# hvsh list\n") + "```\nzone0:~# hvsh help\n```\n",
     "not between"),
    (page("zone0:~# hvsh list\n").replace("```console", "```"), "out of place"),
    ("# A page\n", "has no terminal"),
])
def test_pages_that_are_wrong(tmp_path, capsys, text, said):
    file = tmp_path / "page.md"
    file.write_text(page("zone0:~# hvsh list\n"))
    assert shots.main(["--check", str(file)]) == 0
    assert capsys.readouterr().out == ""
    file.write_text(text)
    assert shots.main(["--check", str(file)]) == 1
    assert said in capsys.readouterr().out


def test_the_pages_are_right():
    assert shots.check(shots.PAGES) == 0
