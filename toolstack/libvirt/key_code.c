/* SPDX-License-Identifier: BSD-2-Clause */
#include "key_code.h"

#include <libvirt/libvirt.h>
#include <linux/input-event-codes.h>
#include <stddef.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Page 0x07 of the USB HID usage tables, from 0x04 on. */
#define USB_FIRST 0x04u
static const uint8_t usb_keys[] = {
	/* 0x04: letters */
	KEY_A, KEY_B, KEY_C, KEY_D, KEY_E, KEY_F, KEY_G, KEY_H, KEY_I, KEY_J,
	KEY_K, KEY_L, KEY_M, KEY_N, KEY_O, KEY_P, KEY_Q, KEY_R, KEY_S, KEY_T,
	KEY_U, KEY_V, KEY_W, KEY_X, KEY_Y, KEY_Z,
	/* 0x1e: digits */
	KEY_1, KEY_2, KEY_3, KEY_4, KEY_5, KEY_6, KEY_7, KEY_8, KEY_9, KEY_0,
	/* 0x28 */
	KEY_ENTER, KEY_ESC, KEY_BACKSPACE, KEY_TAB, KEY_SPACE, KEY_MINUS,
	KEY_EQUAL, KEY_LEFTBRACE, KEY_RIGHTBRACE, KEY_BACKSLASH,
	KEY_BACKSLASH, /* where the layout has it by Enter */
	KEY_SEMICOLON, KEY_APOSTROPHE, KEY_GRAVE, KEY_COMMA, KEY_DOT, KEY_SLASH,
	KEY_CAPSLOCK,
	/* 0x3a */
	KEY_F1, KEY_F2, KEY_F3, KEY_F4, KEY_F5, KEY_F6, KEY_F7, KEY_F8, KEY_F9,
	KEY_F10, KEY_F11, KEY_F12,
	/* 0x46 */
	KEY_SYSRQ, KEY_SCROLLLOCK, KEY_PAUSE, KEY_INSERT, KEY_HOME, KEY_PAGEUP,
	KEY_DELETE, KEY_END, KEY_PAGEDOWN, KEY_RIGHT, KEY_LEFT, KEY_DOWN,
	KEY_UP,
	/* 0x53: the keypad */
	KEY_NUMLOCK, KEY_KPSLASH, KEY_KPASTERISK, KEY_KPMINUS, KEY_KPPLUS,
	KEY_KPENTER, KEY_KP1, KEY_KP2, KEY_KP3, KEY_KP4, KEY_KP5, KEY_KP6,
	KEY_KP7, KEY_KP8, KEY_KP9, KEY_KP0, KEY_KPDOT,
	/* 0x64 */
	KEY_102ND, KEY_COMPOSE, KEY_POWER, KEY_KPEQUAL,
	/* 0x68 */
	KEY_F13, KEY_F14, KEY_F15, KEY_F16, KEY_F17, KEY_F18, KEY_F19, KEY_F20,
	KEY_F21, KEY_F22, KEY_F23, KEY_F24
};

#define USB_MODIFIER 0xe0u
static const uint8_t usb_modifiers[] = {
	KEY_LEFTCTRL,  KEY_LEFTSHIFT,  KEY_LEFTALT,  KEY_LEFTMETA,
	KEY_RIGHTCTRL, KEY_RIGHTSHIFT, KEY_RIGHTALT, KEY_RIGHTMETA,
};

bool key_code_set_is_known(uint32_t set)
{
	switch (set) {
	case VIR_KEYCODE_SET_LINUX:
	case VIR_KEYCODE_SET_USB:
	case VIR_KEYCODE_SET_XT:
	case VIR_KEYCODE_SET_ATSET1:
	case VIR_KEYCODE_SET_QNUM:
		return true;
	default:
		return false;
	}
}

static int usb_key(uint32_t code)
{
	if (code >= USB_MODIFIER &&
	    code - USB_MODIFIER < COUNT(usb_modifiers)) {
		return usb_modifiers[code - USB_MODIFIER];
	}
	return code >= USB_FIRST && code - USB_FIRST < COUNT(usb_keys)
		       ? usb_keys[code - USB_FIRST]
		       : -1;
}

/*
 * Linux took its codes from the first keyboards of PCs: these are the same as far
 * as they are one byte without a prefix.
 */
static int pc_key(uint32_t code)
{
	bool is_key = (code >= KEY_ESC && code <= KEY_KPDOT) ||
		      (code >= KEY_102ND && code <= KEY_F12);

	return is_key ? (int)code : -1;
}

int key_code_of(uint32_t set, uint32_t code)
{
	switch (set) {
	case VIR_KEYCODE_SET_LINUX:
		return code > KEY_RESERVED && code < KEY_MAX ? (int)code : -1;
	case VIR_KEYCODE_SET_USB:
		return usb_key(code);
	default:
		return key_code_set_is_known(set) ? pc_key(code) : -1;
	}
}
