/* SPDX-License-Identifier: BSD-2-Clause */
/* Between frame.c and page_alloc.c. */
#ifndef ZV_CORE_PAGE_POOL_H
#define ZV_CORE_PAGE_POOL_H

#include <zv/types.h>

#define FRAME_ORDER_NONE 0xffu /* frame.order: not the head of a free block */

/* All frames are FRAME_NONE, nothing is free. */
void page_pool_init(u64 pages_ram);

#endif /* ZV_CORE_PAGE_POOL_H */
