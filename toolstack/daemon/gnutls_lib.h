/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * GnuTLS, loaded by the first zone that needs it: hvd speaks no TLS, but looks at
 * what others are to speak it with, and would be twice as large for it.
 *
 * A member is the function of GnuTLS with gnutls_ before its name.
 */
#ifndef ZV_TOOLSTACK_DAEMON_GNUTLS_LIB_H
#define ZV_TOOLSTACK_DAEMON_GNUTLS_LIB_H

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#define GNUTLS_LIB_FUNCTIONS(X)         \
	X(strerror)                     \
	X(x509_crt_deinit)              \
	X(x509_crt_get_activation_time) \
	X(x509_crt_get_expiration_time) \
	X(x509_crt_get_key_id)          \
	X(x509_crt_list_import)         \
	X(x509_privkey_deinit)          \
	X(x509_privkey_get_key_id)      \
	X(x509_privkey_import2)         \
	X(x509_privkey_init)

struct gnutls_lib {
#define GNUTLS_LIB_MEMBER(name) __typeof__(gnutls_##name) *name;
	GNUTLS_LIB_FUNCTIONS(GNUTLS_LIB_MEMBER)
#undef GNUTLS_LIB_MEMBER
};

/* NULL: it is not installed, or lacks a function. */
const struct gnutls_lib *gnutls_lib_load(void);

#endif /* ZV_TOOLSTACK_DAEMON_GNUTLS_LIB_H */
