/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The head of an HTTP/1 request (RFC 9112), as much of it as somebody needs who
 * has one document to give and closes the connection behind it.
 */
#ifndef ZV_TOOLSTACK_DAEMON_HTTP_REQUEST_H
#define ZV_TOOLSTACK_DAEMON_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#define HTTP_HEAD_MAX 8192u

/*
 * Looks at the len bytes that have come.  0: they are not all of a head yet; or
 * the status of the answer: 200 for GET and HEAD (*ret_head) of path, else an
 * error's, 431 for a head of more than HTTP_HEAD_MAX bytes.  Without names, a Host
 * that is neither an address nor localhost gets 421: a page of that host, in
 * somebody's browser, would read what is ours to give to this machine alone.
 */
int http_request_status(const char *text, size_t len, const char *path,
			bool names, bool *ret_head);

const char *http_status_text(int status);

#endif /* ZV_TOOLSTACK_DAEMON_HTTP_REQUEST_H */
