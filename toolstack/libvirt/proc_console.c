// SPDX-License-Identifier: BSD-2-Clause
/* Consoles of domains. */
#include <libvirt/libvirt.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "domain_state.h"
#include "procedures.h"
#include "stream.h"

struct console_wish {
	char device[64]; /* empty: the first one */
	bool force;
};

static void got_zone(struct call *call, struct json_object *zone)
{
	struct console_wish wish = *(struct console_wish *)call->state;

	free(call->state);
	call->state = NULL;
	if (!domain_is_active(zone)) {
		call_error(call, VIR_ERR_OPERATION_INVALID,
			   "domain is not running");
		return;
	}
	stream_open_console(call, zone, wish.device[0] ? wish.device : NULL,
			    wish.force);
}

/* The serial port has two names: libvirt's, and the one it has here. */
static void open_console(struct call *call)
{
	struct console_wish *wish;
	struct domain_ref ref;
	const char *device;
	uint32_t flags;

	call_get_domain(call, &ref);
	device = xdr_get_optional_string(&call->args, PACKET_STRING_MAX);
	flags = xdr_get_u32(&call->args);
	if (!call_args_end(call) ||
	    !call_only_flags(call, flags,
			     VIR_DOMAIN_CONSOLE_FORCE |
				     VIR_DOMAIN_CONSOLE_SAFE)) {
		return;
	}
	if (device && strcmp(device, "serial0") == 0) {
		device = "uart0";
	}
	if (device && strlen(device) >= sizeof(wish->device)) {
		call_error(call, VIR_ERR_INVALID_ARG,
			   "cannot find console device '%.80s'", device);
		return;
	}
	wish = call_keep(call, sizeof(*wish), free);
	if (!wish) {
		return;
	}
	strcpy(wish->device, device ? device : "");
	wish->force = flags & VIR_DOMAIN_CONSOLE_FORCE;
	call_hvd(call, "zone.get", domain_params(&ref), got_zone);
}

static const struct procedure rows[] = {
	{ 201, "DomainOpenConsole", open_console, 0,
	  "`FORCE`, `SAFE` (always so); begins with the output that is kept, "
	  "goes on when `hvd-io` is replaced. With `FORCE` the other session "
	  "reads on. Devices: `console0`, `uart0` (or `serial0`)" },
};

const struct procedure_group console_procedures = {
	"Consoles", rows, sizeof(rows) / sizeof(rows[0])
};
