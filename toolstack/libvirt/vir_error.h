/* SPDX-License-Identifier: BSD-2-Clause */
/* Errors as libvirt's clients know them. */
#ifndef ZV_TOOLSTACK_LIBVIRT_VIR_ERROR_H
#define ZV_TOOLSTACK_LIBVIRT_VIR_ERROR_H

#include <libvirt/virterror.h>

struct hvd_error;
struct xdr_writer;

#define VIR_ERROR_MESSAGE_SIZE 1024

struct vir_error_text {
	int code; /* virErrorNumber */
	char message[VIR_ERROR_MESSAGE_SIZE];
};

/* Always -1. */
int vir_error_set(struct vir_error_text *error, int code, const char *format,
		  ...) __attribute__((format(printf, 3, 4)));

/*
 * What hvd said, in libvirt's words: its message, where it is about, and what
 * to do.  subject (NULL: none) is the domain that was asked for.
 */
void vir_error_of_hvd(const struct hvd_error *from, const char *subject,
		      struct vir_error_text *ret_error);

/* The body of a packet with STATUS_ERROR. */
void vir_error_put(struct xdr_writer *w, const struct vir_error_text *error);

#endif /* ZV_TOOLSTACK_LIBVIRT_VIR_ERROR_H */
