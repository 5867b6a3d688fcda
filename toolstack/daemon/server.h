/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where clients connect: one socket for everything, one for what only reads.
 * A lock file makes sure that there is one daemon per run directory; it is the
 * lock that counts, so a socket left over from a crash is no obstacle.
 */
#ifndef ZV_TOOLSTACK_DAEMON_SERVER_H
#define ZV_TOOLSTACK_DAEMON_SERVER_H

#include <stdbool.h>

struct daemon;

/* Requests per second: of a connection; of a user of the read-only socket. */
#define SERVER_RATE 100000u
#define SERVER_RATE_READONLY 1000u
#define SERVER_RATE_MAX 1000000000u

/* 0, or -1 after logging why. */
int server_lock(struct daemon *daemon);
int server_listen(struct daemon *daemon);

/* Drops all clients and stops listening. */
void server_close(struct daemon *daemon);
/* Clients that are connected. */
unsigned int server_clients(const struct daemon *daemon, bool readonly);
void server_free(struct daemon *daemon); /* after the loop has ended */

#endif /* ZV_TOOLSTACK_DAEMON_SERVER_H */
