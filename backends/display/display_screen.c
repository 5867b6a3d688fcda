/* SPDX-License-Identifier: BSD-2-Clause */
#include "display/display_screen.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "display/display_kms.h"
#include "display/display_socket.h"
#include "display/display_uevent.h"

#define CARD DISPLAY_SCREEN_FD_CARD
/* One turn of the loop: what a head can make us hear before all are drawn. */
#define TURN_MESSAGES 64u
/* What is told at first differs from it, whatever it is. */
#define NOTHING_TOLD UINT32_MAX

struct screen {
	uint32_t heads;
	struct display_view view[DISPLAY_HEADS_MAX];
	struct display_kms_output output[DISPLAY_HEADS_MAX];
	struct display_monitor told[DISPLAY_HEADS_MAX];
};

/* ---------------------------------------------------------------- speaking */

static int tell(uint32_t head, struct display_message *message)
{
	message->head = head;
	return display_socket_send_wait(DISPLAY_SCREEN_FD_LINK + (int)head,
					message);
}

static int tell_mode(uint32_t head, const drmModeModeInfo *mode)
{
	struct display_message message = { .type = DISPLAY_MODE };

	return display_monitor_offer(mode, &message.mode) ? tell(head, &message)
							  : 0;
}

/* The head is shown so, now; with the mode for the guest, if that is another. */
static int tell_monitor(struct screen *s, uint32_t head,
			const struct display_monitor *monitor)
{
	struct display_monitor *told = &s->told[head];
	struct display_message message = {
		.type = DISPLAY_MONITOR,
		.monitor = *monitor,
	};
	bool is_new = monitor->width != told->width ||
		      monitor->height != told->height;
	int rc;

	if (memcmp(told, monitor, sizeof(*told)) == 0) {
		return 0;
	}
	*told = *monitor;
	rc = tell(head, &message);
	return rc == 0 && is_new && monitor->width != 0
		       ? tell_mode(head, &s->output[head].mode)
		       : rc;
}

/* -------------------------------------------------------------- connectors */

static bool is_as_before(const struct display_kms_output *output,
			 const struct display_connector *connector,
			 uint32_t crtc)
{
	return output->on && output->connector == connector->id &&
	       output->crtc == crtc &&
	       memcmp(&output->mode, &connector->mode, sizeof(output->mode)) ==
		       0;
}

static struct display_monitor
describe(const struct display_connector *connector, int error)
{
	struct display_monitor ret = { .error = (uint32_t)-error };

	if (connector != NULL) {
		memcpy(ret.connector, connector->name, sizeof(ret.connector));
	}
	if (connector != NULL && error == 0) {
		ret.width = connector->mode.hdisplay;
		ret.height = connector->mode.vdisplay;
		ret.refresh = connector->mode.vrefresh;
	}
	return ret;
}

/*
 * First those that go are taken down, since what they had may be another's.  One that
 * cannot be shown is no reason to take the others away.
 */
static int plug(struct screen *s, const struct display_connector *connectors,
		size_t count, const struct display_kms_crtcs *crtcs)
{
	for (uint32_t head = 0; head < s->heads; head++) {
		if (head >= count ||
		    !is_as_before(&s->output[head], &connectors[head],
				  crtcs->id[connectors[head].crtc])) {
			display_kms_stop(CARD, &s->output[head]);
		}
	}
	for (uint32_t head = 0; head < s->heads; head++) {
		const struct display_connector *connector =
			head < count ? &connectors[head] : NULL;
		struct display_monitor monitor;
		int rc = 0;

		if (connector != NULL && !s->output[head].on) {
			rc = display_kms_start(
				CARD, &s->output[head], connector,
				crtcs->id[connector->crtc], &s->view[head]);
		}
		if (rc == -EACCES || rc == -ENODEV) {
			return rc;
		}
		monitor = describe(connector, rc);
		rc = tell_monitor(s, head, &monitor);
		if (rc != 0) {
			return rc;
		}
	}
	return 0;
}

static int look(struct screen *s)
{
	struct display_connector connectors[DISPLAY_CONNECTORS_MAX];
	struct display_kms_crtcs crtcs;
	size_t count;
	int rc = display_kms_look(CARD, connectors, &count, &crtcs);

	if (rc != 0) {
		return rc;
	}
	for (size_t i = 0; i < count; i++) {
		/* Only those that there are can be given away. */
		if (crtcs.count < DISPLAY_CRTCS_MAX) {
			connectors[i].crtcs &= (1u << crtcs.count) - 1;
		}
	}
	count = display_monitor_assign(connectors, count, s->heads);
	return plug(s, connectors, count, &crtcs);
}

/* ----------------------------------------------------------------- hearing */

static void on_pointer(struct screen *s, uint32_t head,
		       const struct display_pointer *pointer)
{
	display_kms_damage_pointer(&s->output[head], &s->view[head]);
	display_view_take_pointer(&s->view[head], pointer);
	display_kms_damage_pointer(&s->output[head], &s->view[head]);
}

static void take(struct screen *s, uint32_t head,
		 const struct display_message *message)
{
	struct display_view *view = &s->view[head];

	switch (message->type) {
	case DISPLAY_SCANOUT:
		view->shown = message->scanout;
		display_kms_spoil(&s->output[head]);
		break;
	case DISPLAY_DAMAGE:
		display_kms_damage(&s->output[head], view, &message->damage);
		break;
	case DISPLAY_POINTER:
		on_pointer(s, head, &message->pointer);
		break;
	default:
		break;
	}
}

/* -EPIPE: hvd-display wants no more. */
static int hear(struct screen *s, uint32_t head)
{
	struct display_message message;
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < TURN_MESSAGES; i++) {
		rc = display_socket_receive(DISPLAY_SCREEN_FD_LINK + (int)head,
					    &message);
		if (rc == 0) {
			take(s, head, &message);
		}
	}
	return rc == -EAGAIN ? 0 : rc;
}

static int give_up(struct screen *s, uint32_t head, int error)
{
	struct display_monitor monitor = { .error = (uint32_t)-error };

	memcpy(monitor.connector, s->output[head].name,
	       sizeof(monitor.connector));
	display_kms_stop(CARD, &s->output[head]);
	return tell_monitor(s, head, &monitor);
}

static int update(struct screen *s)
{
	for (uint32_t head = 0; head < s->heads; head++) {
		int rc = display_kms_update(CARD, &s->output[head],
					    &s->view[head]);

		if (rc == -EACCES || rc == -ENODEV) {
			return rc;
		}
		if (rc != 0) {
			/* Its monitor may just have gone: that is told, too. */
			rc = give_up(s, head, rc);
		}
		if (rc != 0) {
			return rc;
		}
	}
	return 0;
}

/* -------------------------------------------------------------------- loop */

static int on_card(struct screen *s, short events)
{
	if ((events & POLLIN) != 0) {
		return display_kms_read(CARD, s->output, s->heads);
	}
	return events != 0 ? -ENODEV : 0;
}

static int on_uevents(struct screen *s, short events)
{
	int rc = events != 0 ? display_uevent_read(DISPLAY_SCREEN_FD_UEVENTS)
			     : 0;

	return rc > 0 ? look(s) : rc;
}

static int turn(struct screen *s, struct pollfd *fds)
{
	int rc;

	/* Nothing is put off to a later time, so nothing has to wake. */
	if (poll(fds, 2 + s->heads, -1) < 0) {
		return errno == EINTR ? 0 : -errno;
	}
	for (uint32_t head = 0; head < s->heads; head++) {
		rc = fds[2 + head].revents != 0 ? hear(s, head) : 0;
		if (rc != 0) {
			return rc;
		}
	}
	rc = on_card(s, fds[0].revents);
	if (rc == 0) {
		rc = on_uevents(s, fds[1].revents);
	}
	return rc == 0 ? update(s) : rc;
}

int display_screen_run(void *argument)
{
	/* Not on the stack: pictures of pointers. */
	static struct screen screen;
	const struct display_screen *wanted = argument;
	struct screen *s = &screen;
	struct pollfd fds[2 + DISPLAY_HEADS_MAX];
	int rc;

	s->heads = wanted->heads;
	for (uint32_t i = 0; i < 2 + s->heads; i++) {
		fds[i] = (struct pollfd){ .fd = CARD + (int)i,
					  .events = POLLIN };
	}
	for (uint32_t head = 0; head < s->heads; head++) {
		s->view[head].memory = wanted->memory;
		s->told[head].error = NOTHING_TOLD;
	}
	rc = look(s);
	while (rc == 0) {
		rc = turn(s, fds);
	}
	for (uint32_t head = 0; head < s->heads; head++) {
		display_kms_stop(CARD, &s->output[head]);
	}
	return rc == -EPIPE ? 0 : -rc;
}
