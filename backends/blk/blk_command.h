/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a chain of a request queue to what is to be done (virtio 1.2, 5.2.6):
 * the only code that looks at request headers.  It copies each once, assumes
 * nothing about how a request is cut into descriptors, and holds every sector
 * and length against the disk.
 *
 *   readable: header (16 bytes) | data to write, or the range to discard
 *   writable: data read | status (the last byte)
 */
#ifndef ZV_BACKENDS_BLK_BLK_COMMAND_H
#define ZV_BACKENDS_BLK_BLK_COMMAND_H

#include "blk/blk_store.h"
#include "core/vq.h"

/* Request types (5.2.6). */
#define VIRTIO_BLK_T_IN 0u
#define VIRTIO_BLK_T_OUT 1u
#define VIRTIO_BLK_T_FLUSH 4u
#define VIRTIO_BLK_T_GET_ID 8u
#define VIRTIO_BLK_T_DISCARD 11u
#define VIRTIO_BLK_T_WRITE_ZEROES 13u

#define VIRTIO_BLK_S_OK 0u
#define VIRTIO_BLK_S_IOERR 1u
#define VIRTIO_BLK_S_UNSUPP 2u

#define VIRTIO_BLK_RANGE_UNMAP 1u /* of discard and write zeroes */

#define VIRTIO_BLK_ID_LEN 20u /* of the serial number; no NUL needed */

/* One range per request, of 1 GiB at most: told in the config space. */
#define BLK_RANGE_SECTORS_MAX (1u << 21)

struct blk_disk {
	uint64_t sectors;
	uint32_t block_size;
	bool readonly;
	bool flush;
	bool discard;
	bool write_zeroes;
	bool unmap;
};

enum blk_action {
	BLK_ANSWER, /* nothing to do but to answer */
	BLK_IDENTIFY, /* fill iov with the serial number */
	BLK_STORE, /* request is for the store */
};

struct blk_command {
	enum blk_action action;
	uint8_t *status; /* where it goes, in guest memory */
	uint8_t answer; /* BLK_ANSWER */
	uint32_t iov_len; /* bytes */
	/* op, flags, offset, length, iov, iov_count */
	struct blk_request request;
};

/*
 * iov is filled and becomes request.iov.  0, or -EPROTO if there is no room
 * for a header or a status.
 */
int blk_command_parse(struct guest_mem *gm, const struct vq_chain *chain,
		      const struct blk_disk *disk,
		      struct iovec iov[VQ_SEGS_MAX], struct blk_command *ret);

#endif /* ZV_BACKENDS_BLK_BLK_COMMAND_H */
