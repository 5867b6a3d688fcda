/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading hvd's answers, which are held to its OpenRPC document by tests: what
 * is not there is empty, and nothing has to be checked on the way.
 */
#ifndef ZV_TOOLSTACK_LIBVIRT_JSON_H
#define ZV_TOOLSTACK_LIBVIRT_JSON_H

#include <stdbool.h>
#include <stdint.h>

struct json_object;

/* A member, NULL if it is not there; from NULL, too. */
struct json_object *json_get(struct json_object *object, const char *key);
/* The same along a path of keys, "info.cpu_time_ns". */
struct json_object *json_at(struct json_object *object, const char *path);

const char *json_text(struct json_object *object, const char *key); /* or "" */
int64_t json_number(struct json_object *object, const char *key,
		    int64_t missing);
bool json_flag(struct json_object *object, const char *key);
bool json_is(struct json_object *object, const char *key, const char *text);

/* Sets a member; value is used up, also if memory has run out. */
void json_put(struct json_object *object, const char *key,
	      struct json_object *value);

/* "512M" as definitions have it, in bytes; 0: something else. */
uint64_t json_size(struct json_object *object, const char *key);

#endif /* ZV_TOOLSTACK_LIBVIRT_JSON_H */
