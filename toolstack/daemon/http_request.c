/* SPDX-License-Identifier: BSD-2-Clause */
#include "http_request.h"

#include <string.h>
#include <strings.h>

struct span {
	const char *at;
	size_t len;
};

static bool is(struct span s, const char *text)
{
	return s.len == strlen(text) && memcmp(s.at, text, s.len) == 0;
}

static bool begins(struct span s, const char *text)
{
	size_t len = strlen(text);

	return s.len >= len && memcmp(s.at, text, len) == 0;
}

/* Up to the separator, which is taken, too; false: there is none. */
static bool take(struct span *from, const char *separator, struct span *ret)
{
	size_t len = strlen(separator);
	const char *end = memmem(from->at, from->len, separator, len);

	if (!end) {
		return false;
	}
	*ret = (struct span){ from->at, (size_t)(end - from->at) };
	from->len -= ret->len + len;
	from->at = end + len;
	return true;
}

static bool is_token(struct span s)
{
	static const char others[] = "!#$%&'*+-.^_`|~";

	for (size_t i = 0; i < s.len; i++) {
		char c = s.at[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		      (c >= '0' && c <= '9') ||
		      memchr(others, c, sizeof(others) - 1))) {
			return false;
		}
	}
	return s.len != 0;
}

/* No control characters; a line's end is not in there. */
static bool is_text(struct span s, bool tab)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.at[i];

		if ((c < ' ' && !(tab && c == '\t')) || c == 0x7f) {
			return false;
		}
	}
	return true;
}

static struct span trimmed(struct span s)
{
	while (s.len && (s.at[0] == ' ' || s.at[0] == '\t')) {
		s.at++;
		s.len--;
	}
	while (s.len && (s.at[s.len - 1] == ' ' || s.at[s.len - 1] == '\t')) {
		s.len--;
	}
	return s;
}

/* An address, or localhost: nobody can make another machine's name of these. */
static bool is_no_name(struct span host)
{
	static const char localhost[] = "localhost";
	struct span bare = host;

	if (host.len && host.at[0] == '[') {
		return true;
	}
	(void)take(&host, ":", &bare);
	if (bare.len == sizeof(localhost) - 1 &&
	    strncasecmp(bare.at, localhost, bare.len) == 0) {
		return true;
	}
	for (size_t i = 0; i < bare.len; i++) {
		if (!memchr("0123456789.", bare.at[i], 11)) {
			return false;
		}
	}
	return bare.len != 0;
}

/* All lines are fields, and Host is among them once. */
static bool fields_good(struct span rest, bool needs_host,
			struct span *ret_host)
{
	unsigned int hosts = 0;
	struct span line;
	struct span name;

	while (take(&rest, "\r\n", &line)) {
		if (!take(&line, ":", &name) || !is_token(name) ||
		    !is_text(line, true)) {
			return false;
		}
		if (name.len == 4 && strncasecmp(name.at, "host", 4) == 0) {
			*ret_host = trimmed(line);
			hosts++;
		}
	}
	return hosts == 1 || (hosts == 0 && !needs_host);
}

static bool is_path(struct span target, const char *path)
{
	struct span bare;

	return is(target, path) ||
	       (take(&target, "?", &bare) && is(bare, path));
}

static int parse(struct span head, const char *path, bool names, bool *ret_head)
{
	struct span host = { 0 };
	struct span line;
	struct span method;
	struct span target;

	if (!take(&head, "\r\n", &line) || !is_text(line, false) ||
	    !take(&line, " ", &method) || !take(&line, " ", &target) ||
	    !is_token(method) || target.len == 0 || !begins(line, "HTTP/")) {
		return 400;
	}
	if (!is(line, "HTTP/1.1") && !is(line, "HTTP/1.0")) {
		return 505;
	}
	if (!fields_good(head, is(line, "HTTP/1.1"), &host)) {
		return 400;
	}
	if (!names && host.at && !is_no_name(host)) {
		return 421;
	}
	if (!is(method, "GET") && !is(method, "HEAD")) {
		return 405;
	}
	*ret_head = is(method, "HEAD");
	return is_path(target, path) ? 200 : 404;
}

int http_request_status(const char *text, size_t len, const char *path,
			bool names, bool *ret_head)
{
	struct span all = { text, len < HTTP_HEAD_MAX ? len : HTTP_HEAD_MAX };
	struct span head;

	*ret_head = false;
	if (!take(&all, "\r\n\r\n", &head)) {
		return len >= HTTP_HEAD_MAX ? 431 : 0;
	}
	/* With the end of its last line. */
	head.len += 2;
	return parse(head, path, names, ret_head);
}

const char *http_status_text(int status)
{
	static const struct {
		int status;
		const char *text;
	} texts[] = {
		{ 200, "OK" },
		{ 400, "Bad Request" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 421, "Misdirected Request" },
		{ 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" },
		{ 503, "Service Unavailable" },
		{ 505, "HTTP Version Not Supported" },
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (texts[i].status == status) {
			return texts[i].text;
		}
	}
	return "";
}
