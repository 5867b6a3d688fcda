/* SPDX-License-Identifier: BSD-2-Clause */
#include "transport/zone/zone_io.h"

#include <errno.h>
#include <string.h>

#include "core/container_of.h"

#define BATCH 32u /* events of one read */
#define BATCHES 8u /* before others on the loop get their turn */

void zone_io_init(struct zone_io *io, struct event_loop *loop,
		  struct zone_port *port, struct state_area *area)
{
	memset(io, 0, sizeof(*io));
	io->loop = loop;
	io->port = port;
	io->area = area;
}

int zone_io_add(struct zone_io *io, struct zone_window *window)
{
	if (io->window_count == ZONE_WINDOWS_MAX) {
		return -ENOSPC;
	}
	for (size_t i = 0; i < io->window_count; i++) {
		const struct zone_window *w = io->window[i];

		if (w->shadow == window->shadow &&
		    w->offset < window->offset + window->size &&
		    window->offset < w->offset + w->size) {
			return -EINVAL;
		}
	}
	window->io = io;
	io->window[io->window_count++] = window;
	return 0;
}

static struct zone_window *find_window(struct zone_io *io, uint32_t addr)
{
	uint32_t page = addr / ZV_PAGE_SIZE;
	uint32_t at = addr % ZV_PAGE_SIZE;

	for (size_t i = 0; i < io->window_count; i++) {
		struct zone_window *w = io->window[i];

		if (w->shadow == page && at >= w->offset &&
		    at - w->offset < w->size) {
			return w;
		}
	}
	return NULL;
}

static void gone(struct zone_io *io, int error)
{
	if (io->gone != NULL) {
		io->gone(io, error);
	}
}

/* ------------------------------------------------------------------- words */

/* The words that differ from what the guest sees now; counts as published. */
static uint32_t changed_words(struct zone_window *window,
			      struct zv_shadow_word *ret)
{
	struct zone_word words[ZONE_WINDOW_WORDS];
	size_t count = window->ops->words(window, words);
	uint32_t base = ZV_SHADOW_ADDR(window->shadow, window->offset);
	uint32_t n = 0;

	for (size_t i = 0; i < count; i++) {
		if (i < window->published_count &&
		    window->published[i] == words[i].value) {
			continue;
		}
		window->published[i] = words[i].value;
		ret[n++] = (struct zv_shadow_word){ base + words[i].offset,
						    words[i].value };
	}
	window->published_count = count;
	if (window->forced) {
		window->forced = false;
		ret[n++] =
			(struct zv_shadow_word){ base + window->forced_offset,
						 0 };
	}
	return n;
}

_Static_assert(ZONE_WINDOW_WORDS + 1 <= ZV_SHADOW_WORDS_MAX, "fits one call");

static void set_line(struct zone_window *window, bool level)
{
	struct zone_io *io = window->io;
	struct zv_ioc_inject inject = {
		.intid = window->intid,
		.op = level ? ZV_IRQ_RAISE : ZV_IRQ_LOWER,
	};
	int rc = io->port->ops->inject(io->port, &inject);

	if (rc != 0) {
		gone(io, rc);
	}
}

/* Once the guest can see why. */
static void raise_line(struct zone_window *window)
{
	if (window->line_due) {
		window->line_due = false;
		set_line(window, true);
	}
}

void zone_window_publish(struct zone_window *window, bool atomic)
{
	struct zone_io *io = window->io;
	int rc = 0;

	io->update.count = changed_words(window, io->update.word);
	io->update.flags = atomic ? ZV_UPDATE_ATOMIC : 0;
	if (io->update.count != 0) {
		rc = io->port->ops->update(io->port, &io->update);
	}
	if (rc != 0) {
		gone(io, rc);
		return;
	}
	raise_line(window);
}

void zone_window_clear_word(struct zone_window *window, uint32_t offset)
{
	window->forced_offset = offset;
	window->forced = true;
}

void zone_window_line(struct zone_window *window, bool level)
{
	if (window->line_known && window->line == level) {
		return;
	}
	window->line = level;
	window->line_known = true;
	window->line_due = level;
	if (!level) {
		set_line(window, false);
	}
}

void zone_window_commit(struct zone_window *window)
{
	state_record_commit(&window->record);
}

/* ---------------------------------------------------------------- accesses */

static void answer(struct zone_io *io, struct zone_window *window,
		   const struct zv_event *event, uint64_t value)
{
	int rc;

	io->complete.vcpu = event->vcpu;
	io->complete.seq = event->seq;
	io->complete.value = value;
	io->complete.flags = 0;
	io->complete.count =
		window == NULL ? 0 : changed_words(window, io->complete.word);
	rc = io->port->ops->complete(io->port, &io->complete);
	if (rc == -ESTALE) {
		/* The zone was reset meanwhile, or we were replaced: the next
		 * read tells which.  The words are still due. */
		if (window != NULL) {
			window->published_count = 0;
			zone_window_publish(window, false);
		}
		return;
	}
	if (rc != 0) {
		gone(io, rc);
		return;
	}
	if (window != NULL) {
		raise_line(window);
	}
}

/* An access of 8 bytes is two of 4 (the registers are 32 bits wide). */
static uint64_t apply(struct zone_window *window, const struct zv_event *event)
{
	uint32_t parts = event->size == 8 ? 2 : 1;
	uint64_t value = 0;

	for (uint32_t i = 0; i < parts; i++) {
		struct zone_access access = {
			.offset = event->addr % ZV_PAGE_SIZE - window->offset +
				  4 * i,
			.size = parts == 2 ? 4 : event->size,
			.write = event->write != 0,
			.value = (uint32_t)(event->value >> (32 * i)),
		};

		if (access.offset + access.size > window->size) {
			break;
		}
		window->ops->access(window, &access);
		if (!access.write) {
			value |= (uint64_t)access.value << (32 * i);
		}
	}
	return value;
}

static void on_access(struct zone_io *io, const struct zv_event *event)
{
	struct zone_window *window = find_window(io, event->addr);
	uint32_t vcpu = event->vcpu;
	uint64_t value;

	if (vcpu >= ZV_VCPUS_MAX) {
		return;
	}
	if (window == NULL) {
		answer(io, NULL, event, 0);
		return;
	}
	if (window->busy) {
		window->event[vcpu] = *event;
		window->deferred |= 1u << vcpu;
		return;
	}
	if ((window->replay->valid & (1u << vcpu)) != 0 &&
	    window->replay->seq[vcpu] == event->seq) {
		answer(io, window, event, window->replay->value[vcpu]);
		return;
	}
	value = apply(window, event);
	window->replay->valid |= 1u << vcpu;
	window->replay->seq[vcpu] = event->seq;
	window->replay->value[vcpu] = value;
	zone_window_commit(window);
	if (!window->ops->settle(window)) {
		window->busy = true;
		window->event[vcpu] = *event;
		window->waiting |= 1u << vcpu;
		return;
	}
	answer(io, window, event, value);
}

static void end_reset(struct zone_window *window)
{
	struct zone_io *io = window->io;

	window->resetting = false;
	/* What the hypervisor did to the page is not known. */
	window->published_count = 0;
	zone_window_publish(window, false);
	if (--io->resets == 0 && io->reset_done != NULL) {
		io->reset_done(io);
	}
}

void zone_window_ready(struct zone_window *window)
{
	struct zone_io *io = window->io;
	uint32_t waiting = window->waiting;
	uint32_t deferred = window->deferred;

	window->busy = false;
	window->waiting = 0;
	window->deferred = 0;
	for (uint32_t v = 0; v < ZV_VCPUS_MAX; v++) {
		if ((waiting & (1u << v)) != 0) {
			answer(io, window, &window->event[v],
			       window->replay->value[v]);
		}
	}
	if (window->resetting) {
		end_reset(window);
	}
	for (uint32_t v = 0; v < ZV_VCPUS_MAX; v++) {
		if ((deferred & (1u << v)) != 0) {
			struct zv_event event = window->event[v];

			on_access(io, &event);
		}
	}
}

static void on_event(struct zone_io *io, const struct zv_event *event)
{
	struct zone_window *window;

	if (event->type == ZV_EVENT_ACCESS) {
		on_access(io, event);
		return;
	}
	if (event->type != ZV_EVENT_POSTED) {
		return;
	}
	window = find_window(io, event->addr);
	if (window != NULL && window->ops->posted != NULL) {
		window->touched = true;
		window->ops->posted(window,
				    event->addr % ZV_PAGE_SIZE - window->offset,
				    (uint32_t)event->value);
	}
}

/* Posted writes are many: state and lines move once per batch of them. */
static void end_batch(struct zone_io *io)
{
	for (size_t i = 0; i < io->window_count; i++) {
		struct zone_window *window = io->window[i];

		if (window->touched) {
			window->touched = false;
			zone_window_commit(window);
			window->ops->settle(window);
			zone_window_publish(window, false);
		}
	}
}

void zone_io_pump(struct zone_io *io)
{
	struct zv_event events[BATCH];

	for (unsigned int i = 0; i < BATCHES; i++) {
		int n = io->port->ops->read(io->port, events, BATCH);

		if (n < 0) {
			if (n != -EAGAIN) {
				gone(io, n);
			}
			return;
		}
		for (int k = 0; k < n; k++) {
			on_event(io, &events[k]);
		}
		end_batch(io);
		if (n < (int)BATCH) {
			return;
		}
	}
}

static void on_readable(struct event_watch *watch, unsigned int events)
{
	struct zone_io *io = container_of(watch, struct zone_io, watch);

	(void)events;
	zone_io_pump(io);
}

/* ------------------------------------------------------------------- life */

static int start_window(struct zone_io *io, struct zone_window *window)
{
	enum state_found found;
	int rc;

	found = state_record_open(io->area, window->record_index,
				  window->record_kind, window->replay,
				  window->state_size, &window->record);
	found = window->ops->load(window, found);
	zone_window_commit(window);
	zone_window_publish(window, false);
	rc = window->ops->attach(window, found);
	if (rc == 0) {
		/* Attaching may have brought back what the driver had set. */
		zone_window_publish(window, false);
	}
	return rc;
}

int zone_io_start(struct zone_io *io)
{
	for (size_t i = 0; i < io->window_count; i++) {
		int rc = start_window(io, io->window[i]);

		if (rc != 0) {
			return rc;
		}
	}
	state_area_settle(io->area);
	io->watch.cb = on_readable;
	return event_watch(io->loop, &io->watch, io->port->fd, EVENT_READ);
}

void zone_io_stop(struct zone_io *io)
{
	event_unwatch(io->loop, &io->watch);
	for (size_t i = 0; i < io->window_count; i++) {
		if (io->window[i]->ops->detach != NULL) {
			io->window[i]->ops->detach(io->window[i]);
		}
	}
	io->window_count = 0;
}

static void reset_window(struct zone_window *window)
{
	window->resetting = true;
	window->waiting = 0;
	window->deferred = 0;
	window->ops->reset(window);
	/* Numbers of accesses may start again. */
	window->replay->valid = 0;
	zone_window_commit(window);
	if (window->busy) {
		return; /* the stop under way will end this reset, too */
	}
	if (!window->ops->settle(window)) {
		window->busy = true;
		return;
	}
	end_reset(window);
}

void zone_io_reset(struct zone_io *io)
{
	bool pending = io->resets != 0;

	if (pending) {
		return;
	}
	io->resets = (uint32_t)io->window_count;
	if (io->resets == 0 && io->reset_done != NULL) {
		io->reset_done(io);
		return;
	}
	for (size_t i = 0; i < io->window_count; i++) {
		reset_window(io->window[i]);
	}
}
