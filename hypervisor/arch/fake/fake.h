/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the files of the fake architecture. */
#ifndef ZV_ARCH_FAKE_H
#define ZV_ARCH_FAKE_H

#include <zv/types.h>

extern u64 fake_direct_map_offset;
extern u64 fake_ram_size;

#endif /* ZV_ARCH_FAKE_H */
