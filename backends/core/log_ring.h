/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The last bytes of an endless stream.  A position counts bytes ever written;
 * tail is the position after the last one, and the only word that changes, so
 * a writer that dies leaves a whole log behind.
 *
 * Bytes are written in pieces of at most LOG_RING_PIECE, each made visible by
 * one store of tail.  Room for a piece is kept free after the tail: what a
 * killed writer was about to add overwrites nothing that can be read.
 */
#ifndef ZV_BACKENDS_CORE_LOG_RING_H
#define ZV_BACKENDS_CORE_LOG_RING_H

#include <stddef.h>
#include <stdint.h>

#define LOG_RING_PIECE 4096u

struct log_ring {
	uint64_t *tail;
	uint8_t *data;
	size_t size;
};

/* size > 2 * LOG_RING_PIECE; tail and data are shared memory. */
void log_ring_init(struct log_ring *ring, uint64_t *tail, void *data,
		   size_t size);

uint64_t log_ring_tail(const struct log_ring *ring);
uint64_t log_ring_first(const struct log_ring *ring);
/* The piece of at most LOG_RING_PIECE bytes that src starts with; its length */
size_t log_ring_append_piece(struct log_ring *ring, const void *src,
			     size_t len);
void log_ring_append(struct log_ring *ring, const void *src, size_t len);

/*
 * The bytes from pos on that lie in one piece in memory: *ret and their count,
 * 0 at the tail.  pos must be in [first, tail].  Valid until the next append.
 */
size_t log_ring_peek(const struct log_ring *ring, uint64_t pos,
		     const uint8_t **ret);

#endif /* ZV_BACKENDS_CORE_LOG_RING_H */
