// SPDX-License-Identifier: BSD-2-Clause
#include "procedures.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* One a line. */
/* clang-format off */
static const struct procedure_group *const groups[] = {
	&connect_procedures,
	&capabilities_procedures,
	&domain_procedures,
	&xml_procedures,
	&device_procedures,
	&metadata_procedures,
	&event_procedures,
	&console_procedures,
	&display_procedures,
	&host_procedures,
	&tune_procedures,
	&vcpu_procedures,
	&empty_procedures,
	&job_procedures,
	&limits_procedures,
	&stats_procedures,
	&address_procedures,
	&network_procedures,
	&storage_procedures,
};
/* clang-format on */

/* There are about two hundred: found faster than a packet is read. */
const struct procedure *procedure_find(int32_t number)
{
	for (size_t g = 0; g < COUNT(groups); g++) {
		for (size_t i = 0; i < groups[g]->count; i++) {
			if (groups[g]->rows[i].number == number) {
				return &groups[g]->rows[i];
			}
		}
	}
	return NULL;
}

void procedures_print(FILE *to)
{
	for (size_t g = 0; g < COUNT(groups); g++) {
		fprintf(to,
			"%s### %s\n\n| Procedure | Number | Read-only | |\n"
			"|---|---|---|---|\n",
			g > 0 ? "\n" : "", groups[g]->title);
		for (size_t i = 0; i < groups[g]->count; i++) {
			const struct procedure *row = &groups[g]->rows[i];

			fprintf(to, "| `%s` | %u | %s | %s |\n", row->name,
				row->number,
				row->flags & PROC_READ ? "yes" : "",
				row->how ? row->how : "");
		}
	}
}
