/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A chain read or written from its beginning to its end, as the stream of bytes
 * that it is, whatever the descriptors it is cut into.
 */
#ifndef ZV_BACKENDS_CORE_CHAIN_IO_H
#define ZV_BACKENDS_CORE_CHAIN_IO_H

#include <stdbool.h>
#include <stddef.h>

#include "core/guest_mem.h"
#include "core/vq.h"

struct chain_io {
	struct guest_mem *gm;
	const struct vq_seg *seg;
	uint32_t count; /* of segments that are left, with the current one */
	uint32_t done; /* bytes of the current one */
};

/* The part that the device may read; the part that it may write. */
void chain_reader(struct chain_io *io, struct guest_mem *gm,
		  const struct vq_chain *chain);
void chain_writer(struct chain_io *io, struct guest_mem *gm,
		  const struct vq_chain *chain);

/* The next len bytes; false: there are not as many. */
bool chain_read(struct chain_io *io, void *ret, size_t len);
bool chain_write(struct chain_io *io, const void *src, size_t len);

#endif /* ZV_BACKENDS_CORE_CHAIN_IO_H */
