/* SPDX-License-Identifier: BSD-2-Clause */
/* The states of zones as libvirt's clients know them. */
#ifndef ZV_TOOLSTACK_LIBVIRT_DOMAIN_STATE_H
#define ZV_TOOLSTACK_LIBVIRT_DOMAIN_STATE_H

#include <stdbool.h>

struct json_object;

/* What the end of a domain's run is to libvirt. */
struct domain_end {
	int shutoff; /* virDomainShutoffReason */
	int stopped; /* virDomainEventStoppedDetailType */
};

/*
 * By the beginning of hvd's reason.  What is in no row is a crash, of which there
 * are many.
 */
const struct domain_end *domain_end(const char *reason);

/* zone: of zone.list or zone.get.  virDomainState; *ret_reason may be NULL. */
int domain_state(struct json_object *zone, int *ret_reason);

/* Whether it is a running domain in libvirt's sense: it has an id. */
bool domain_is_active(struct json_object *zone);

#endif /* ZV_TOOLSTACK_LIBVIRT_DOMAIN_STATE_H */
