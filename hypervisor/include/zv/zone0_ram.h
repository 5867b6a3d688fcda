/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef ZV_ZONE0_RAM_H
#define ZV_ZONE0_RAM_H

#include <zv/mem_range.h>

/*
 * Takes `size` bytes (a multiple of 2 MiB) for zone0 out of `free` and puts them
 * into `ret`.  One range if it can be had: below 4 GiB if possible (devices with
 * 32-bit DMA), on 1 GiB boundaries if possible (big blocks), as high as
 * possible, so that the low memory that loaders like stays together.  Else
 * several, the largest free ranges first.  -ENOMEM leaves both untouched.
 */
int zone0_ram_choose(struct range_list *free, u64 size, struct range_list *ret);

#endif /* ZV_ZONE0_RAM_H */
