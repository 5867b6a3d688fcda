/* SPDX-License-Identifier: BSD-2-Clause */
/* Keys in the words of several keyboards, as codes of Linux's input events. */
#ifndef ZV_TOOLSTACK_LIBVIRT_KEY_CODE_H
#define ZV_TOOLSTACK_LIBVIRT_KEY_CODE_H

#include <stdbool.h>
#include <stdint.h>

/* set: virKeycodeSet */
bool key_code_set_is_known(uint32_t set);
/* KEY_...; -1: there is no such key. */
int key_code_of(uint32_t set, uint32_t code);

#endif /* ZV_TOOLSTACK_LIBVIRT_KEY_CODE_H */
