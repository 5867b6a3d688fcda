/* SPDX-License-Identifier: BSD-2-Clause */
#include "display/display_card.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/container_of.h"
#include "display/display_sandbox.h"
#include "display/display_screen.h"

static int start(struct display_card *card, int fd)
{
	struct display_hub *hub = card->hub;
	struct display_screen what = {
		.memory = hub->memory,
		.heads = hub->heads,
	};
	struct display_child_task task = {
		.fds = { fd, card->uevents },
		.fd_count = 2 + hub->heads,
		.sandbox = display_sandbox_screen,
		.work = display_screen_run,
		.argument = &what,
	};
	int rc = display_hub_open_monitors(hub, &task.fds[2]);

	if (rc != 0) {
		return rc;
	}
	rc = display_child_start(&card->child, &task);
	for (uint32_t head = 0; head < hub->heads; head++) {
		close(task.fds[2 + head]);
	}
	if (rc != 0) {
		display_hub_close_monitors(hub);
	}
	return rc;
}

/* The card is its alone: it is given back when it ends, however that comes. */
static void try(struct display_card *card, int fd)
{
	int rc = start(card, fd);

	close(fd);
	if (rc != 0) {
		card->on_end(card, strerror(-rc));
	}
}

static const char *reason(int status)
{
	if (WIFSIGNALED(status)) {
		return "the process that shows it was killed";
	}
	switch (WEXITSTATUS(status)) {
	case 0:
		return "hvd-display has closed its links";
	case EACCES:
		return "another program has become its master";
	case ENODEV:
		return "it has been unplugged";
	default:
		return strerror(WEXITSTATUS(status));
	}
}

static void on_child_end(struct display_child *child, int status)
{
	struct display_card *card =
		container_of(child, struct display_card, child);
	int fd = card->next;

	display_hub_close_monitors(card->hub);
	card->next = -1;
	if (fd >= 0) {
		try(card, fd);
	} else {
		card->on_end(card, reason(status));
	}
}

static const char *check(const struct display_card *card, int fd)
{
	struct stat st;

	if (card->uevents < 0) {
		return "the configuration has no card";
	}
	if (fd < 0) {
		return "no card came with the command";
	}
	return fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode)
		       ? "that is no graphics card"
		       : NULL;
}

void display_card_give(struct display_card *card, int fd)
{
	const char *why = check(card, fd);

	if (why != NULL) {
		if (fd >= 0) {
			close(fd);
		}
		card->on_end(card, why);
		return;
	}
	if (card->child.pid == 0) {
		try(card, fd);
		return;
	}
	if (card->next >= 0) {
		close(card->next);
	}
	card->next = fd;
	/* It ends when its links do. */
	display_hub_close_monitors(card->hub);
}

void display_card_init(struct display_card *card)
{
	card->child.loop = card->hub->loop;
	card->child.on_end = on_child_end;
	card->next = -1;
}

void display_card_fini(struct display_card *card)
{
	display_hub_close_monitors(card->hub);
	display_child_forget(&card->child);
	if (card->next >= 0) {
		close(card->next);
		card->next = -1;
	}
	if (card->uevents >= 0) {
		close(card->uevents);
		card->uevents = -1;
	}
}
