/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * /metrics over HTTP/1.1: on a unix socket that everybody may use, as the read-only
 * one, and if it is wanted on a TCP port of a loopback address.
 *
 * A connection is one request and has METRICS_CLIENT_MS for all of it.  What comes
 * beyond a request is thrown away, up to a bound; so a client costs at most a
 * request head and its share in the text.
 */
#ifndef ZV_TOOLSTACK_DAEMON_METRICS_SERVER_H
#define ZV_TOOLSTACK_DAEMON_METRICS_SERVER_H

#include <netinet/in.h>

struct daemon;

#define METRICS_CLIENT_MS 10000u

/* "127.0.0.1:9100" or "[::1]:9100": 0, or -1: that is no such address. */
int metrics_address_parse(const char *text, struct sockaddr_storage *ret);

/* What cannot be listened on is logged: zones come first. */
void metrics_server_open(struct daemon *daemon);
void metrics_server_close(struct daemon *daemon);

#endif /* ZV_TOOLSTACK_DAEMON_METRICS_SERVER_H */
