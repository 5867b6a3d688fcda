/* SPDX-License-Identifier: BSD-2-Clause */
#include "display/display_tls.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "display/display_child.h"
#include "display/display_vencrypt.h"

/* Seconds for all before copying, and for the last bytes of it. */
#define ENTRY_TIME 30
#define LEAVE_TIME 5
#define RECORD_MAX 16384u /* bytes, RFC 8446, 5.1 */
#define HANDSHAKE_MAX 65536u /* bytes, of one message */

/* 1.2 is the least that anybody should speak. */
#define PRIORITY "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

static gnutls_priority_t priority;

/* What was taken from one end, and not yet by the other. */
struct flow {
	size_t begin;
	size_t end;
	uint8_t data[RECORD_MAX];
};

struct proxy {
	gnutls_session_t session;
	struct flow in; /* from the viewer */
	struct flow out;
	bool viewer_gone;
	bool other_gone;
	bool other_ends; /* there may be something left to read */
	short viewer_events; /* what has to happen there for us to go on */
	short other_events;
};

/* SIGALRM is not handled: that is the end. */
static void limit(int seconds)
{
	const struct itimerval timer = { .it_value.tv_sec = seconds };

	setitimer(ITIMER_REAL, &timer, NULL);
}

/* ------------------------------------------------------------ certificates */

static bool load(off_t at, uint32_t size, gnutls_datum_t *ret)
{
	ret->size = size;
	ret->data = malloc(size);
	return ret->data != NULL &&
	       pread(DISPLAY_TLS_FD_FILE, ret->data, size, at) == (ssize_t)size;
}

static bool load_own(const struct display_tls *files,
		     gnutls_certificate_credentials_t to)
{
	gnutls_datum_t certificate = { NULL, 0 };
	gnutls_datum_t key = { NULL, 0 };
	bool done = load(0, files->certificate, &certificate) &&
		    load(files->certificate, files->key, &key) &&
		    gnutls_certificate_set_x509_key_mem2(to, &certificate, &key,
							 GNUTLS_X509_FMT_PEM,
							 NULL, 0) >= 0;

	if (key.data != NULL) {
		explicit_bzero(key.data, key.size);
	}
	free(key.data);
	free(certificate.data);
	return done;
}

/* That none is found in it must not let everybody in. */
static bool load_authority(const struct display_tls *files,
			   gnutls_certificate_credentials_t to)
{
	gnutls_datum_t authority = { NULL, 0 };
	off_t at = (off_t)files->certificate + files->key;
	bool done = load(at, files->authority, &authority) &&
		    gnutls_certificate_set_x509_trust_mem(
			    to, &authority, GNUTLS_X509_FMT_PEM) > 0;

	free(authority.data);
	return done;
}

static bool load_all(const struct display_tls *files,
		     gnutls_certificate_credentials_t *ret)
{
	return gnutls_certificate_allocate_credentials(ret) == 0 &&
	       load_own(files, *ret) &&
	       (files->authority == 0 || load_authority(files, *ret)) &&
	       close(DISPLAY_TLS_FD_FILE) == 0;
}

/* --------------------------------------------------------------- handshake */

static ssize_t push(gnutls_transport_ptr_t fd, const void *data, size_t len)
{
	return write((int)(intptr_t)fd, data, len);
}

static ssize_t pull(gnutls_transport_ptr_t fd, void *ret, size_t len)
{
	return read((int)(intptr_t)fd, ret, len);
}

static void ask_for_certificate(gnutls_session_t session)
{
	static char purpose[] = GNUTLS_KP_TLS_WWW_CLIENT;
	static gnutls_typed_vdata_st expected = {
		.type = GNUTLS_DT_KEY_PURPOSE_OID,
		.data = (unsigned char *)purpose,
		.size = 0, /* up to its NUL */
	};

	gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUIRE);
	gnutls_session_set_verify_cert2(session, &expected, 1, 0);
}

static bool make_session(const struct display_tls *files, gnutls_session_t *ret)
{
	gnutls_certificate_credentials_t credentials;

	if (!load_all(files, &credentials) ||
	    gnutls_init(ret, GNUTLS_SERVER | GNUTLS_NONBLOCK) != 0 ||
	    gnutls_priority_set(*ret, priority) != 0 ||
	    gnutls_credentials_set(*ret, GNUTLS_CRD_CERTIFICATE, credentials) !=
		    0) {
		return false;
	}
	if (files->authority != 0) {
		ask_for_certificate(*ret);
	}
	gnutls_handshake_set_max_packet_length(*ret, HANDSHAKE_MAX);
	gnutls_transport_set_int(*ret, DISPLAY_CHILD_FD);
	gnutls_transport_set_push_function(*ret, push);
	gnutls_transport_set_pull_function(*ret, pull);
	return true;
}

static short direction(gnutls_session_t session)
{
	return gnutls_record_get_direction(session) != 0 ? POLLOUT : POLLIN;
}

static bool shake_hands(gnutls_session_t session)
{
	int rc;

	while ((rc = gnutls_handshake(session)) < 0 &&
	       gnutls_error_is_fatal(rc) == 0) {
		if (rc == GNUTLS_E_AGAIN) {
			display_vencrypt_wait(DISPLAY_CHILD_FD,
					      direction(session));
		}
	}
	if (rc < 0) {
		/* Best effort: so that the viewer can say why. */
		(void)gnutls_alert_send_appropriate(session, rc);
	}
	return rc == 0;
}

/* ------------------------------------------------------------------ copies */

static bool is_empty(const struct flow *flow)
{
	return flow->begin == flow->end;
}

static bool fill(struct flow *flow, ssize_t n)
{
	flow->begin = 0;
	flow->end = (size_t)n;
	return true;
}

static bool drain(struct flow *flow, ssize_t n)
{
	flow->begin += (size_t)n;
	return true;
}

static void viewer_is_gone(struct proxy *p)
{
	p->viewer_gone = true;
	fill(&p->out, 0);
}

/* What it said last is for the viewer, which is not waited for for ever. */
static void other_ends(struct proxy *p)
{
	if (!p->other_ends) {
		p->other_ends = true;
		limit(LEAVE_TIME);
	}
}

static void other_is_gone(struct proxy *p)
{
	p->other_gone = true;
	fill(&p->in, 0);
	other_ends(p);
}

/* Of what the library says: true if it means to wait for the viewer. */
static bool waits(struct proxy *p, ssize_t rc)
{
	if (rc == GNUTLS_E_AGAIN) {
		p->viewer_events |= direction(p->session);
		return true;
	}
	return rc == GNUTLS_E_INTERRUPTED;
}

/*
 * These four return true if there is more to do at once: something was moved, or
 * one end has gone.  A viewer that wants another handshake has gone, too.
 */
static bool from_viewer(struct proxy *p)
{
	ssize_t n;

	if (p->viewer_gone || p->other_gone || !is_empty(&p->in)) {
		return false;
	}
	n = gnutls_record_recv(p->session, p->in.data, sizeof(p->in.data));
	if (n > 0) {
		return fill(&p->in, n);
	}
	if (n < 0 && waits(p, n)) {
		return n == GNUTLS_E_INTERRUPTED;
	}
	viewer_is_gone(p);
	return true;
}

static bool to_viewer(struct proxy *p)
{
	ssize_t n;

	if (p->viewer_gone || is_empty(&p->out)) {
		return false;
	}
	/* Once it has to wait it is to be called with the same again. */
	n = gnutls_record_send(p->session, p->out.data + p->out.begin,
			       p->out.end - p->out.begin);
	if (n > 0) {
		return drain(&p->out, n);
	}
	if (n < 0 && waits(p, n)) {
		return n == GNUTLS_E_INTERRUPTED;
	}
	viewer_is_gone(p);
	return true;
}

static bool from_other(struct proxy *p)
{
	ssize_t n;

	if (p->other_gone || !is_empty(&p->out)) {
		return false;
	}
	n = read(DISPLAY_CHILD_FD_LINK, p->out.data, sizeof(p->out.data));
	if (n > 0) {
		/* With nobody to take it, it is forgotten. */
		return fill(&p->out, p->viewer_gone ? 0 : n);
	}
	if (n < 0 && errno == EAGAIN) {
		p->other_events |= POLLIN;
		return false;
	}
	if (n == 0 || errno != EINTR) {
		other_is_gone(p);
	}
	return true;
}

static bool to_other(struct proxy *p)
{
	ssize_t n;

	if (p->other_gone || is_empty(&p->in)) {
		return false;
	}
	n = write(DISPLAY_CHILD_FD_LINK, p->in.data + p->in.begin,
		  p->in.end - p->in.begin);
	if (n > 0) {
		return drain(&p->in, n);
	}
	if (n < 0 && errno == EAGAIN) {
		p->other_events |= POLLOUT;
		return false;
	}
	if (n == 0 || errno != EINTR) {
		other_is_gone(p);
	}
	return true;
}

/* What a viewer said before it left is to be heard, and what it was told last. */
static bool is_over(const struct proxy *p)
{
	return p->viewer_gone ? p->other_gone || is_empty(&p->in)
			      : p->other_gone && is_empty(&p->out);
}

/*
 * An end from which nothing is wanted would wake us again and again by having gone.
 * Of the other one that is to be known, but once: a viewer that does not read must
 * not keep us when there is nothing behind us any more.
 */
static void wait_for_either(struct proxy *p)
{
	bool other = p->other_events != 0 || !p->other_ends;
	struct pollfd fds[] = {
		{ .fd = p->viewer_events != 0 ? DISPLAY_CHILD_FD : -1,
		  .events = p->viewer_events },
		{ .fd = other ? DISPLAY_CHILD_FD_LINK : -1,
		  .events = p->other_events },
	};

	if (poll(fds, 2, -1) > 0 && (fds[1].revents & POLLHUP) != 0) {
		other_ends(p);
	}
}

static void copy(struct proxy *p)
{
	while (!is_over(p)) {
		bool more;

		p->viewer_events = 0;
		p->other_events = 0;
		more = from_viewer(p);
		more = to_other(p) || more;
		more = from_other(p) || more;
		more = to_viewer(p) || more;
		if (!more) {
			wait_for_either(p);
		}
	}
	if (!p->viewer_gone) {
		(void)gnutls_bye(p->session, GNUTLS_SHUT_WR);
	}
}

const char *display_tls_prepare(void)
{
	int rc = gnutls_priority_init(&priority, PRIORITY, NULL);

	return rc == 0 ? NULL : gnutls_strerror(rc);
}

int display_tls_run(void *argument)
{
	static struct proxy proxy;
	const struct display_tls_task *task = argument;

	limit(ENTRY_TIME);
	if (!display_vencrypt_offer(DISPLAY_CHILD_FD, task->password) ||
	    !make_session(&task->files, &proxy.session) ||
	    !shake_hands(proxy.session) ||
	    !display_vencrypt_enter(DISPLAY_CHILD_FD_LINK, task->password)) {
		return EXIT_FAILURE;
	}
	limit(0);
	copy(&proxy);
	return EXIT_SUCCESS;
}
