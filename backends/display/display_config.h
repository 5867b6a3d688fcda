/* SPDX-License-Identifier: BSD-2-Clause */
/* What the daemon tells the process that shows a zone's screen. */
#ifndef ZV_BACKENDS_DISPLAY_DISPLAY_CONFIG_H
#define ZV_BACKENDS_DISPLAY_DISPLAY_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "display/display_tls.h"
#include "display/display_wire.h"
#include "zerror.h"

#define DISPLAY_FD_CONTROL 3
#define DISPLAY_FD_MEMORY 4
#define DISPLAY_FD_LISTEN 5 /* the first */
/* A unix socket and a TCP port for each head, and room for another address. */
#define DISPLAY_LISTEN_MAX 16u
#define DISPLAY_PASSWORD_MAX 8u /* RFC 6143, 7.2.2 */
#define DISPLAY_MEMORY_MAX (1ull << 30)

struct display_config {
	char zone[64];
	uint32_t heads;
	uint64_t memory; /* bytes */
	size_t listen_count;
	struct {
		uint32_t head;
		int fd;
		bool tls;
	} listen[DISPLAY_LISTEN_MAX];
	bool has_password;
	char password[DISPLAY_PASSWORD_MAX + 1];
	bool has_tls;
	struct display_tls tls; /* its fd comes along */
	bool card; /* there will be one to show heads on */
	bool drop; /* to uid and gid */
	uint32_t uid;
	uint32_t gid;
};

enum display_command_kind {
	DISPLAY_COMMAND_DEVICE, /* with the device's socket */
	DISPLAY_COMMAND_SCREENSHOT, /* with the file */
	DISPLAY_COMMAND_CARD, /* with the card */
};

struct display_command {
	enum display_command_kind kind;
	uint32_t id; /* of a screenshot */
	uint32_t head;
};

/*
 * line[len] must be NUL.  0, or -1 with *ret_error set; of a screenshot whose id
 * is right that is in *ret all the same, and 0 is not one.
 */
int display_config_parse(const char *line, size_t len,
			 struct display_config *ret, struct zerror *ret_error);
int display_command_parse(const struct display_config *config, const char *line,
			  size_t len, struct display_command *ret,
			  struct zerror *ret_error);

#endif /* ZV_BACKENDS_DISPLAY_DISPLAY_CONFIG_H */
