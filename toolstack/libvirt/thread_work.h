/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Work that waits for disks, on the four threads of libuv's pool.  Those who have a
 * share have at most so many of them at a time: the rest of their work waits here, in
 * order, but who has none of them goes before who has one.
 */
#ifndef ZV_TOOLSTACK_LIBVIRT_THREAD_WORK_H
#define ZV_TOOLSTACK_LIBVIRT_THREAD_WORK_H

#include <stdbool.h>
#include <uv.h>

#define THREAD_SHARE_MAX 4u

struct thread_work;

struct thread_share {
	unsigned int max; /* THREAD_SHARE_MAX at most */
	struct thread_work *running[THREAD_SHARE_MAX]; /* NULL: none */
	struct thread_work *first; /* of those that wait */
	struct thread_work **end;
};

struct thread_work {
	uv_work_t work;
	struct thread_share *share; /* NULL: all threads are its */
	const void *user; /* whose it is: to be compared only */
	struct thread_work *next;
	struct thread_work **link; /* NULL: does not wait for its share */
	void (*run)(struct thread_work *work); /* on a thread */
	/* In the loop, when it has run, or has been given up. */
	void (*done)(struct thread_work *work);
};

void thread_share_init(struct thread_share *share, unsigned int max);

/* run, done and user are set; done comes later than this returns. */
void thread_work_begin(struct thread_work *work, uv_loop_t *loop,
		       struct thread_share *share);

/*
 * Gives up what no thread has begun: done comes soon, or within this function.
 * Nothing happens to what runs.
 */
void thread_work_cancel(struct thread_work *work);

#endif /* ZV_TOOLSTACK_LIBVIRT_THREAD_WORK_H */
