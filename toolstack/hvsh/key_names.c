// SPDX-License-Identifier: BSD-2-Clause
/* What keys are called. */
#include "hvsh.h"

#include <linux/input-event-codes.h>
#include <string.h>
#include <strings.h>

#define PREFIX "KEY_"
#define KEY(name)                 \
	{                         \
#name, KEY_##name \
	}

struct key {
	const char *name;
	uint32_t code;
};

/* Those of a keyboard; others can be given as numbers. */
static const struct key keys[] = {
	KEY(ESC),      KEY(1),		KEY(2),		 KEY(3),
	KEY(4),	       KEY(5),		KEY(6),		 KEY(7),
	KEY(8),	       KEY(9),		KEY(0),		 KEY(MINUS),
	KEY(EQUAL),    KEY(BACKSPACE),	KEY(TAB),	 KEY(Q),
	KEY(W),	       KEY(E),		KEY(R),		 KEY(T),
	KEY(Y),	       KEY(U),		KEY(I),		 KEY(O),
	KEY(P),	       KEY(LEFTBRACE),	KEY(RIGHTBRACE), KEY(ENTER),
	KEY(LEFTCTRL), KEY(A),		KEY(S),		 KEY(D),
	KEY(F),	       KEY(G),		KEY(H),		 KEY(J),
	KEY(K),	       KEY(L),		KEY(SEMICOLON),	 KEY(APOSTROPHE),
	KEY(GRAVE),    KEY(LEFTSHIFT),	KEY(BACKSLASH),	 KEY(Z),
	KEY(X),	       KEY(C),		KEY(V),		 KEY(B),
	KEY(N),	       KEY(M),		KEY(COMMA),	 KEY(DOT),
	KEY(SLASH),    KEY(RIGHTSHIFT), KEY(KPASTERISK), KEY(LEFTALT),
	KEY(SPACE),    KEY(CAPSLOCK),	KEY(F1),	 KEY(F2),
	KEY(F3),       KEY(F4),		KEY(F5),	 KEY(F6),
	KEY(F7),       KEY(F8),		KEY(F9),	 KEY(F10),
	KEY(NUMLOCK),  KEY(SCROLLLOCK), KEY(KP7),	 KEY(KP8),
	KEY(KP9),      KEY(KPMINUS),	KEY(KP4),	 KEY(KP5),
	KEY(KP6),      KEY(KPPLUS),	KEY(KP1),	 KEY(KP2),
	KEY(KP3),      KEY(KP0),	KEY(KPDOT),	 KEY(ZENKAKUHANKAKU),
	KEY(102ND),    KEY(F11),	KEY(F12),	 KEY(RO),
	KEY(KATAKANA), KEY(HIRAGANA),	KEY(HENKAN),	 KEY(KATAKANAHIRAGANA),
	KEY(MUHENKAN), KEY(KPJPCOMMA),	KEY(KPENTER),	 KEY(RIGHTCTRL),
	KEY(KPSLASH),  KEY(SYSRQ),	KEY(RIGHTALT),	 KEY(LINEFEED),
	KEY(HOME),     KEY(UP),		KEY(PAGEUP),	 KEY(LEFT),
	KEY(RIGHT),    KEY(END),	KEY(DOWN),	 KEY(PAGEDOWN),
	KEY(INSERT),   KEY(DELETE),	KEY(MUTE),	 KEY(VOLUMEDOWN),
	KEY(VOLUMEUP), KEY(POWER),	KEY(KPEQUAL),	 KEY(KPPLUSMINUS),
	KEY(PAUSE),    KEY(KPCOMMA),	KEY(HANGEUL),	 KEY(HANJA),
	KEY(YEN),      KEY(LEFTMETA),	KEY(RIGHTMETA),	 KEY(COMPOSE),
	KEY(STOP),     KEY(AGAIN),	KEY(UNDO),	 KEY(COPY),
	KEY(OPEN),     KEY(PASTE),	KEY(FIND),	 KEY(CUT),
	KEY(HELP),     KEY(MENU),	KEY(SLEEP),	 KEY(WAKEUP),
	KEY(BACK),     KEY(FORWARD),	KEY(F13),	 KEY(F14),
	KEY(F15),      KEY(F16),	KEY(F17),	 KEY(F18),
	KEY(F19),      KEY(F20),	KEY(F21),	 KEY(F22),
	KEY(F23),      KEY(F24),	KEY(PRINT),
};

/* What people say. */
static const struct key others[] = {
	{ "ALT", KEY_LEFTALT },	     { "ALTGR", KEY_RIGHTALT },
	{ "BREAK", KEY_PAUSE },	     { "CTRL", KEY_LEFTCTRL },
	{ "CONTROL", KEY_LEFTCTRL }, { "DEL", KEY_DELETE },
	{ "ESCAPE", KEY_ESC },	     { "INS", KEY_INSERT },
	{ "META", KEY_LEFTMETA },    { "PGDN", KEY_PAGEDOWN },
	{ "PGUP", KEY_PAGEUP },	     { "RETURN", KEY_ENTER },
	{ "SHIFT", KEY_LEFTSHIFT },  { "SUPER", KEY_LEFTMETA },
	{ "WIN", KEY_LEFTMETA },
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static uint32_t find(const struct key *list, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (strcasecmp(list[i].name, name) == 0) {
			return list[i].code;
		}
	}
	return 0;
}

uint32_t key_code(const char *word)
{
	const char *name = word;
	uint64_t number;
	uint32_t code;

	/* 0 to 9 are keys; their codes have two digits */
	if (word[0] != '\0' && word[1] != '\0' &&
	    parse_number(word, KEY_MAX, &number)) {
		return (uint32_t)number;
	}
	if (strncasecmp(word, PREFIX, strlen(PREFIX)) == 0) {
		name += strlen(PREFIX);
	}
	code = find(keys, COUNT(keys), name);
	return code != 0 ? code : find(others, COUNT(others), name);
}

void key_names(void (*found)(void *arg, const char *name), void *arg)
{
	for (size_t i = 0; i < COUNT(keys); i++) {
		found(arg, keys[i].name);
	}
	for (size_t i = 0; i < COUNT(others); i++) {
		found(arg, others[i].name);
	}
}
