/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The supervisor of a zone's hvd-display, which shows what is in its video memory
 * to viewers: starts it with the first I/O process, hands it one end of a socket
 * whose other end an I/O process has, starts it again when it dies.
 *
 *   idle --give()--> runs --dies--> waits --time--> runs, wants a socket (ops)
 *   any --stop--> idle
 *
 * A card is given to each new process, and again when nothing is shown on it
 * (display_card.h).
 *
 * hvd-display gets: fd 3 a socket for newline-separated JSON, fd 4 the video memory,
 * read-only, and from 5 on the listening sockets.  It ends when fd 3 does.  What it
 * says is checked: it talks to viewers that may have taken it over.
 */
#ifndef ZV_TOOLSTACK_DAEMON_DISPLAY_PROCESS_H
#define ZV_TOOLSTACK_DAEMON_DISPLAY_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>
#include <uv.h>

#include "backoff.h"
#include "display_card.h"
#include "display_listen.h"
#include "vnc_tls.h"
#include "zerror.h"
#include "zone_def.h"

#define DISPLAY_PASSWORD_MAX 8u /* RFC 6143, 7.2.2 */
#define DISPLAY_LISTEN_FD 5

struct display_child;
struct display_process;
struct display_shot;

struct display_process_ops {
	/* A new process has no socket to the device yet. */
	void (*wants_socket)(struct display_process *display);
	/* There are display->viewers now. */
	void (*viewers)(struct display_process *display);
};

/* On what a head is shown, of the card. */
struct display_monitor {
	char connector[32]; /* "HDMI-A-1"; empty: on none */
	uint32_t width; /* pixels of its mode; 0: on none */
	uint32_t height;
	uint32_t refresh; /* Hz */
	char error[96]; /* why it shows nothing; or empty */
};

/* Takes what is told of a picture; error NULL: it is written. */
typedef void (*display_shot_cb)(void *user, const struct zerror *error);

struct display_process {
	const struct display_process_ops *ops;
	uv_loop_t *loop;
	const char *program;
	const char *zone; /* name */
	bool on; /* between start and stop */
	uint32_t heads;
	uint64_t memory; /* bytes */
	char video[PATH_MAX]; /* the file */
	dev_t video_device; /* ... that child has */
	ino_t video_inode;
	char password[DISPLAY_PASSWORD_MAX + 1]; /* empty: none */
	char tls_folder[PATH_MAX]; /* empty: none */
	struct vnc_tls tls; /* what was in it */
	struct display_listen listen;
	struct display_child *child;
	bool connected; /* child has a socket to a device, or pending is one */
	int pending; /* for the next child; -1: none */
	struct backoff backoff;
	unsigned int restarts;
	unsigned int viewers;
	struct {
		uint32_t width; /* 0: it shows nothing */
		uint32_t height;
		struct display_monitor monitor;
	} head[ZONE_DEF_HEADS_MAX];
	struct display_card card;
	struct display_shot *shots; /* pictures that are being written */
	uint64_t last_shot; /* its id */
	uv_timer_t timer; /* of the next start, or until it is ready */
	uv_timer_t patience; /* active: shots have to be answered */
	char last_error[256];
	char logged[256]; /* of these the last, since it was ready */
};

void display_process_init(struct display_process *display, uv_loop_t *loop,
			  const struct display_process_ops *ops,
			  const char *program, const char *zone);

/*
 * Idle; takes listen and tls over, and card: of display_card_open(), or -1.  video:
 * the file's path, password: "" for none, tls->fd -1: none.  Nothing is started
 * before give().
 */
void display_process_start(struct display_process *display,
			   const struct zone_gpu *gpu, const char *video,
			   const char *password, const struct vnc_tls *tls,
			   const struct display_listen *listen, int card);

/* Takes fd over: a socket to the device, in place of any there was. */
void display_process_give(struct display_process *display, int fd);

/* Wants a PNG of the head in fd, which stays the caller's; `told` comes once. */
void display_process_shoot(struct display_process *display, uint32_t head,
			   int fd, display_shot_cb told, void *user);

/* It misbehaves, as somebody else has noticed: another one is started. */
void display_process_replace(struct display_process *display, const char *why);

/* All viewers are cut off, nobody listens.  Idle ones are left alone. */
void display_process_stop(struct display_process *display);

/* 0: none. */
int display_process_pid(const struct display_process *display);

/*
 * The daemon ends, and with it the process.  on_closed runs for each of
 * DISPLAY_PROCESS_HANDLES; then the memory may go.
 */
#define DISPLAY_PROCESS_HANDLES 3u
void display_process_close(struct display_process *display,
			   uv_close_cb on_closed);

#endif /* ZV_TOOLSTACK_DAEMON_DISPLAY_PROCESS_H */
