/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Changes of a zone's definition for libvirt's clients: read, changed and
 * defined again, from the beginning if somebody else has changed it meanwhile.
 */
#ifndef ZV_TOOLSTACK_LIBVIRT_DEFINITION_EDIT_H
#define ZV_TOOLSTACK_LIBVIRT_DEFINITION_EDIT_H

#include "call.h"

#define DEFINITION_EDIT_TRIES 64u

/*
 * Reads the definition of a domain, lets edit change it, and stores it, which is
 * the answer.  A domain without one is an error.
 */
void call_edit_definition(struct call *call, const struct domain_ref *ref,
			  definition_edit_fn edit);
/* The call ends, perhaps while it waits. */
void definition_edit_fini(struct call *call);

/*
 * What a zone of zone.get runs with, which hvd tells only if it differs.  NULL if
 * there is none (zone0, or hvd does not know).
 */
struct json_object *definition_of_run(struct json_object *zone);

/*
 * What flags (AFFECT_CURRENT, _LIVE, _CONFIG) mean for a zone of zone.get: its
 * run, its definition or both.  False: the call is answered.
 */
bool call_impact(struct call *call, struct json_object *zone, uint32_t flags,
		 bool *ret_live, bool *ret_config);

/*
 * The same for readers, who want one of the two: the definition it runs with or
 * the stored one.  NULL if hvd has none (zone0).  False: the call is answered.
 */
bool call_one_definition(struct call *call, struct json_object *zone,
			 uint32_t flags, struct json_object **ret_definition);

#endif /* ZV_TOOLSTACK_LIBVIRT_DEFINITION_EDIT_H */
