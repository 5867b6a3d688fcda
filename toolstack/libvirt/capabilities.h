/* SPDX-License-Identifier: BSD-2-Clause */
/* What the machine and zones can do, as libvirt's clients ask for it. */
#ifndef ZV_TOOLSTACK_LIBVIRT_CAPABILITIES_H
#define ZV_TOOLSTACK_LIBVIRT_CAPABILITIES_H

struct json_object;
struct vir_error_text;

#define CAPABILITIES_EMULATOR "/usr/sbin/hvd"

/*
 * host_info is what host.info answers; uuid_of_host may be NULL.  <capabilities>
 * to free(); NULL: out of memory.
 */
char *capabilities_format(struct json_object *host_info,
			  const char *uuid_of_host);

/*
 * <domainCapabilities> to free().  What is NULL or empty is as zones have it;
 * NULL, with the error set, for what they have not.
 */
char *domain_capabilities_format(struct json_object *host_info,
				 const char *emulator, const char *arch,
				 const char *machine, const char *virttype,
				 struct vir_error_text *ret_error);

#endif /* ZV_TOOLSTACK_LIBVIRT_CAPABILITIES_H */
