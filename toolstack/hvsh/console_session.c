// SPDX-License-Identifier: BSD-2-Clause
/*
 * A console session: bytes between the terminal and a zone's console.
 *
 * States:
 *   connected     --end of file--> disconnected
 *   disconnected  --attached again--> connected
 *                 --the zone is off, or no luck for a minute--> ended
 *   any           --Ctrl-], a signal, output fails--> ended
 *
 * The position in the output stream is counted, so that a new connection goes
 * on with the byte after the last one shown: nothing is lost or doubled when
 * the zone's I/O process is restarted.
 */
#include "hvsh.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LEAVE_KEY 0x1d /* Ctrl-] */
/* Typed or pasted, but not yet taken by the guest. */
#define INPUT_MAX (256u << 10)
#define CHUNK (16u << 10)

#define RPC_TIMEOUT_MS 3000
#define RETRY_MIN_MS 20
#define RETRY_MAX_MS 1000
#define GIVE_UP_MS 60000
/* A restart shorter than this is not worth a word. */
#define NOTICE_MS 1500
/* A guest answers what is typed sooner, if it is that console's. */
#define SILENCE_MS 2000

struct session {
	struct context *ctx;
	const char *zone;
	struct hvd_console_options options;
	struct hvd_console *console; /* NULL: disconnected */
	struct offset_key key;
	char *uuid;
	char *device; /* its name, as the daemon tells it */
	uint64_t offset; /* of the next byte to show */
	uint64_t skip; /* bytes to come that have been shown already */
	bool was_writer;
	bool terminal; /* stdin is one, and raw */
	bool input_open;
	char *input;
	size_t input_start;
	size_t input_end;
	bool ended;
	int status;
	int64_t lost_at;
	int64_t retry_at;
	int retry_ms;
	bool noticed;
	int64_t silent_at; /* then it has not answered; 0: nothing was typed */
	bool advised;
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* In raw mode a line feed does not return the carriage. */
static void notice(const struct session *s, const char *text)
{
	const char *end = s->terminal ? "\r\n" : "\n";

	fprintf(stderr, "%s[%s: %s]%s", s->terminal ? "\r\n" : "", s->zone,
		text, end);
}

static void end_session(struct session *s, int status)
{
	s->ended = true;
	s->status = status;
}

/* ---- connecting ---- */

static bool is_live(const char *state)
{
	static const char *const live[] = {
		HVD_STATE_STARTING,  HVD_STATE_RUNNING,	      HVD_STATE_PAUSED,
		HVD_STATE_REBOOTING, HVD_STATE_SHUTTING_DOWN,
	};

	for (size_t i = 0; i < sizeof(live) / sizeof(live[0]); i++) {
		if (strcmp(live[i], state) == 0) {
			return true;
		}
	}
	return false;
}

static int get_zone(struct session *s, struct hvd_zone_detail **ret_detail)
{
	return hvd_zone_get(s->ctx->conn, s->zone, ret_detail);
}

/* Another id: another run of the zone, thus another stream. */
static void note_run(struct session *s, int64_t zone_id)
{
	if (s->key.zone_id == zone_id) {
		return;
	}
	s->key.zone_id = zone_id;
	s->offset = 0;
	s->skip = 0;
	s->options.from = HVD_CONSOLE_FROM_START;
}

static void tell_lost(const struct session *s, uint64_t bytes)
{
	char text[64];

	snprintf(text, sizeof(text), "%" PRIu64 " bytes of output were lost",
		 bytes);
	notice(s, text);
}

/*
 * Lines the stream up with what has been shown.  False: it ends before that
 * place, so it is another stream, to be shown from its start.
 */
static bool align(struct session *s, const struct hvd_console *console)
{
	uint64_t wanted = s->options.offset;

	s->skip = 0;
	if (s->options.from == HVD_CONSOLE_FROM_OFFSET) {
		if (console->offset > wanted) {
			tell_lost(s, console->offset - wanted);
		} else if (console->offset < wanted) {
			if (console->newest < wanted) {
				return false;
			}
			s->skip = wanted - console->offset;
		}
	}
	s->offset = console->offset;
	return true;
}

static void adopt_console(struct session *s, struct hvd_console *console)
{
	if (s->was_writer && !console->writer) {
		notice(s, "another client writes now");
	}
	s->was_writer = console->writer;
	s->console = console;
	s->noticed = false;
	/* Who was refused the right to write once does not take it later. */
	s->options.flags &= ~HVD_CONSOLE_FORCE;
}

static int open_console(struct session *s)
{
	struct hvd_console *console;
	int err =
		hvd_console_open(s->ctx->conn, s->zone, &s->options, &console);

	if (err == 0 && !align(s, console)) {
		hvd_console_close(console);
		s->options.from = HVD_CONSOLE_FROM_START;
		err = hvd_console_open(s->ctx->conn, s->zone, &s->options,
				       &console);
		if (err == 0) {
			align(s, console);
		}
	}
	if (err == 0) {
		adopt_console(s, console);
	}
	return err;
}

static void lose_console(struct session *s)
{
	hvd_console_close(s->console);
	s->console = NULL;
	s->options.from = HVD_CONSOLE_FROM_OFFSET;
	s->options.offset = s->offset + s->skip;
	s->lost_at = now_ms();
	s->retry_at = s->lost_at;
	s->retry_ms = RETRY_MIN_MS;
}

static void tell_end(struct session *s, const struct hvd_zone_detail *detail)
{
	char text[160];

	snprintf(text, sizeof(text), "the zone %s%s%s",
		 strcmp(detail->zone.state, HVD_STATE_CRASHED) == 0
			 ? "crashed"
			 : "has stopped",
		 detail->zone.reason != NULL ? ": " : "",
		 detail->zone.reason != NULL ? detail->zone.reason : "");
	notice(s, text);
	end_session(s, EXIT_OK);
}

/* One attempt; sets ended when there is nothing to come back to. */
static bool try_again(struct session *s)
{
	struct hvd_zone_detail *detail;
	int err;

	if ((!hvd_is_connected(s->ctx->conn) ||
	     hvd_process(s->ctx->conn) != 0) &&
	    hvd_reconnect(s->ctx->conn) != 0) {
		return false;
	}
	err = get_zone(s, &detail);
	if (err == -ENOENT) {
		notice(s, "the zone is gone");
		end_session(s, EXIT_OK);
	}
	if (err != 0) {
		return false;
	}
	if (!is_live(detail->zone.state)) {
		tell_end(s, detail);
	} else {
		note_run(s, detail->zone.id);
	}
	hvd_zone_detail_free(detail);
	return !s->ended && open_console(s) == 0;
}

static void retry(struct session *s)
{
	int64_t now = now_ms();

	if (now < s->retry_at || try_again(s) || s->ended) {
		return;
	}
	now = now_ms();
	if (now - s->lost_at > GIVE_UP_MS) {
		notice(s, "the console does not come back");
		end_session(s, EXIT_CONNECT);
		return;
	}
	if (!s->noticed && now - s->lost_at > NOTICE_MS) {
		notice(s, "connection lost, trying again; Ctrl-] leaves");
		s->noticed = true;
	}
	s->retry_at = now + s->retry_ms;
	s->retry_ms *= 2;
	if (s->retry_ms > RETRY_MAX_MS) {
		s->retry_ms = RETRY_MAX_MS;
	}
}

/* ---- bytes ---- */

static bool write_all(const char *data, size_t len)
{
	struct pollfd pfd = { .fd = STDOUT_FILENO, .events = POLLOUT };
	ssize_t n;

	while (len > 0) {
		n = write(STDOUT_FILENO, data, len);
		if (n > 0) {
			data += n;
			len -= (size_t)n;
		} else if (errno == EAGAIN) {
			/* Shared with a program that made it non-blocking. */
			poll(&pfd, 1, -1);
		} else if (errno != EINTR) {
			return false;
		}
		if (signals_pending() != 0) {
			return true;
		}
	}
	return true;
}

static void show(struct session *s, const char *data, size_t len)
{
	size_t known = s->skip < len ? (size_t)s->skip : len;

	s->skip -= known;
	s->offset += len;
	if (!write_all(data + known, len - known)) {
		complain("cannot write the output: %s", strerror(errno));
		end_session(s, EXIT_REQUEST);
	}
}

/* Nothing ever came: it may be the wrong one of several. */
static bool is_blank(const struct session *s)
{
	return s->terminal && !s->advised && s->offset + s->skip == 0;
}

static void advise(struct session *s)
{
	bool serial = s->device != NULL && strcmp(s->device, "uart0") == 0;
	char text[160];

	snprintf(text, sizeof(text),
		 "no output yet: try --device %s, or console=%s on the "
		 "guest's command line",
		 serial ? "console0" : "uart0", serial ? "ttyAMA0" : "hvc0");
	notice(s, text);
	s->advised = true;
}

static void read_console(struct session *s)
{
	char chunk[CHUNK];
	ssize_t n = recv(s->console->fd, chunk, sizeof(chunk), MSG_DONTWAIT);

	if (n > 0) {
		show(s, chunk, (size_t)n);
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		lose_console(s);
	}
}

static void write_console(struct session *s)
{
	ssize_t n = send(s->console->fd, s->input + s->input_start,
			 s->input_end - s->input_start,
			 MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n > 0) {
		s->input_start += (size_t)n;
	}
	/* A broken connection shows on reading, after the last output. */
	if (s->input_start == s->input_end) {
		s->input_start = 0;
		s->input_end = 0;
	}
}

/* Only a writer's bytes are kept for sending. */
static bool is_writer(const struct session *s)
{
	return (s->options.flags & HVD_CONSOLE_READONLY) == 0 &&
	       (s->console == NULL || s->console->writer);
}

static size_t input_room(struct session *s)
{
	if (s->input_start > 0) {
		memmove(s->input, s->input + s->input_start,
			s->input_end - s->input_start);
		s->input_end -= s->input_start;
		s->input_start = 0;
	}
	return INPUT_MAX - s->input_end;
}

static void read_input(struct session *s)
{
	char chunk[CHUNK];
	ssize_t n = read(STDIN_FILENO, chunk, sizeof(chunk));
	const char *leave;
	size_t len, room;

	if (n < 0 && (errno == EINTR || errno == EAGAIN)) {
		return;
	}
	if (n <= 0) {
		s->input_open = false;
		/* A terminal that hung up takes the session with it. */
		if (s->terminal) {
			end_session(s, EXIT_OK);
		}
		return;
	}
	len = (size_t)n;
	leave = s->terminal ? memchr(chunk, LEAVE_KEY, len) : NULL;
	if (leave != NULL) {
		len = (size_t)(leave - chunk);
		end_session(s, EXIT_OK);
	}
	if (is_blank(s) && s->silent_at == 0) {
		s->silent_at = now_ms() + SILENCE_MS;
	}
	room = input_room(s);
	if (!is_writer(s)) {
		return;
	}
	if (len > room) {
		len = room;
	}
	memcpy(s->input + s->input_end, chunk, len);
	s->input_end += len;
}

/* ---- the loop ---- */

enum {
	POLL_SIGNALS,
	POLL_INPUT,
	POLL_CONSOLE,
	POLL_COUNT
};

/* Files and pipes wait until what was read is sent; a terminal is always
 * read, or Ctrl-] would go unseen. */
static bool want_input(const struct session *s)
{
	return s->input_open &&
	       (s->terminal ||
		(s->console != NULL && s->input_start == s->input_end));
}

static int prepare_poll(const struct session *s, struct pollfd *fds)
{
	int64_t wait;

	fds[POLL_SIGNALS] =
		(struct pollfd){ .fd = signals_fd(), .events = POLLIN };
	fds[POLL_INPUT] =
		(struct pollfd){ .fd = want_input(s) ? STDIN_FILENO : -1,
				 .events = POLLIN };
	fds[POLL_CONSOLE] = (struct pollfd){ .fd = -1, .events = POLLIN };
	if (s->console == NULL) {
		wait = s->retry_at - now_ms();
		return wait > 0 ? (int)wait : 0;
	}
	fds[POLL_CONSOLE].fd = s->console->fd;
	if (s->input_start < s->input_end) {
		fds[POLL_CONSOLE].events |= POLLOUT;
	}
	if (!is_blank(s) || s->silent_at == 0) {
		return -1;
	}
	wait = s->silent_at - now_ms();
	return wait > 0 ? (int)wait : 0;
}

static void turn(struct session *s)
{
	struct pollfd fds[POLL_COUNT];
	int timeout = prepare_poll(s, fds);

	if (poll(fds, POLL_COUNT, timeout) < 0 && errno != EINTR) {
		end_session(s, EXIT_REQUEST);
		return;
	}
	if (signals_pending() != 0) {
		end_session(s, signals_exit_status());
		return;
	}
	if ((fds[POLL_CONSOLE].revents & POLLOUT) != 0) {
		write_console(s);
	}
	if ((fds[POLL_CONSOLE].revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
		read_console(s);
	}
	if (fds[POLL_INPUT].revents != 0) {
		read_input(s);
	}
	if (s->console == NULL && !s->ended) {
		retry(s);
	}
	if (s->console != NULL && !s->ended && is_blank(s) &&
	    s->silent_at != 0 && now_ms() >= s->silent_at) {
		advise(s);
	}
}

/* ---- begin and end ---- */

static void set_resume(struct session *s)
{
	uint64_t offset;

	if (offset_load(&s->key, &offset)) {
		s->options.from = HVD_CONSOLE_FROM_OFFSET;
		s->options.offset = offset;
	}
}

/* EXIT_OK, or an exit status after saying why there is no console. */
static int identify(struct session *s)
{
	struct hvd_zone_detail *detail;
	int err = get_zone(s, &detail);
	bool off;

	if (err != 0) {
		return report_zone(s->ctx, err, "console", s->zone);
	}
	off = strcmp(detail->zone.state, HVD_STATE_DEFINED) == 0;
	s->uuid = strdup(detail->zone.uuid);
	s->key = (struct offset_key){ .uuid = s->uuid,
				      .device = s->options.device,
				      .zone_id = detail->zone.id };
	hvd_zone_detail_free(detail);
	if (off) {
		complain("console %s: the zone is not running", s->zone);
		hint("'hvsh start %s --console' starts it and opens its "
		     "console",
		     s->zone);
		return EXIT_REQUEST;
	}
	return s->uuid != NULL ? EXIT_OK : out_of_memory();
}

static void greet(const struct session *s)
{
	if (s->terminal) {
		fprintf(stderr, "[%s: %s; Ctrl-] leaves]\n", s->zone,
			s->device != NULL ? s->device : "console");
	}
	if (!s->console->writer &&
	    (s->options.flags & HVD_CONSOLE_READONLY) == 0) {
		fprintf(stderr,
			"[%s: another client writes, this one only looks; "
			"--force takes over]\n",
			s->zone);
	}
}

/* Also under the device's own name, if the daemon chose it. */
static void save_place(struct session *s)
{
	offset_save(&s->key, s->offset + s->skip);
	if (s->key.device == NULL && s->device != NULL) {
		s->key.device = s->device;
		offset_save(&s->key, s->offset + s->skip);
	}
}

static void run_session(struct session *s)
{
	if (s->terminal && !term_raw()) {
		s->terminal = false;
	}
	while (!s->ended) {
		turn(s);
	}
	/* What was typed just before leaving. */
	if (s->console != NULL && s->input_start < s->input_end) {
		write_console(s);
	}
	if (s->terminal) {
		term_restore();
		fputs("\r\n", stderr);
	}
	save_place(s);
}

static int begin(struct session *s, bool resume)
{
	int status, err;

	s->input = malloc(INPUT_MAX);
	if (s->input == NULL) {
		return out_of_memory();
	}
	status = identify(s);
	if (status != EXIT_OK) {
		return status;
	}
	if (resume) {
		set_resume(s);
	}
	err = open_console(s);
	if (err != 0) {
		return report_zone(s->ctx, err, "console", s->zone);
	}
	if (s->console->device != NULL) {
		s->device = strdup(s->console->device);
	}
	return EXIT_OK;
}

int console_session(struct context *ctx, const struct console_request *request)
{
	struct session s = {
		.ctx = ctx,
		.zone = request->zone,
		.options = request->options,
		.terminal = isatty(STDIN_FILENO),
	};
	int status = begin(&s, request->resume);

	if (status == EXIT_OK) {
		greet(&s);
		s.input_open = s.terminal || is_writer(&s);
		/* Leaving must not wait for a daemon that hangs. */
		hvd_set_timeout(ctx->conn, RPC_TIMEOUT_MS);
		run_session(&s);
		status = s.status;
	}
	hvd_console_close(s.console);
	free(s.input);
	free(s.uuid);
	free(s.device);
	return status;
}
