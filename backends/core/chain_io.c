/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/chain_io.h"

#include <string.h>

void chain_reader(struct chain_io *io, struct guest_mem *gm,
		  const struct vq_chain *chain)
{
	*io = (struct chain_io){ gm, chain->seg, chain->readable, 0 };
}

void chain_writer(struct chain_io *io, struct guest_mem *gm,
		  const struct vq_chain *chain)
{
	*io = (struct chain_io){ gm, chain->seg + chain->readable,
				 chain->writable, 0 };
}

/* At most len bytes in one piece; *ret_len is 0 at the end. */
static uint8_t *next(struct chain_io *io, size_t len, size_t *ret_len)
{
	while (io->count != 0 && io->done == io->seg->len) {
		io->seg++;
		io->count--;
		io->done = 0;
	}
	if (io->count == 0) {
		*ret_len = 0;
		return NULL;
	}
	*ret_len = io->seg->len - io->done;
	if (*ret_len > len) {
		*ret_len = len;
	}
	io->done += (uint32_t)*ret_len;
	return io->seg->base + io->done - *ret_len;
}

bool chain_read(struct chain_io *io, void *ret, size_t len)
{
	uint8_t *to = ret;

	while (len != 0) {
		size_t n;
		const uint8_t *from = next(io, len, &n);

		if (n == 0) {
			return false;
		}
		guest_mem_copy(io->gm, to, from, n);
		to += n;
		len -= n;
	}
	return true;
}

bool chain_write(struct chain_io *io, const void *src, size_t len)
{
	const uint8_t *from = src;

	while (len != 0) {
		size_t n;
		uint8_t *to = next(io, len, &n);

		if (n == 0) {
			return false;
		}
		memcpy(to, from, n);
		from += n;
		len -= n;
	}
	return true;
}
