/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A store that was there and is not now: each request fails with -EIO.  It
 * stands in for one that cannot be had when the process starts, so that a guest
 * that knows the disk already, and all its other devices, need not wait.
 */
#ifndef ZV_BACKENDS_BLK_STORE_LOST_H
#define ZV_BACKENDS_BLK_STORE_LOST_H

#include "blk/blk_store.h"

/*
 * With what the guest was told of the disk.  0, -EINVAL if no disk could be like
 * that, or -ENOMEM.
 */
int store_lost_open(const struct blk_store_caps *caps, struct blk_store **ret);

#endif /* ZV_BACKENDS_BLK_STORE_LOST_H */
