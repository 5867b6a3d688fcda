/* SPDX-License-Identifier: BSD-2-Clause */
/* The event loop of event.h on libuv. */
#ifndef ZV_BACKENDS_CORE_EVENT_UV_H
#define ZV_BACKENDS_CORE_EVENT_UV_H

#include <uv.h>

#include "core/event.h"

struct event_uv {
	struct event_loop loop;
	uv_loop_t *uv;
	uv_idle_t idle; /* active only while something is deferred */
};

int event_uv_init(struct event_uv *ev, uv_loop_t *uv);
/* Closes our handle; memory of *ev must stay until the loop has run. */
void event_uv_fini(struct event_uv *ev);

#endif /* ZV_BACKENDS_CORE_EVENT_UV_H */
