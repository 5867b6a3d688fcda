/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A store that keeps nothing and completes at once: what a disk costs without
 * the disk.  What is read is whatever the buffer held.
 */
#ifndef ZV_BACKENDS_BLK_STORE_NULL_H
#define ZV_BACKENDS_BLK_STORE_NULL_H

#include "blk/blk_store.h"

/* 0 or -ENOMEM.  size: whole sectors. */
int store_null_open(uint64_t size, struct blk_store **ret);

#endif /* ZV_BACKENDS_BLK_STORE_NULL_H */
