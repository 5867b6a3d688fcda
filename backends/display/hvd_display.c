/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hvd-display: shows the screen of one zone.  See docs/man/hvd-display.8.
 *
 *   waiting -- config line --> serving -- end of the control socket --> ended
 *           \- end of input, bad config, error -----------------------/
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zv/version.h>

#include "core/container_of.h"
#include "core/event_uv.h"
#include "core/listener.h"
#include "display/display_card.h"
#include "display/display_config.h"
#include "display/display_hub.h"
#include "display/display_report.h"
#include "display/display_sandbox.h"
#include "display/display_shots.h"
#include "display/display_uevent.h"
#include "display/display_viewer.h"
#include "io/control.h"
#include "io/sandbox.h"

#define PAGE 4096u

/* Where a head's viewers connect. */
struct door {
	struct hvd_display *display;
	struct listener listener;
	uint32_t head;
	bool tls;
};

struct hvd_display {
	uv_loop_t uv;
	struct event_uv event;
	struct event_defer end; /* ends the process from the loop */
	struct control control;
	struct display_config config;
	struct display_hub hub;
	struct display_shots shots;
	struct display_card card;
	struct door doors[DISPLAY_LISTEN_MAX];
	bool configured;
	bool serving;
	bool ending;
	int status;
};

static void end(struct hvd_display *d, int status)
{
	if (!d->ending) {
		d->ending = true;
		d->status = status;
		event_defer(&d->event.loop, &d->end);
	}
}

static void on_end(struct event_defer *defer)
{
	struct hvd_display *d = container_of(defer, struct hvd_display, end);

	for (size_t i = 0; i < d->config.listen_count; i++) {
		listener_stop(&d->doors[i].listener);
	}
	if (d->serving) {
		display_card_fini(&d->card);
		display_shots_fini(&d->shots);
		display_hub_fini(&d->hub);
	}
	control_stop(&d->control);
	event_uv_fini(&d->event);
}

static void fatal(struct hvd_display *d, const struct zerror *error)
{
	fprintf(stderr, "hvd-display: %s%s%s\n", error->path,
		error->path[0] != '\0' ? ": " : "", error->message);
	control_send_fatal(&d->control, error, NULL);
	end(d, EXIT_FAILURE);
}

static void fatal_errno(struct hvd_display *d, const char *what, int error)
{
	struct zerror zerror;

	zerror_set(&zerror, ZERROR_INTERNAL, NULL, NULL, "%s: %s", what,
		   strerror(-error));
	fatal(d, &zerror);
}

/* --------------------------------------------------------------- listeners */

static void on_accept(struct listener *listener, int fd)
{
	struct door *door = container_of(listener, struct door, listener);

	display_hub_add(&door->display->hub, door->head, fd, door->tls);
}

static int open_door(struct hvd_display *d, size_t i)
{
	struct door *door = &d->doors[i];
	struct listener *listener = &door->listener;
	int accepts = 0;
	socklen_t len = sizeof(accepts);

	door->display = d;
	door->head = d->config.listen[i].head;
	door->tls = d->config.listen[i].tls;
	listener->loop = &d->event.loop;
	listener->fd = d->config.listen[i].fd;
	listener->on_accept = on_accept;
	if (getsockopt(listener->fd, SOL_SOCKET, SO_ACCEPTCONN, &accepts,
		       &len) < 0) {
		return -errno;
	}
	/* Who connected may be gone again when we accept. */
	if (accepts == 0 || fcntl(listener->fd, F_SETFL, O_NONBLOCK) < 0) {
		return -EINVAL;
	}
	return listener_start(listener);
}

/* ------------------------------------------------------------------- start */

static void on_viewers(struct display_hub *hub, size_t count)
{
	struct hvd_display *d = hub->owner;

	display_report_viewers(&d->control, count);
}

static void on_shows(struct display_hub *hub, uint32_t head, uint32_t width,
		     uint32_t height)
{
	struct hvd_display *d = hub->owner;

	display_report_shows(&d->control, head, width, height);
}

static void on_shot(struct display_shots *shots, uint32_t id, const char *why)
{
	struct hvd_display *d = shots->owner;

	display_report_shot(&d->control, id, why);
}

static void on_monitor(struct display_hub *hub, uint32_t head,
		       const struct display_monitor *monitor)
{
	struct hvd_display *d = hub->owner;

	display_report_monitor(&d->control, head, monitor);
}

static void on_no_card(struct display_card *card, const char *why)
{
	struct hvd_display *d = card->owner;

	display_report_no_card(&d->control, why);
}

/*
 * The video memory, which does not get smaller: hvd holds it, and only hvd could do that;
 * and behind it what viewers read of the copies, so that they see one memory.
 */
static int map_memory(struct hvd_display *d)
{
	uint64_t size = (d->config.memory + PAGE - 1) / PAGE * PAGE;
	struct stat st;
	uint8_t *p;

	if (fstat(DISPLAY_FD_MEMORY, &st) < 0) {
		return -errno;
	}
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size < d->config.memory) {
		return -EINVAL;
	}
	p = mmap(NULL, 2 * size, PROT_NONE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED ||
	    mmap(p, d->config.memory, PROT_READ, MAP_SHARED | MAP_FIXED,
		 DISPLAY_FD_MEMORY, 0) == MAP_FAILED) {
		return -errno;
	}
	(void)madvise(p, d->config.memory, MADV_DONTDUMP);
	close(DISPLAY_FD_MEMORY);
	d->hub.memory = p;
	d->hub.memory_size = d->config.memory;
	return display_copy_open(&d->hub.copy, d->config.heads, size, p + size,
				 size);
}

/* Only those that speak TLS read it: the key is not to be in any other process. */
static const char *take_certificates(struct hvd_display *d, int *ret_error)
{
	struct display_tls *tls = &d->config.tls;
	uint64_t size = (uint64_t)tls->certificate + tls->key + tls->authority;
	struct stat st;

	tls->fd = control_take_fd(&d->control);
	if (tls->fd < 0 || fstat(tls->fd, &st) < 0 || !S_ISREG(st.st_mode) ||
	    (uint64_t)st.st_size < size) {
		*ret_error = -EINVAL;
		return "the file with certificates";
	}
	d->hub.tls = tls;
	*ret_error = -ELIBBAD;
	return display_tls_prepare();
}

static int drop(const struct display_config *config, const char **ret_what)
{
	const struct sandbox_user user = { config->uid, config->gid };

	return sandbox_drop(config->drop ? &user : NULL, ret_what);
}

/* Returns what failed, or NULL. */
static const char *prepare(struct hvd_display *d, int *ret_error)
{
	const char *what = "sandbox";

	*ret_error = map_memory(d);
	if (*ret_error != 0) {
		return "video memory (fd 4)";
	}
	for (size_t i = 0; i < d->config.listen_count; i++) {
		*ret_error = open_door(d, i);
		if (*ret_error != 0) {
			return "a listening socket";
		}
	}
	if (d->config.card) {
		/* Before there is a network namespace that hears nothing. */
		d->card.uevents = display_uevent_open();
		*ret_error = d->card.uevents < 0 ? d->card.uevents : 0;
		if (*ret_error != 0) {
			return "hearing of monitors";
		}
	}
	display_viewer_prepare();
	if (d->config.has_tls) {
		what = take_certificates(d, ret_error);
		if (what != NULL) {
			return what;
		}
		what = "sandbox";
	}
	*ret_error = sandbox_isolate(&what);
	if (*ret_error == 0) {
		*ret_error = drop(&d->config, &what);
	}
	if (*ret_error != 0) {
		return what;
	}
	*ret_error = display_sandbox(d->config.card);
	return *ret_error != 0 ? "system call filter" : NULL;
}

static void serve(struct hvd_display *d)
{
	const char *what;
	int error;

	d->hub.loop = &d->event.loop;
	d->hub.heads = d->config.heads;
	d->hub.zone = d->config.zone;
	d->hub.password = d->config.has_password ? d->config.password : NULL;
	d->hub.on_viewers = on_viewers;
	d->hub.on_shows = on_shows;
	d->hub.on_monitor = on_monitor;
	d->hub.owner = d;
	d->shots.hub = &d->hub;
	d->shots.on_shot = on_shot;
	d->shots.owner = d;
	d->card.hub = &d->hub;
	d->card.uevents = -1;
	d->card.on_end = on_no_card;
	d->card.owner = d;
	display_hub_init(&d->hub);
	display_shots_init(&d->shots);
	display_card_init(&d->card);
	d->serving = true;
	what = prepare(d, &error);
	if (what != NULL) {
		fatal_errno(d, what, error);
		return;
	}
	control_send_event(&d->control, "ready");
}

/* ----------------------------------------------------------------- control */

static void set_device(struct hvd_display *d)
{
	int fd = control_take_fd(&d->control);

	if (fd < 0) {
		fprintf(stderr, "hvd-display: no socket came with device\n");
		return;
	}
	display_hub_set_device(&d->hub, fd);
}

static void on_line(struct control *control, const char *line, size_t len)
{
	struct hvd_display *d = control->owner;
	struct display_command command;
	struct zerror error;

	if (d->ending) {
		return;
	}
	if (!d->configured) {
		d->configured = true;
		if (display_config_parse(line, len, &d->config, &error) != 0) {
			fatal(d, &error);
			return;
		}
		serve(d);
		return;
	}
	if (display_command_parse(&d->config, line, len, &command, &error) !=
	    0) {
		fprintf(stderr, "hvd-display: command ignored: %s: %s\n",
			error.path, error.message);
		if (command.id != 0) {
			on_shot(&d->shots, command.id, error.message);
		}
		return;
	}
	switch (command.kind) {
	case DISPLAY_COMMAND_DEVICE:
		set_device(d);
		break;
	case DISPLAY_COMMAND_CARD:
		display_card_give(&d->card, control_take_fd(&d->control));
		break;
	case DISPLAY_COMMAND_SCREENSHOT:
		display_shots_add(&d->shots, command.id, command.head,
				  control_take_fd(&d->control));
		break;
	}
}

static void on_control_end(struct control *control)
{
	struct hvd_display *d = control->owner;

	end(d, d->configured ? EXIT_SUCCESS : EXIT_FAILURE);
}

/* sandbox: 0, or why the process may not go on; only hvd can be told. */
static int run(struct hvd_display *d, int sandbox)
{
	int rc = uv_loop_init(&d->uv);

	if (rc == 0) {
		rc = event_uv_init(&d->event, &d->uv);
	}
	if (rc == 0) {
		rc = control_init(&d->control, &d->event.loop,
				  DISPLAY_FD_CONTROL);
	}
	if (rc == 0) {
		d->end.cb = on_end;
		d->control.owner = d;
		d->control.on_line = on_line;
		d->control.on_end = on_control_end;
		rc = control_start(&d->control);
	}
	if (rc != 0) {
		fprintf(stderr, "hvd-display: start: %s\n", strerror(-rc));
		return EXIT_FAILURE;
	}
	if (sandbox != 0) {
		fatal_errno(d, "sandbox", sandbox);
	}
	uv_run(&d->uv, UV_RUN_DEFAULT);
	if (uv_loop_close(&d->uv) != 0) {
		fprintf(stderr, "hvd-display: a handle was left open\n");
		return EXIT_FAILURE;
	}
	return d->status;
}

/* They follow each other without a gap. */
static int last_given_fd(void)
{
	int fd = DISPLAY_FD_MEMORY;

	while (fd < DISPLAY_FD_LISTEN + (int)DISPLAY_LISTEN_MAX - 1 &&
	       fcntl(fd + 1, F_GETFD) >= 0) {
		fd++;
	}
	return fd;
}

int main(int argc, char **argv)
{
	static struct hvd_display display;

	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		puts("hvd-display " ZV_VERSION);
		return EXIT_SUCCESS;
	}
	if (argc != 1) {
		bool help = argc == 2 && strcmp(argv[1], "--help") == 0;

		fprintf(help ? stdout : stderr,
			"usage: hvd-display [--help | --version]\n"
			"Started by hvd with fds 3, 4 and up: see "
			"hvd-display(8).\n");
		return help ? EXIT_SUCCESS : EXIT_FAILURE;
	}
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a limit is no reason to end (EFBIG) */
	return run(&display, sandbox_early(last_given_fd()));
}
