/* SPDX-License-Identifier: BSD-2-Clause */
#include "vnc_tls.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "gnutls_lib.h"
#include "log.h"
#include "store.h"

#define FILE_MAX (256u << 10) /* hvd-display takes as much */
#define CHAIN_MAX 16u /* certificates that are looked at in a file */
#define KEY_ID_MAX 64u

static const char hint[] =
	"it is a folder with server-cert.pem, server-key.pem and, if viewers "
	"are to show certificates, ca-cert.pem; docs/concepts/display.md";

enum part {
	CERTIFICATE,
	KEY,
	AUTHORITY,
	PARTS
};

static const char *const names[PARTS] = {
	[CERTIFICATE] = "server-cert.pem",
	[KEY] = "server-key.pem",
	[AUTHORITY] = "ca-cert.pem",
};

struct reading {
	const struct gnutls_lib *lib;
	const char *folder;
	char at[ZERROR_PATH_MAX];
	bool started;
	char *text[PARTS]; /* NULL: there is none */
	size_t len[PARTS];
	struct zerror *error;
};

static int refuse(struct reading *r, enum part part, const char *what,
		  const char *why)
{
	return zerror_set(r->error, ZERROR_IO_ERROR, r->at, hint,
			  "%.150s/%s %s%s%s", r->folder, names[part], what,
			  why ? ": " : "", why ? why : "");
}

/* ------------------------------------------------------------------- files */

static int read_part(struct reading *r, enum part part)
{
	char path[PATH_MAX];
	struct stat st;
	int rc = -ENAMETOOLONG;

	if (snprintf(path, sizeof(path), "%s/%s", r->folder, names[part]) <
	    (int)sizeof(path)) {
		rc = store_read_file(path, FILE_MAX, &r->text[part],
				     &r->len[part]);
	}
	if (rc == -ENOENT && part == AUTHORITY) {
		return 0;
	}
	if (rc < 0) {
		return refuse(r, part, "cannot be read", strerror(-rc));
	}
	if (part == KEY && stat(path, &st) == 0 &&
	    (st.st_mode & (S_IRGRP | S_IROTH))) {
		log_warning("%s: others than its owner can read the key", path);
	}
	return 0;
}

static void forget(struct reading *r)
{
	for (enum part part = 0; part < PARTS; part++) {
		if (r->text[part]) {
			explicit_bzero(r->text[part], r->len[part]);
			free(r->text[part]);
		}
	}
}

/* ------------------------------------------------------------ certificates */

static gnutls_datum_t datum(const struct reading *r, enum part part)
{
	return (gnutls_datum_t){
		.data = (unsigned char *)r->text[part],
		.size = (unsigned int)r->len[part],
	};
}

/* Of the first in the file, whose time it has to be. */
static int check_time(struct reading *r, enum part part, gnutls_x509_crt_t crt)
{
	time_t begin = r->lib->x509_crt_get_activation_time(crt);
	time_t end = r->lib->x509_crt_get_expiration_time(crt);
	time_t now = time(NULL);
	bool early = now < begin;
	char text[64] = "";
	struct tm tm;

	if (!early && now <= end) {
		return 0;
	}
	if (gmtime_r(early ? &begin : &end, &tm)) {
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M UTC", &tm);
	}
	refuse(r, part, early ? "is not valid before" : "has expired", text);
	if (!r->started) {
		return -1;
	}
	log_warning("%s", r->error->message);
	return 0;
}

/* ret_id: of the key that the first certificate is for; NULL: of no interest. */
static int check_certificates(struct reading *r, enum part part,
			      unsigned char ret_id[KEY_ID_MAX],
			      size_t *ret_size)
{
	const gnutls_datum_t text = datum(r, part);
	gnutls_x509_crt_t list[CHAIN_MAX];
	unsigned int count = CHAIN_MAX;
	int found = r->lib->x509_crt_list_import(list, &count, &text,
						 GNUTLS_X509_FMT_PEM, 0);
	int rc = 0;

	if (found <= 0) {
		return refuse(r, part, "has no certificate (PEM)",
			      found < 0 ? r->lib->strerror(found) : NULL);
	}
	if (ret_id) {
		*ret_size = KEY_ID_MAX;
		rc = r->lib->x509_crt_get_key_id(list[0], 0, ret_id, ret_size);
		rc = rc < 0 ? refuse(r, part, "is not understood",
				     r->lib->strerror(rc))
			    : 0;
	}
	if (rc == 0) {
		rc = check_time(r, part, list[0]);
	}
	for (int i = 0; i < found; i++) {
		r->lib->x509_crt_deinit(list[i]);
	}
	return rc;
}

static int key_id(struct reading *r, unsigned char ret_id[KEY_ID_MAX],
		  size_t *ret_size)
{
	const gnutls_datum_t text = datum(r, KEY);
	gnutls_x509_privkey_t key;
	int rc = r->lib->x509_privkey_init(&key);

	if (rc < 0) {
		return refuse(r, KEY, "cannot be used", r->lib->strerror(rc));
	}
	*ret_size = KEY_ID_MAX;
	rc = r->lib->x509_privkey_import2(key, &text, GNUTLS_X509_FMT_PEM, NULL,
					  0);
	if (rc >= 0) {
		rc = r->lib->x509_privkey_get_key_id(key, 0, ret_id, ret_size);
	}
	r->lib->x509_privkey_deinit(key);
	return rc < 0 ? refuse(r, KEY,
			       "has no private key (PEM, without a password)",
			       r->lib->strerror(rc))
		      : 0;
}

static int check(struct reading *r)
{
	unsigned char wanted[KEY_ID_MAX];
	unsigned char has[KEY_ID_MAX];
	size_t wanted_size;
	size_t has_size;

	if (check_certificates(r, CERTIFICATE, wanted, &wanted_size) < 0 ||
	    key_id(r, has, &has_size) < 0) {
		return -1;
	}
	if (wanted_size != has_size || memcmp(wanted, has, has_size) != 0) {
		return refuse(r, KEY, "is not the key of server-cert.pem",
			      NULL);
	}
	return r->text[AUTHORITY] ? check_certificates(r, AUTHORITY, NULL, NULL)
				  : 0;
}

/* -------------------------------------------------------------------- copy */

static bool write_all(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno != EINTR) {
			return false;
		}
		text += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return true;
}

static int copy(struct reading *r, struct vnc_tls *ret)
{
	int fd = memfd_create("vnc-tls", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	bool done = fd >= 0;

	for (enum part part = 0; done && part < PARTS; part++) {
		done = write_all(fd, r->text[part], r->len[part]);
	}
	if (!done || fcntl(fd, F_ADD_SEALS,
			   F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW |
				   F_SEAL_WRITE) < 0) {
		zerror_set(r->error, ZERROR_IO_ERROR, r->at, NULL,
			   "no memory for its copy: %s", strerror(errno));
		if (fd >= 0) {
			close(fd);
		}
		return -1;
	}
	*ret = (struct vnc_tls){
		.fd = fd,
		.certificate = (uint32_t)r->len[CERTIFICATE],
		.key = (uint32_t)r->len[KEY],
		.authority = (uint32_t)r->len[AUTHORITY],
	};
	return 0;
}

int vnc_tls_open(const char *folder, const char *path, bool started,
		 struct vnc_tls *ret, struct zerror *ret_error)
{
	struct reading r = {
		.lib = gnutls_lib_load(),
		.folder = folder,
		.started = started,
		.error = ret_error,
	};
	int rc = 0;

	zerror_path(r.at, "%s.vnc.tls", path);
	if (!r.lib) {
		return zerror_set(ret_error, ZERROR_UNSUPPORTED, r.at,
				  "install libgnutls30 in zone0",
				  "zone0 does not have GnuTLS");
	}
	for (enum part part = 0; rc == 0 && part < PARTS; part++) {
		rc = read_part(&r, part);
	}
	if (rc == 0) {
		rc = check(&r);
	}
	if (rc == 0) {
		rc = copy(&r, ret);
	}
	forget(&r);
	return rc;
}

void vnc_tls_close(struct vnc_tls *tls)
{
	if (tls->fd >= 0) {
		close(tls->fd);
	}
	*tls = VNC_TLS_NONE;
}
