/* SPDX-License-Identifier: BSD-2-Clause */
/* The member "nbd" of a disk: where its NBD server is, and which export. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "zone_def_parse.h"

static const char shape_hint[] =
	"as in {\"socket\": \"/run/nbd.sock\", \"export\": \"root\"} or "
	"{\"host\": \"192.0.2.1\", \"port\": 10809}";

bool zone_def_is_nbd(const struct zone_device *device)
{
	return device->nbd.address[0] != '\0';
}

bool zone_nbd_same(const struct zone_nbd *a, const struct zone_nbd *b)
{
	return a->port == b->port && strcmp(a->address, b->address) == 0 &&
	       strcmp(a->export_name, b->export_name) == 0;
}

/* ------------------------------------------------------------ reading */

static int parse_socket(struct def_parser *p, const char *path,
			struct json_object *value, struct zone_nbd *nbd)
{
	static const char hint[] = "the path of the server's unix socket in "
				   "zone0, from the root: /run/…";
	const char *text;

	if (def_need_type(p, path, value, json_type_string, hint) < 0) {
		return -1;
	}
	text = json_object_get_string(value);
	if (text[0] != '/') {
		return DEF_REFUSE(p, path, hint,
				  "must be an absolute path, not \"%.64s\"",
				  text);
	}
	if (strlen(text) > ZONE_DEF_NBD_SOCKET_MAX) {
		return DEF_REFUSE(p, path,
				  "no socket has a longer path: make a "
				  "symbolic link to its folder",
				  "is longer than %u bytes",
				  ZONE_DEF_NBD_SOCKET_MAX);
	}
	snprintf(nbd->address, sizeof(nbd->address), "%s", text);
	return 0;
}

/* In the one way that there is to write it, so that it can be compared. */
static int parse_host(struct def_parser *p, const char *path,
		      struct json_object *value, struct zone_nbd *nbd)
{
	static const char hint[] = "as in \"192.0.2.1\" or \"2001:db8::1\": "
				   "names are not looked up";
	static const int families[] = { AF_INET, AF_INET6 };
	struct in6_addr address; /* either fits */

	if (def_need_type(p, path, value, json_type_string, hint) < 0) {
		return -1;
	}
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		if (inet_pton(families[i], json_object_get_string(value),
			      &address) == 1) {
			inet_ntop(families[i], &address, nbd->address,
				  sizeof(nbd->address));
			return 0;
		}
	}
	return DEF_REFUSE(p, path, hint,
			  "\"%.64s\" is neither an IPv4 nor an IPv6 address",
			  json_object_get_string(value));
}

static int parse_port(struct def_parser *p, const char *path,
		      struct json_object *value, struct zone_nbd *nbd)
{
	int64_t number = 0;

	if (def_get_int(p, path, value, 1, UINT16_MAX,
			"leave it out to get NBD's own, 10809", &number) < 0) {
		return -1;
	}
	nbd->port = (uint16_t)number;
	return 0;
}

static int parse_export(struct def_parser *p, const char *path,
			struct json_object *value, struct zone_nbd *nbd)
{
	static const char hint[] = "the name of one of the server's exports; "
				   "leave it out to get its default one";

	if (def_need_type(p, path, value, json_type_string, hint) < 0) {
		return -1;
	}
	if ((size_t)json_object_get_string_len(value) >
	    ZONE_DEF_NBD_EXPORT_MAX) {
		return DEF_REFUSE(p, path, NULL, "is longer than %u bytes",
				  ZONE_DEF_NBD_EXPORT_MAX);
	}
	snprintf(nbd->export_name, sizeof(nbd->export_name), "%s",
		 json_object_get_string(value));
	return 0;
}

/* Either a socket, or a host and perhaps a port. */
static int check_shape(struct def_parser *p, const char *path,
		       struct json_object *json)
{
	bool has_socket = json_object_object_get_ex(json, "socket", NULL);
	bool has_host = json_object_object_get_ex(json, "host", NULL);
	char at[ZERROR_PATH_MAX];

	if (!has_socket && !has_host) {
		return DEF_REFUSE(p, path, shape_hint,
				  "must have a socket or a host");
	}
	if (has_socket && has_host) {
		zerror_path(at, "%s.host", path);
		return DEF_REFUSE(p, at, "leave one of both out",
				  "clashes with socket: a server is at one "
				  "place");
	}
	if (has_socket && json_object_object_get_ex(json, "port", NULL)) {
		zerror_path(at, "%s.port", path);
		return DEF_REFUSE(p, at, "leave it out", "belongs to a host");
	}
	return 0;
}

int zone_nbd_parse(struct def_parser *p, const char *path,
		   struct json_object *json, struct zone_nbd *ret)
{
	static const struct {
		const char *name;
		int (*parse)(struct def_parser *p, const char *path,
			     struct json_object *value, struct zone_nbd *nbd);
	} members[] = {
		{ "socket", parse_socket },
		{ "host", parse_host },
		{ "port", parse_port },
		{ "export", parse_export },
	};
	static const char *const names[] = { "socket", "host", "port", "export",
					     NULL };
	struct zone_nbd nbd = { .port = 0 };

	if (def_need_type(p, path, json, json_type_object, shape_hint) < 0 ||
	    def_only_members(p, path, json, "a disk's nbd", names) < 0 ||
	    check_shape(p, path, json) < 0) {
		return -1;
	}
	if (json_object_object_get_ex(json, "host", NULL)) {
		nbd.port = ZONE_DEF_NBD_PORT_DEFAULT;
	}
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		struct json_object *value;
		char at[ZERROR_PATH_MAX];

		zerror_path(at, "%s.%s", path, members[i].name);
		if (json_object_object_get_ex(json, members[i].name, &value) &&
		    members[i].parse(p, at, value, &nbd) < 0) {
			return -1;
		}
	}
	*ret = nbd;
	return 0;
}

/* ------------------------------------------------------------ writing */

void zone_nbd_to_json(const struct zone_nbd *nbd, struct json_object *json)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, nbd->port ? "host" : "socket",
			       json_object_new_string(nbd->address));
	if (nbd->port) {
		json_object_object_add(object, "port",
				       json_object_new_int(nbd->port));
	}
	json_object_object_add(object, "export",
			       json_object_new_string(nbd->export_name));
	json_object_object_add(json, "nbd", object);
}

/* RFC 3986, 2.3: what needs no escape, and the slash. */
static bool is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || strchr("-._~/", c) != NULL;
}

static char *add_escaped(char *at, const char *text)
{
	for (; *text; text++) {
		if (is_plain(*text)) {
			*at++ = *text;
		} else {
			at += sprintf(at, "%%%02X", (unsigned char)*text);
		}
	}
	*at = '\0';
	return at;
}

void zone_nbd_uri(const struct zone_nbd *nbd, char ret[ZONE_NBD_URI_MAX])
{
	if (nbd->port == 0) {
		ret += sprintf(ret, "nbd+unix:///");
		ret = add_escaped(ret, nbd->export_name);
		ret += sprintf(ret, "?socket=");
		add_escaped(ret, nbd->address);
		return;
	}
	ret += sprintf(ret,
		       strchr(nbd->address, ':') ? "nbd://[%s]" : "nbd://%s",
		       nbd->address);
	if (nbd->port != ZONE_DEF_NBD_PORT_DEFAULT) {
		ret += sprintf(ret, ":%u", nbd->port);
	}
	add_escaped(ret + sprintf(ret, "/"), nbd->export_name);
}
