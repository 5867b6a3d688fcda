/* SPDX-License-Identifier: BSD-2-Clause */
#include "net/net_window.h"

#include <errno.h>
#include <string.h>

void net_window_put_back(struct net_window *window, struct vq *vq)
{
	for (; window->count != 0; window->count--) {
		vq_unpop(vq);
	}
	window->segs = 0;
	window->len = 0;
}

bool net_window_full(const struct net_window *window, const struct vq *vq)
{
	/* Room for any chain, so that none has to be put back. */
	return window->segs + VQ_SEGS_MAX > NET_WINDOW_SEGS ||
	       window->count >= vq->at.size;
}

static void add_chain(struct net_window *window, const struct vq_chain *chain)
{
	for (uint32_t i = 0; i < chain->writable; i++) {
		const struct vq_seg *seg = &chain->seg[chain->readable + i];

		window->seg[window->segs++] =
			(struct iovec){ seg->base, seg->len };
	}
	window->len += chain->writable_len;
	window->buffer[window->count++] = (struct net_buffer){
		.head = chain->head,
		.segs = chain->writable,
		.len = chain->writable_len,
	};
}

int net_window_fill(struct net_window *window, struct vq *vq,
		    struct vq_chain *scratch, uint64_t want)
{
	while (window->len < want && !net_window_full(window, vq)) {
		int rc = vq_pop(vq, scratch);

		if (rc <= 0) {
			return rc;
		}
		if (scratch->writable == 0) {
			return -EPROTO;
		}
		add_chain(window, scratch);
	}
	return 0;
}

void net_window_write(const struct net_window *window, uint64_t offset,
		      const void *src, size_t len)
{
	const uint8_t *from = src;

	for (uint32_t i = 0; i < window->segs && len != 0; i++) {
		const struct iovec *seg = &window->seg[i];
		size_t n;

		if (offset >= seg->iov_len) {
			offset -= seg->iov_len;
			continue;
		}
		n = seg->iov_len - offset < len ? seg->iov_len - offset : len;
		memcpy((uint8_t *)seg->iov_base + offset, from, n);
		from += n;
		len -= n;
		offset = 0;
	}
}

int net_window_part(const struct net_window *window, uint64_t from, uint64_t to,
		    struct iovec *ret)
{
	uint64_t at = 0;
	int count = 0;

	for (uint32_t i = 0; i < window->segs && at < to; i++) {
		const struct iovec *seg = &window->seg[i];
		uint64_t start = from > at ? from - at : 0;
		uint64_t end = to - at < seg->iov_len ? to - at : seg->iov_len;

		if (start < end) {
			ret[count++] = (struct iovec){
				(uint8_t *)seg->iov_base + start,
				end - start,
			};
		}
		at += seg->iov_len;
	}
	return count;
}

uint32_t net_window_span(const struct net_window *window, uint64_t len)
{
	uint32_t count = 0;

	for (uint64_t held = 0; held < len && count < window->count; count++) {
		held += window->buffer[count].len;
	}
	return count;
}

static void drop_front(struct net_window *window, uint32_t count)
{
	uint32_t segs = 0;

	for (uint32_t i = 0; i < count; i++) {
		segs += window->buffer[i].segs;
		window->len -= window->buffer[i].len;
	}
	window->count -= count;
	window->segs -= segs;
	memmove(window->buffer, window->buffer + count,
		sizeof(window->buffer[0]) * window->count);
	memmove(window->seg, window->seg + segs,
		sizeof(window->seg[0]) * window->segs);
}

int net_window_give(struct net_window *window, struct vq *vq, uint64_t len)
{
	uint32_t count = net_window_span(window, len);
	struct vq_used used[VQ_SIZE_MAX];

	for (uint32_t i = 0; i < count; i++) {
		const struct net_buffer *buffer = &window->buffer[i];
		uint32_t n = len < buffer->len ? (uint32_t)len : buffer->len;

		used[i] = (struct vq_used){ buffer->head, n };
		len -= n;
	}
	drop_front(window, count);
	return vq_push_all(vq, used, count);
}
