/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/log_ring.h"

#include <string.h>

void log_ring_init(struct log_ring *ring, uint64_t *tail, void *data,
		   size_t size)
{
	*ring = (struct log_ring){ tail, data, size };
}

uint64_t log_ring_tail(const struct log_ring *ring)
{
	return *ring->tail;
}

uint64_t log_ring_first(const struct log_ring *ring)
{
	uint64_t tail = *ring->tail;
	uint64_t keep = ring->size - LOG_RING_PIECE;

	return tail > keep ? tail - keep : 0;
}

size_t log_ring_append_piece(struct log_ring *ring, const void *src, size_t len)
{
	uint64_t tail = *ring->tail;
	size_t at = (size_t)(tail % ring->size);
	size_t n = len < LOG_RING_PIECE ? len : LOG_RING_PIECE;
	size_t run = n < ring->size - at ? n : ring->size - at;

	memcpy(ring->data + at, src, run);
	memcpy(ring->data, (const uint8_t *)src + run, n - run);
	__atomic_store_n(ring->tail, tail + n, __ATOMIC_RELEASE);
	return n;
}

void log_ring_append(struct log_ring *ring, const void *src, size_t len)
{
	const uint8_t *at = src;

	while (len != 0) {
		size_t n = log_ring_append_piece(ring, at, len);

		at += n;
		len -= n;
	}
}

size_t log_ring_peek(const struct log_ring *ring, uint64_t pos,
		     const uint8_t **ret)
{
	size_t at = (size_t)(pos % ring->size);
	uint64_t left = *ring->tail - pos;
	size_t run = ring->size - at;

	*ret = ring->data + at;
	return left < run ? (size_t)left : run;
}
