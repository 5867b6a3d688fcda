/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What can be called.  Each group of procedures is a table of its own file; the
 * document of what is supported is made from them.
 */
#ifndef ZV_TOOLSTACK_LIBVIRT_PROCEDURES_H
#define ZV_TOOLSTACK_LIBVIRT_PROCEDURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct call;

#define PROC_READ 1u /* for read-only clients, too */
#define PROC_ANYTIME 2u /* also before CONNECT_OPEN */

struct procedure {
	uint16_t number;
	const char *name; /* as in libvirt's API, without the "vir" */
	void (*run)(struct call *call);
	unsigned int flags;
	const char *how; /* what it does here, for the document */
};

struct procedure_group {
	const char *title;
	const struct procedure *rows;
	size_t count;
};

/* NULL: there is none. */
const struct procedure *procedure_find(int32_t number);

/* The table of docs/libvirt.md. */
void procedures_print(FILE *to);

extern const struct procedure_group address_procedures;
extern const struct procedure_group capabilities_procedures;
extern const struct procedure_group connect_procedures;
extern const struct procedure_group device_procedures;
extern const struct procedure_group domain_procedures;
extern const struct procedure_group metadata_procedures;
extern const struct procedure_group xml_procedures;
extern const struct procedure_group event_procedures;
extern const struct procedure_group console_procedures;
extern const struct procedure_group display_procedures;
extern const struct procedure_group host_procedures;
extern const struct procedure_group tune_procedures;
extern const struct procedure_group vcpu_procedures;
extern const struct procedure_group empty_procedures;
extern const struct procedure_group job_procedures;
extern const struct procedure_group limits_procedures;
extern const struct procedure_group stats_procedures;
extern const struct procedure_group network_procedures;
extern const struct procedure_group storage_procedures;

#endif /* ZV_TOOLSTACK_LIBVIRT_PROCEDURES_H */
