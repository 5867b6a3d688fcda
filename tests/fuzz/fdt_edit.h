/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Structured changes to a device tree.  An input is a tree and, behind its
 * totalsize, a script of edits: so the fuzzer changes properties and nodes
 * rather than bytes of a format that rejects most changes at once.
 */
#ifndef ZV_FDT_EDIT_H
#define ZV_FDT_EDIT_H

#include <stddef.h>
#include <stdint.h>

/*
 * Copies the input's tree into a heap block of its own, edits it and packs it.
 * NULL if there is no tree; else the caller frees. *ret_size is the block's.
 */
void *fdt_edit(const uint8_t *data, size_t size, const char *const *names,
	       size_t name_count, size_t *ret_size);

#endif /* ZV_FDT_EDIT_H */
