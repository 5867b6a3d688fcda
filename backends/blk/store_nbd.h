/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A disk of an NBD server, over a socket that somebody has connected.
 *
 * The handshake is done by opening and needs everything that loading a library
 * does; later only recvfrom, sendto, futex and the allocator's calls are made
 * (and close at the end), so open stores before the process locks itself up.
 *
 * libnbd takes flat buffers: each element of a request is a command of its own,
 * into and out of the guest's memory, and a request is done when the last of
 * them is.  Only where an element ends within a block do bytes go through one of
 * a few buffers.  What the server sends is taken apart by libnbd, in its
 * simplest form (no structured replies, no TLS).
 *
 * When the server goes, or says what makes no sense, the store is dead: what is
 * outstanding and all that is submitted later fails with -EIO.  There is no
 * connecting again, for a process in a sandbox can make no socket, and no time
 * limit on answers: a server that is silent is waited for.
 */
#ifndef ZV_BACKENDS_BLK_STORE_NBD_H
#define ZV_BACKENDS_BLK_STORE_NBD_H

#include "blk/blk_store.h"
#include "core/event.h"

#define STORE_NBD_DEPTH 64u
#define STORE_NBD_DEPTH_MAX 1024u
#define STORE_NBD_HANDSHAKE_MS 10000u

struct store_nbd_config {
	const char *export_name; /* NULL: "", the server's default */
	uint32_t depth; /* commands under way at once; 0: as above */
	uint32_t block_size; /* what the guest addresses; 0: 512, or the
				server's own */
	uint32_t handshake_ms; /* for all of it; 0: as above */
	bool readonly; /* even if the server lets us write */
	bool discard; /* let the guest give space back */
	/* NULL, or called once from the loop when the store is dead. */
	void (*on_lost)(void *owner);
	void *owner;
};

/*
 * fd: a connected stream socket on which nothing was said.  The caller keeps it
 * and may close it at once; it becomes non-blocking.  Blocks for the handshake.
 *
 * 0; -ELIBACC: libnbd is not installed; -ENOENT: the server has no such export;
 * -EROFS: it may not be written, and config does not say readonly; -EINVAL:
 * block_size is no power of two from 512 to 64K, or too small for the server;
 * -ETIMEDOUT: the handshake took too long; -EPROTO: it is not an NBD server, too
 * old, not sane, or it ended the handshake; or what else failed.
 */
int store_nbd_open(struct event_loop *loop, int fd,
		   const struct store_nbd_config *config,
		   struct blk_store **ret);

/*
 * What such an error means, and what to do about it; NULL: what errno(3) says.
 */
const char *store_nbd_explain(int error, const char **ret_hint);

#endif /* ZV_BACKENDS_BLK_STORE_NBD_H */
