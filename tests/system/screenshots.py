#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Writes what terminals show in documents: screenshots.py [--check] [PAGE...]

A page has its terminals between the lines <!-- terminal --> and <!-- end -->. A
line of them that begins with a prompt is typed into the machine that `make run`
boots, in the order of the page, and what comes back is written in the place of
the lines below. So the page says what is typed, and nothing that it shows has
been made up. At the prompt of another zone than the one before, its console is
left. With --check nothing boots and nothing is written: exit code 1 if a
terminal of a page is not such as this makes, or types what hvsh does not know.
"""
import pathlib
import re
import sys

from plain import plain

TOP = pathlib.Path(__file__).resolve().parents[2]
PAGES = [TOP / "docs/quickstart.md"]
COMMANDS = TOP / "toolstack/hvsh/commands.c"

TERMINAL = re.compile(
    r"(<!-- terminal -->\n```console\n)(.*?)(```\n<!-- end -->\n)", re.S)
PROMPT = re.compile(r"(([\w-]+):[^\s#]*# )(.*)")
# As it arrives: bash brackets what is pasted, which it says.
AT_PROMPT = r"[\r\n](?:\x1b\[\?2004h)?(([\w-]+):[^\s#]*# )"
CONSOLE = re.compile(r"hvsh console (\S+)")
LEAVE = "\x1d"
BOOT_LIMIT = 400
ZONE0 = "zone0"


def typed(terminal):
    """Whose prompt, and what is typed there."""
    return [(match[2], match[3])
            for match in map(PROMPT.fullmatch, terminal.splitlines()) if match]


class Typist:
    """Types into a machine, which shows a prompt at first and in between."""

    def __init__(self, machine):
        self.machine = machine
        self.zone, self.prompt = ZONE0, ""

    def wait(self, limit):
        """For a prompt; what came before it."""
        match = self.machine.expect(AT_PROMPT, limit)
        self.prompt, self.zone = match[1], match[2]
        return self.machine.serial.before

    def enter(self, text, limit=BOOT_LIMIT):
        self.machine.send(text + "\r")
        if (console := CONSOLE.match(text)):
            # its prompt may have been shown already
            self.machine.expect(re.escape(f"[{console[1]}: "), limit)
            head = self.machine.serial.before + f"[{console[1]}: "
            self.machine.send("\r")
            return head + self.wait(limit)
        return self.wait(limit)

    def leave(self):
        self.machine.send(LEAVE)
        return self.wait(BOOT_LIMIT)

    def boot(self, zone):
        """What it prints meanwhile would be a long terminal."""
        self.enter(f"hvsh console {zone}")
        self.leave()

    def terminal(self, lines):
        shown = ""
        for zone, text in lines:
            if self.zone != zone:
                shown += self.prompt + self.leave() + "\n"
            assert self.zone == zone, f"{text}: this is {self.zone}, not {zone}"
            if (console := CONSOLE.match(text)):
                self.boot(console[1])
            shown += self.prompt + self.enter(text) + "\n"
        if self.zone != ZONE0:
            self.leave()
        lines = [line.rstrip() for line in plain(shown).rstrip().split("\n")]
        return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)) + "\n"


def written_anew(text, typist):
    return TERMINAL.sub(
        lambda match: match[1] + typist.terminal(typed(match[2])) + match[3],
        text)


# ------------------------------------------------------------------ --check

def commands():
    """Names of hvsh's commands."""
    return re.findall(r'^\t\{ "([a-z-]+)", .*GROUP_', COMMANDS.read_text(), re.M)


def wrong_with(text):
    """What the terminals of a page are not, a line each."""
    for match in TERMINAL.finditer(text):
        lines = match[2].splitlines()
        if not lines or not lines[0].startswith(f"{ZONE0}:"):
            yield f"a terminal begins with {lines[:1]}, not a prompt of zone0"
        for _, command in typed(match[2]):
            word = re.match(r"hvsh ([a-z-]+)", command)
            if not command:
                yield "nothing is typed at a prompt"
            elif word and word[1] not in commands():
                yield f"hvsh has no command {word[1]}"
        if re.search(r"[^\n -~]|\t| $", match[2], re.M):
            yield f"no terminal shows all that is in {lines[0]!r}"
    rest = TERMINAL.sub("", text)
    for line in rest.splitlines():
        if "<!-- terminal -->" in line or "<!-- end -->" in line:
            yield f"a line {line} is out of place"
        elif PROMPT.fullmatch(line):
            yield f"not between <!-- terminal --> and <!-- end -->: {line}"


def check(pages):
    wrong = [f"{page}: {what}" for page in pages
             for what in wrong_with(page.read_text())]
    wrong += [f"{page}: has no terminal" for page in pages
              if not TERMINAL.search(page.read_text())]
    print("\n".join(wrong), end="\n" if wrong else "")
    return 1 if wrong else 0


def type_all(pages):
    from machine import BUILD, PROMPT_LIMIT, Machine

    with Machine("screenshots", initrd=BUILD / "aarch64/bundle.itb") as machine:
        typist = Typist(machine)
        typist.wait(PROMPT_LIMIT)
        typist.enter("dmesg -n 1; stty cols 80 rows 24")
        for page in pages:
            page.write_text(written_anew(page.read_text(), typist))
    return 0


def main(words):
    pages = [pathlib.Path(w) for w in words if w != "--check"] or PAGES
    status = check(pages)
    return status if status or "--check" in words else type_all(pages)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
