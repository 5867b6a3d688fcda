/* SPDX-License-Identifier: BSD-2-Clause */
/* Keys of viewers, as codes of linux/input-event-codes.h; 0: none. */
#ifndef ZV_BACKENDS_DISPLAY_DISPLAY_KEYS_H
#define ZV_BACKENDS_DISPLAY_DISPLAY_KEYS_H

#include <stdint.h>

/*
 * The key that has that symbol (X11, RFC 6143 7.5.4) on a US keyboard, whether or
 * not with shift: the viewer tells of shift too.
 */
uint16_t display_key_of_symbol(uint32_t symbol);

/*
 * The key with that scan code of a PC/XT, bit 7 for those with the prefix E0:
 * where it is counts, not what is on it.
 */
uint16_t display_key_of_scan_code(uint32_t scan_code);

#endif /* ZV_BACKENDS_DISPLAY_DISPLAY_KEYS_H */
