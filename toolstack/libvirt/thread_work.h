/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Work that waits for disks, on the four threads of libuv's pool.  Who has a share
 * has at most so many of them at a time: the rest of its work waits here, in order.
 */
#ifndef ZV_TOOLSTACK_LIBVIRT_THREAD_WORK_H
#define ZV_TOOLSTACK_LIBVIRT_THREAD_WORK_H

#include <stdbool.h>
#include <uv.h>

struct thread_work;

struct thread_share {
	unsigned int max;
	unsigned int running;
	struct thread_work *first; /* of those that wait */
	struct thread_work **end;
};

struct thread_work {
	uv_work_t work;
	struct thread_share *share; /* NULL: all threads are its */
	struct thread_work *next;
	struct thread_work **link; /* NULL: does not wait for its share */
	void (*run)(struct thread_work *work); /* on a thread */
	/* In the loop, when it has run, or has been given up. */
	void (*done)(struct thread_work *work);
};

void thread_share_init(struct thread_share *share, unsigned int max);

/* run and done are set; done comes later than this returns. */
void thread_work_begin(struct thread_work *work, uv_loop_t *loop,
		       struct thread_share *share);

/*
 * Gives up what no thread has begun: done comes soon, or within this function.
 * Nothing happens to what runs.
 */
void thread_work_cancel(struct thread_work *work);

#endif /* ZV_TOOLSTACK_LIBVIRT_THREAD_WORK_H */
