/* SPDX-License-Identifier: BSD-2-Clause */
/* What the readers of a definition's members share; private to them. */
#ifndef ZV_TOOLSTACK_COMMON_ZONE_DEF_PARSE_H
#define ZV_TOOLSTACK_COMMON_ZONE_DEF_PARSE_H

#include <json-c/json.h>

#include "zone_def.h"

struct def_parser {
	struct zone_def *def;
	const char *root;
	struct zerror *error;
};

/* "devices[1].type" of the path "$.devices[1].type". */
const char *def_subject(const struct def_parser *p, const char *path);

/* The message says of the member at path what is wrong: "must be ...". */
#define DEF_REFUSE(p, path, hint, format, ...)                            \
	zerror_set((p)->error, ZERROR_INVALID_DEFINITION, (path), (hint), \
		   "%s " format, def_subject((p), (path)), ##__VA_ARGS__)

/*
 * Values of one type.  0, or -1 with the parser's error set; what they are to
 * fill is left alone then.
 */
int def_need_type(struct def_parser *p, const char *path,
		  struct json_object *value, enum json_type type,
		  const char *hint);
int def_get_int(struct def_parser *p, const char *path,
		struct json_object *value, int64_t min, int64_t max,
		const char *hint, int64_t *ret_int);
int def_get_bool(struct def_parser *p, const char *path,
		 struct json_object *value, bool *ret_bool);
/* Replaces *ret_text, which is freed. */
int def_get_text(struct def_parser *p, const char *path,
		 struct json_object *value, size_t max, const char *hint,
		 char **ret_text);
int def_get_path(struct def_parser *p, const char *path,
		 struct json_object *value, char **ret_text);
/* One of `count` words; the hint lists them. */
int def_get_word(struct def_parser *p, const char *path,
		 struct json_object *value, const char *const *words,
		 size_t count, unsigned int *ret_index);

/* Every member of json must be one of names; what: "a zone definition". */
int def_only_members(struct def_parser *p, const char *path,
		     struct json_object *json, const char *what,
		     const char *const *names);

/* ----------------------------------- what describes a zone: zone_about.c */

int zone_about_title(struct def_parser *p, const char *path,
		     struct json_object *value);
int zone_about_description(struct def_parser *p, const char *path,
			   struct json_object *value);
int zone_about_metadata(struct def_parser *p, const char *path,
			struct json_object *value);
/* Title and description; what people read comes first in a definition ... */
void zone_about_to_json(const struct zone_about *about,
			struct json_object *json);
/* ... and what programs read last. */
void zone_metadata_to_json(const struct zone_about *about,
			   struct json_object *json);

/* ------------------------------------- the member "devices": zone_device.c */

void zone_devices_default(struct zone_def *def);
int zone_devices_parse(struct def_parser *p, const char *path,
		       struct json_object *value);
struct json_object *zone_devices_to_json(const struct zone_def *def);
/* to has none; false: out of memory, and it has some. */
bool zone_devices_copy(const struct zone_def *from, struct zone_def *to);
bool zone_devices_equal(const struct zone_def *a, const struct zone_def *b);
void zone_devices_clear(struct zone_def *def);

/* --------------------------- what those of several types have: zone_limits.c */

/* what: "a disk's limits"; those it may have. */
int zone_limits_parse(struct def_parser *p, const char *path,
		      struct json_object *value, struct zone_device *device,
		      const char *what, const enum zone_limit *limits,
		      size_t count);

/* --------------------------------- the member "nbd" of a disk: zone_nbd.c */

int zone_nbd_parse(struct def_parser *p, const char *path,
		   struct json_object *value, struct zone_nbd *ret);
/* Adds "nbd" to json. */
void zone_nbd_to_json(const struct zone_nbd *nbd, struct json_object *json);

/* -------------------------------------- the members of a "net": zone_net.c */

int zone_net_bridge(struct def_parser *p, const char *path,
		    struct json_object *value, struct zone_device *device);
int zone_net_user(struct def_parser *p, const char *path,
		  struct json_object *value, struct zone_device *device);
int zone_net_mac(struct def_parser *p, const char *path,
		 struct json_object *value, struct zone_device *device);
int zone_net_mtu(struct def_parser *p, const char *path,
		 struct json_object *value, struct zone_device *device);
int zone_net_queues(struct def_parser *p, const char *path,
		    struct json_object *value, struct zone_device *device);
int zone_net_link(struct def_parser *p, const char *path,
		  struct json_object *value, struct zone_device *device);
int zone_net_vhost(struct def_parser *p, const char *path,
		   struct json_object *value, struct zone_device *device);
void zone_net_defaults(const struct zone_def *def, struct zone_device *device);
/*
 * A bridge or user mode, with what goes with it.  Gives it an address as soon as
 * that is known; no two have the same.
 */
int zone_net_check(struct def_parser *p, const char *path,
		   struct zone_device *device);
void zone_net_to_json(const struct zone_device *device,
		      struct json_object *json);

/* ------------------------------------------ ports of those: zone_forward.c */

int zone_forward_parse(struct def_parser *p, const char *path,
		       struct json_object *value, struct zone_device *device);
bool zone_forwards_equal(const struct zone_device *a,
			 const struct zone_device *b);

/* -------------------------------------- screens and keys: zone_screen.c */

int zone_gpu_heads(struct def_parser *p, const char *path,
		   struct json_object *value, struct zone_device *device);
int zone_gpu_width(struct def_parser *p, const char *path,
		   struct json_object *value, struct zone_device *device);
int zone_gpu_height(struct def_parser *p, const char *path,
		    struct json_object *value, struct zone_device *device);
int zone_gpu_memory(struct def_parser *p, const char *path,
		    struct json_object *value, struct zone_device *device);
int zone_gpu_vnc(struct def_parser *p, const char *path,
		 struct json_object *value, struct zone_device *device);
int zone_gpu_card(struct def_parser *p, const char *path,
		  struct json_object *value, struct zone_device *device);
void zone_gpu_defaults(const struct zone_def *def, struct zone_device *device);
/* Is there memory for what its heads show, and a port for each? */
int zone_gpu_check(struct def_parser *p, const char *path,
		   struct zone_device *device);
void zone_gpu_to_json(const struct zone_device *device,
		      struct json_object *json);
bool zone_gpu_equal(const struct zone_gpu *a, const struct zone_gpu *b);
int zone_input_kind(struct def_parser *p, const char *path,
		    struct json_object *value, struct zone_device *device);
void zone_input_defaults(const struct zone_def *def,
			 struct zone_device *device);
int zone_input_check(struct def_parser *p, const char *path,
		     struct zone_device *device);
void zone_input_to_json(const struct zone_device *device,
			struct json_object *json);

#endif /* ZV_TOOLSTACK_COMMON_ZONE_DEF_PARSE_H */
