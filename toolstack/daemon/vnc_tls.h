/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The certificates of a screen that is shown by TLS, from a folder with the names
 * that QEMU has for them: server-cert.pem, server-key.pem and, if viewers are to
 * show certificates, too, ca-cert.pem.  What hvd-display gets is a copy in memory
 * that nobody can change.
 */
#ifndef ZV_TOOLSTACK_DAEMON_VNC_TLS_H
#define ZV_TOOLSTACK_DAEMON_VNC_TLS_H

#include <stdbool.h>
#include <stdint.h>

#include "zerror.h"

/* The texts follow each other in the file. */
struct vnc_tls {
	int fd; /* -1: there is no TLS */
	uint32_t certificate; /* bytes */
	uint32_t key;
	uint32_t authority; /* 0: viewers need no certificate */
};

#define VNC_TLS_NONE     \
	(struct vnc_tls) \
	{                \
		.fd = -1 \
	}

/*
 * path: of the gpu in the definition ("$.devices[1]"), for errors.  started: what
 * uses them runs already, so it is only logged if their time is over.  0, or -1 with
 * *ret_error set and *ret as it was.
 */
int vnc_tls_open(const char *folder, const char *path, bool started,
		 struct vnc_tls *ret, struct zerror *ret_error);
void vnc_tls_close(struct vnc_tls *tls);

#endif /* ZV_TOOLSTACK_DAEMON_VNC_TLS_H */
