// SPDX-License-Identifier: BSD-2-Clause
#include "thread_work.h"

#include <stddef.h>

void thread_share_init(struct thread_share *share, unsigned int max)
{
	*share = (struct thread_share){ .max = max };
	share->end = &share->first;
}

static void enqueue(struct thread_work *work)
{
	struct thread_share *share = work->share;

	work->link = share->end;
	*share->end = work;
	share->end = &work->next;
}

static void dequeue(struct thread_work *work)
{
	*work->link = work->next;
	if (work->next) {
		work->next->link = work->link;
	} else {
		work->share->end = work->link;
	}
	work->link = NULL;
}

static void on_thread(uv_work_t *uv)
{
	struct thread_work *work = uv->data;

	work->run(work);
}

static void on_done(uv_work_t *uv, int status);

/* It fails only where there is nothing to run. */
static void start(struct thread_work *work)
{
	uv_queue_work(work->work.loop, &work->work, on_thread, on_done);
}

static bool has_thread(const struct thread_share *share, const void *user)
{
	for (unsigned int i = 0; i < share->max; i++) {
		if (share->running[i] && share->running[i]->user == user) {
			return true;
		}
	}
	return false;
}

static struct thread_work *next_work(const struct thread_share *share)
{
	for (struct thread_work *w = share->first; w; w = w->next) {
		if (!has_thread(share, w->user)) {
			return w;
		}
	}
	return share->first;
}

static void start_next(struct thread_share *share)
{
	for (unsigned int i = 0; i < share->max && share->first; i++) {
		if (!share->running[i]) {
			share->running[i] = next_work(share);
			dequeue(share->running[i]);
			start(share->running[i]);
		}
	}
}

static void leave(struct thread_work *work)
{
	struct thread_share *share = work->share;

	for (unsigned int i = 0; i < share->max; i++) {
		if (share->running[i] == work) {
			share->running[i] = NULL;
		}
	}
}

static void on_done(uv_work_t *uv, int status)
{
	struct thread_work *work = uv->data;
	struct thread_share *share = work->share;

	(void)status;
	if (share) {
		leave(work);
	}
	work->done(work);
	if (share) {
		start_next(share);
	}
}

void thread_work_begin(struct thread_work *work, uv_loop_t *loop,
		       struct thread_share *share)
{
	work->work.loop = loop;
	work->work.data = work;
	work->share = share;
	work->next = NULL;
	work->link = NULL;
	if (share) {
		enqueue(work);
		start_next(share);
	} else {
		start(work);
	}
}

void thread_work_cancel(struct thread_work *work)
{
	if (work->link) {
		dequeue(work);
		work->done(work);
	} else {
		uv_cancel((uv_req_t *)&work->work);
	}
}
