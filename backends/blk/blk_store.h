/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the bytes of a disk are: what a block device needs of them, and no
 * more.  A store knows no guest, no virtio and no queue.
 *
 * Who owns what: the submitter owns a struct blk_request and lends it, its
 * iovec array and its buffers to the store from submit() until done(), which is
 * called once for each request, in any order, perhaps inside submit().  A store
 * may change the array meanwhile; it is as it was when done() is called.
 *
 * Life: opened by the implementation's own function -> submit(), commit() any
 * number of times -> drain() -> close().  All on the loop's thread.
 */
#ifndef ZV_BACKENDS_BLK_BLK_STORE_H
#define ZV_BACKENDS_BLK_BLK_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "core/event.h"

#define BLK_SECTOR 512u

enum blk_op {
	BLK_READ,
	BLK_WRITE,
	BLK_FLUSH, /* what was written before becomes stable */
	BLK_DISCARD, /* the content is not needed; a hint */
	BLK_WRITE_ZEROES, /* reads as zeros from now on */
};

#define BLK_F_STABLE (1u << 0) /* BLK_WRITE...: stable when done */
#define BLK_F_UNMAP (1u << 1) /* BLK_WRITE_ZEROES: space may be given back */

struct blk_store;

struct blk_request {
	enum blk_op op;
	uint32_t flags;
	uint64_t offset; /* bytes; a multiple of the store's block size */
	uint64_t length; /* bytes, likewise; that of iov if there is one */
	struct iovec *iov; /* BLK_READ and BLK_WRITE only */
	uint32_t iov_count;
	/* error: 0 or -errno.  The request is the submitter's again. */
	void (*done)(struct blk_request *request, int error);

	/* The store's own from submit() to done(). */
	struct {
		struct blk_request *next;
		uint64_t moved; /* bytes done so far */
		uint32_t iov_at; /* first element that is not done */
		struct iovec iov_saved; /* iov[iov_at], unchanged */
		void *buffer;
		size_t iov_skip; /* bytes of iov[iov_at] that are done */
		uint32_t step; /* bytes asked for by the step at hand */
		uint32_t pending; /* steps under way */
		int error; /* the first */
		uint8_t how;
	} priv;
};

struct blk_store_caps {
	uint64_t size; /* bytes, whole blocks */
	uint32_t block_size; /* offsets and lengths are multiples; 512 .. 64K */
	uint32_t physical_size; /* a multiple of block_size; a hint */
	bool readonly;
	bool flush; /* false: there is nothing volatile */
	bool discard;
	bool write_zeroes;
	bool unmap; /* BLK_F_UNMAP has a meaning */
};

struct blk_store_ops {
	const char *name;
	/* Offset and length lie within the disk: the submitter checked. */
	void (*submit)(struct blk_store *store, struct blk_request *request);
	/*
	 * No more requests for now: those submitted since the last time are
	 * to be started.  Without it they may wait for ever.
	 */
	void (*commit)(struct blk_store *store);
	/* Calls drained() once nothing is outstanding, perhaps at once. */
	void (*drain)(struct blk_store *store,
		      void (*drained)(struct blk_store *store));
	/*
	 * Frees the store.  Requests still outstanding are abandoned: done() is
	 * not called, and their buffers must stay mapped to the end of the
	 * process, because the kernel may yet use them.  Not to be called by
	 * done() and completed(), but drained() may.
	 */
	void (*close)(struct blk_store *store);
};

struct blk_store {
	const struct blk_store_ops *ops;
	struct blk_store_caps caps; /* constant */
	/*
	 * Set by the user of the store, or NULL: called after the last of a
	 * batch of done(), but not for those inside submit().
	 */
	void (*completed)(struct blk_store *store);
	void *user;
};

#endif /* ZV_BACKENDS_BLK_BLK_STORE_H */
