/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The RPC methods.  methods_table is checked against openrpc.json by a test;
 * both list every method and parameter.  Handlers of zone methods are in
 * zone_methods.c.
 */
#ifndef ZV_TOOLSTACK_DAEMON_METHODS_H
#define ZV_TOOLSTACK_DAEMON_METHODS_H

#include <stddef.h>

#include "rpc.h"

struct zone;
struct zone_def;

extern const struct rpc_method methods_table[];

/* Of ZV_EXIT_*, as host.counters calls it; NULL: there is no such reason yet. */
const char *methods_exit_name(size_t reason);

/* What handlers share.  The zone `name` means; NULL: the call has failed. */
struct zone *methods_zone(struct rpc_call *call, struct json_object *params);
/* May a zone be called so?  -1: the call has failed. */
int methods_new_name(struct rpc_call *call, const char *name);
/* Takes def over: of z, or of a new zone (NULL). */
void methods_define(struct rpc_call *call, struct zone *z,
		    struct zone_def *def);

#define METHODS_ZONE(name)                              \
	void methods_zone_##name(struct rpc_call *call, \
				 struct json_object *params)

METHODS_ZONE(list);
METHODS_ZONE(get);
METHODS_ZONE(define);
METHODS_ZONE(undefine);
METHODS_ZONE(rename);
METHODS_ZONE(clone);
METHODS_ZONE(create);
METHODS_ZONE(start);
METHODS_ZONE(shutdown);
METHODS_ZONE(reboot);
METHODS_ZONE(reset);
METHODS_ZONE(destroy);
METHODS_ZONE(pause);
METHODS_ZONE(resume);
METHODS_ZONE(dump);
METHODS_ZONE(pin);
METHODS_ZONE(set);
METHODS_ZONE(attach);

void methods_display_get(struct rpc_call *call, struct json_object *params);
void methods_display_screenshot(struct rpc_call *call,
				struct json_object *params);
void methods_display_send_keys(struct rpc_call *call,
			       struct json_object *params);
void methods_device_counters(struct rpc_call *call, struct json_object *params);
void methods_device_resize(struct rpc_call *call, struct json_object *params);
void methods_device_set(struct rpc_call *call, struct json_object *params);
void methods_device_resume(struct rpc_call *call, struct json_object *params);

#endif /* ZV_TOOLSTACK_DAEMON_METHODS_H */
