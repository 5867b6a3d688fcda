/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A raw file or block device, by io_uring.
 *
 * One ring per store.  What is submitted in one turn of the loop goes to the
 * kernel by one system call; completions are taken from the ring's memory when
 * its fd is readable.  Nothing blocks, nothing is allocated after open.
 *
 * seccomp does not see what a ring does, so the ring itself is restricted
 * before it is enabled: this one file, reads, writes, fsync and fallocate, and
 * no registration ever after.  Opening needs io_uring_setup, io_uring_register,
 * statx, fallocate and more; later only io_uring_enter is called (and munmap
 * and close at the end).  So open stores before the process locks itself up.
 *
 * Writes and syncs are done by threads of the kernel, which count as the user's:
 * under RLIMIT_NPROC 0 all of them fail with -ECANCELED.
 *
 * With O_DIRECT, guest buffers that the file cannot take as they are go through
 * a buffer of a small pool; such requests wait for each other, others do not.
 */
#ifndef ZV_BACKENDS_BLK_STORE_URING_H
#define ZV_BACKENDS_BLK_STORE_URING_H

#include "blk/blk_store.h"
#include "core/event.h"

#define STORE_URING_DEPTH 128u
#define STORE_URING_DEPTH_MAX 1024u

struct store_uring_config {
	uint32_t depth; /* requests in the kernel at once; 0: as above */
	uint32_t block_size; /* what the guest addresses; 0: 512, or a device's
				own */
	bool readonly; /* even if fd is open for writing */
	bool discard; /* let the guest give space back */
};

/*
 * fd: a regular file or a block device, open for reading or for both, with or
 * without O_DIRECT.  The caller keeps it and may close it at once.  The size is
 * what the file has now, in whole blocks.
 *
 * 0; -ENOTBLK: neither file nor device; -EACCES: open for writing only, or for
 * reading only but not readonly; -EINVAL: block_size is no power of two from
 * 512 to 64K, or too small for the device or for O_DIRECT on this file;
 * -EOPNOTSUPP: the kernel lacks what is needed; or what io_uring_setup() says
 * (-EPERM: not allowed here; -ENOMEM).
 */
int store_uring_open(struct event_loop *loop, int fd,
		     const struct store_uring_config *config,
		     struct blk_store **ret);

#endif /* ZV_BACKENDS_BLK_STORE_URING_H */
