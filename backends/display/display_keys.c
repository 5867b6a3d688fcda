/* SPDX-License-Identifier: BSD-2-Clause */
#include "display/display_keys.h"

#include <linux/input-event-codes.h>
#include <rfb/keysym.h>
#include <stdbool.h>
#include <stddef.h>

struct key {
	uint32_t from;
	uint16_t code;
};

static uint16_t find(const struct key *keys, size_t count, uint32_t from)
{
	for (size_t i = 0; i < count; i++) {
		if (keys[i].from == from) {
			return keys[i].code;
		}
	}
	return 0;
}

#define FIND(keys, from) find(keys, sizeof(keys) / sizeof((keys)[0]), from)

/* Of XF86keysym.h, which needs X. */
#define AUDIO_LOWER 0x1008ff11u
#define AUDIO_MUTE 0x1008ff12u
#define AUDIO_RAISE 0x1008ff13u
#define AUDIO_PLAY 0x1008ff14u
#define AUDIO_STOP 0x1008ff15u
#define AUDIO_PREVIOUS 0x1008ff16u
#define AUDIO_NEXT 0x1008ff17u
/* Of keysymdef.h, which rfb/keysym.h has not. */
#define LEVEL3_SHIFT 0xfe03u
#define LEFT_TAB 0xfe20u

/* In the order of ASCII, from the space on. */
static const uint8_t ascii[] = {
	KEY_SPACE,     KEY_1,	       KEY_APOSTROPHE, KEY_3,
	KEY_4,	       KEY_5,	       KEY_7,	       KEY_APOSTROPHE,
	KEY_9,	       KEY_0,	       KEY_8,	       KEY_EQUAL,
	KEY_COMMA,     KEY_MINUS,      KEY_DOT,	       KEY_SLASH,
	KEY_0,	       KEY_1,	       KEY_2,	       KEY_3,
	KEY_4,	       KEY_5,	       KEY_6,	       KEY_7,
	KEY_8,	       KEY_9,	       KEY_SEMICOLON,  KEY_SEMICOLON,
	KEY_COMMA,     KEY_EQUAL,      KEY_DOT,	       KEY_SLASH,
	KEY_2,	       KEY_A,	       KEY_B,	       KEY_C,
	KEY_D,	       KEY_E,	       KEY_F,	       KEY_G,
	KEY_H,	       KEY_I,	       KEY_J,	       KEY_K,
	KEY_L,	       KEY_M,	       KEY_N,	       KEY_O,
	KEY_P,	       KEY_Q,	       KEY_R,	       KEY_S,
	KEY_T,	       KEY_U,	       KEY_V,	       KEY_W,
	KEY_X,	       KEY_Y,	       KEY_Z,	       KEY_LEFTBRACE,
	KEY_BACKSLASH, KEY_RIGHTBRACE, KEY_6,	       KEY_MINUS,
	KEY_GRAVE,     KEY_A,	       KEY_B,	       KEY_C,
	KEY_D,	       KEY_E,	       KEY_F,	       KEY_G,
	KEY_H,	       KEY_I,	       KEY_J,	       KEY_K,
	KEY_L,	       KEY_M,	       KEY_N,	       KEY_O,
	KEY_P,	       KEY_Q,	       KEY_R,	       KEY_S,
	KEY_T,	       KEY_U,	       KEY_V,	       KEY_W,
	KEY_X,	       KEY_Y,	       KEY_Z,	       KEY_LEFTBRACE,
	KEY_BACKSLASH, KEY_RIGHTBRACE, KEY_GRAVE,
};

_Static_assert(sizeof(ascii) == '~' - ' ' + 1, "ASCII");

static const struct key symbols[] = {
	{ XK_BackSpace, KEY_BACKSPACE },
	{ XK_Tab, KEY_TAB },
	{ LEFT_TAB, KEY_TAB },
	{ XK_Linefeed, KEY_LINEFEED },
	{ XK_Return, KEY_ENTER },
	{ XK_Pause, KEY_PAUSE },
	{ XK_Break, KEY_PAUSE },
	{ XK_Scroll_Lock, KEY_SCROLLLOCK },
	{ XK_Sys_Req, KEY_SYSRQ },
	{ XK_Print, KEY_SYSRQ },
	{ XK_Escape, KEY_ESC },
	{ XK_Delete, KEY_DELETE },
	{ XK_Home, KEY_HOME },
	{ XK_Left, KEY_LEFT },
	{ XK_Up, KEY_UP },
	{ XK_Right, KEY_RIGHT },
	{ XK_Down, KEY_DOWN },
	{ XK_Page_Up, KEY_PAGEUP },
	{ XK_Page_Down, KEY_PAGEDOWN },
	{ XK_End, KEY_END },
	{ XK_Insert, KEY_INSERT },
	{ XK_Menu, KEY_COMPOSE },
	{ XK_Help, KEY_HELP },
	{ XK_Num_Lock, KEY_NUMLOCK },
	{ XK_KP_Enter, KEY_KPENTER },
	{ XK_KP_Home, KEY_KP7 },
	{ XK_KP_Left, KEY_KP4 },
	{ XK_KP_Up, KEY_KP8 },
	{ XK_KP_Right, KEY_KP6 },
	{ XK_KP_Down, KEY_KP2 },
	{ XK_KP_Page_Up, KEY_KP9 },
	{ XK_KP_Page_Down, KEY_KP3 },
	{ XK_KP_End, KEY_KP1 },
	{ XK_KP_Begin, KEY_KP5 },
	{ XK_KP_Insert, KEY_KP0 },
	{ XK_KP_Delete, KEY_KPDOT },
	{ XK_KP_Equal, KEY_KPEQUAL },
	{ XK_KP_Multiply, KEY_KPASTERISK },
	{ XK_KP_Add, KEY_KPPLUS },
	{ XK_KP_Separator, KEY_KPCOMMA },
	{ XK_KP_Subtract, KEY_KPMINUS },
	{ XK_KP_Decimal, KEY_KPDOT },
	{ XK_KP_Divide, KEY_KPSLASH },
	{ XK_KP_0, KEY_KP0 },
	{ XK_KP_1, KEY_KP1 },
	{ XK_KP_2, KEY_KP2 },
	{ XK_KP_3, KEY_KP3 },
	{ XK_KP_4, KEY_KP4 },
	{ XK_KP_5, KEY_KP5 },
	{ XK_KP_6, KEY_KP6 },
	{ XK_KP_7, KEY_KP7 },
	{ XK_KP_8, KEY_KP8 },
	{ XK_KP_9, KEY_KP9 },
	{ XK_F1, KEY_F1 },
	{ XK_F2, KEY_F2 },
	{ XK_F3, KEY_F3 },
	{ XK_F4, KEY_F4 },
	{ XK_F5, KEY_F5 },
	{ XK_F6, KEY_F6 },
	{ XK_F7, KEY_F7 },
	{ XK_F8, KEY_F8 },
	{ XK_F9, KEY_F9 },
	{ XK_F10, KEY_F10 },
	{ XK_F11, KEY_F11 },
	{ XK_F12, KEY_F12 },
	{ XK_Shift_L, KEY_LEFTSHIFT },
	{ XK_Shift_R, KEY_RIGHTSHIFT },
	{ XK_Control_L, KEY_LEFTCTRL },
	{ XK_Control_R, KEY_RIGHTCTRL },
	{ XK_Caps_Lock, KEY_CAPSLOCK },
	{ XK_Meta_L, KEY_LEFTALT },
	{ XK_Meta_R, KEY_RIGHTALT },
	{ XK_Alt_L, KEY_LEFTALT },
	{ XK_Alt_R, KEY_RIGHTALT },
	{ LEVEL3_SHIFT, KEY_RIGHTALT },
	{ XK_Mode_switch, KEY_RIGHTALT },
	{ XK_Super_L, KEY_LEFTMETA },
	{ XK_Super_R, KEY_RIGHTMETA },
	{ AUDIO_LOWER, KEY_VOLUMEDOWN },
	{ AUDIO_MUTE, KEY_MUTE },
	{ AUDIO_RAISE, KEY_VOLUMEUP },
	{ AUDIO_PLAY, KEY_PLAYPAUSE },
	{ AUDIO_STOP, KEY_STOPCD },
	{ AUDIO_PREVIOUS, KEY_PREVIOUSSONG },
	{ AUDIO_NEXT, KEY_NEXTSONG },
};

uint16_t display_key_of_symbol(uint32_t symbol)
{
	return symbol >= ' ' && symbol <= '~' ? ascii[symbol - ' ']
					      : FIND(symbols, symbol);
}

/* Those that Linux did not give the same number, which are few without E0. */
#define E0 0x80u
static const struct key scan_codes[] = {
	{ 0x54, KEY_SYSRQ },
	{ 0x59, KEY_KPEQUAL },
	{ 0x5c, KEY_KPJPCOMMA },
	{ 0x5d, KEY_F13 },
	{ 0x5e, KEY_F14 },
	{ 0x5f, KEY_F15 },
	{ 0x70, KEY_KATAKANAHIRAGANA },
	{ 0x73, KEY_RO },
	{ 0x77, KEY_HIRAGANA },
	{ 0x78, KEY_KATAKANA },
	{ 0x79, KEY_HENKAN },
	{ 0x7b, KEY_MUHENKAN },
	{ 0x7d, KEY_YEN },
	{ 0x7e, KEY_KPCOMMA },
	{ E0 | 0x10, KEY_PREVIOUSSONG },
	{ E0 | 0x19, KEY_NEXTSONG },
	{ E0 | 0x1c, KEY_KPENTER },
	{ E0 | 0x1d, KEY_RIGHTCTRL },
	{ E0 | 0x20, KEY_MUTE },
	{ E0 | 0x21, KEY_CALC },
	{ E0 | 0x22, KEY_PLAYPAUSE },
	{ E0 | 0x24, KEY_STOPCD },
	{ E0 | 0x2e, KEY_VOLUMEDOWN },
	{ E0 | 0x30, KEY_VOLUMEUP },
	{ E0 | 0x32, KEY_HOMEPAGE },
	{ E0 | 0x35, KEY_KPSLASH },
	{ E0 | 0x37, KEY_SYSRQ },
	{ E0 | 0x38, KEY_RIGHTALT },
	{ E0 | 0x46, KEY_PAUSE },
	{ E0 | 0x47, KEY_HOME },
	{ E0 | 0x48, KEY_UP },
	{ E0 | 0x49, KEY_PAGEUP },
	{ E0 | 0x4b, KEY_LEFT },
	{ E0 | 0x4d, KEY_RIGHT },
	{ E0 | 0x4f, KEY_END },
	{ E0 | 0x50, KEY_DOWN },
	{ E0 | 0x51, KEY_PAGEDOWN },
	{ E0 | 0x52, KEY_INSERT },
	{ E0 | 0x53, KEY_DELETE },
	{ E0 | 0x5b, KEY_LEFTMETA },
	{ E0 | 0x5c, KEY_RIGHTMETA },
	{ E0 | 0x5d, KEY_COMPOSE },
	{ E0 | 0x5e, KEY_POWER },
	{ E0 | 0x5f, KEY_SLEEP },
	{ E0 | 0x63, KEY_WAKEUP },
	{ E0 | 0x65, KEY_SEARCH },
	{ E0 | 0x67, KEY_REFRESH },
	{ E0 | 0x69, KEY_FORWARD },
	{ E0 | 0x6a, KEY_BACK },
	{ E0 | 0x6c, KEY_MAIL },
};

uint16_t display_key_of_scan_code(uint32_t scan_code)
{
	bool same = (scan_code >= KEY_ESC && scan_code <= KEY_KPDOT) ||
		    (scan_code >= KEY_102ND && scan_code <= KEY_F12);

	return same ? (uint16_t)scan_code : FIND(scan_codes, scan_code);
}
