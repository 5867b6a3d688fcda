/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A graphics card of zone0 that a zone's heads are shown on: hvd opens it, becomes
 * its master (the one program that may say what monitors show) and gives it to
 * hvd-display.  That is the open file's, so it holds for who was given it.
 *
 *   idle --hold(), take()--> held --lost()--> waits --time--> wanted()
 *   any --release--> idle
 */
#ifndef ZV_TOOLSTACK_DAEMON_DISPLAY_CARD_H
#define ZV_TOOLSTACK_DAEMON_DISPLAY_CARD_H

#include <limits.h>
#include <stdbool.h>
#include <uv.h>

#include "backoff.h"
#include "zerror.h"

struct display_card {
	/* It has been waited long enough: take() it. */
	void (*wanted)(struct display_card *card);
	const char *zone; /* name, for the log */
	char path[PATH_MAX]; /* empty: there is to be none */
	int fd; /* -1: not held */
	struct backoff backoff;
	uv_timer_t timer; /* until `wanted` */
	char error[256]; /* why nothing is shown there; empty: it is */
	char logged[256]; /* of these the last, since it was shown */
};

/*
 * An fd whose open file is master of the card, or -1; at: the member of the
 * definition that names it.
 */
int display_card_open(const char *card, const char *at,
		      struct zerror *ret_error);
/* Closes it; whoever has a copy of fd is not master any more, either. */
void display_card_close(int fd);
/* Whether both are names of one card. */
bool display_card_same(const char *a, const char *b);

void display_card_init(struct display_card *card, uv_loop_t *loop,
		       const char *zone, void (*wanted)(struct display_card *));
/* path "": none.  Takes fd over: of display_card_open(), or -1. */
void display_card_hold(struct display_card *card, const char *path, int fd);
/* What to give away, still ours: -1: there is none, or not yet. */
int display_card_take(struct display_card *card);
/* Who was given it can show nothing there. */
void display_card_lost(struct display_card *card, const char *why);
/* Who was given it can show what there is to show. */
void display_card_shows(struct display_card *card);
/* Zone0's console is on the monitors again, if it has one.  path stays. */
void display_card_release(struct display_card *card);

#endif /* ZV_TOOLSTACK_DAEMON_DISPLAY_CARD_H */
