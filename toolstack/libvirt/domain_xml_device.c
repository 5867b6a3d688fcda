/* SPDX-License-Identifier: BSD-2-Clause */
/* <console>, <serial>, <rng>, <controller>, <memballoon> */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "domain_xml_rows.h"
#include "size.h"

static const struct xml_word zero[] = { { "0", NULL }, { NULL, NULL } };

/* --------------------------------------------------------------- console */

static const struct xml_word console_targets[] = {
	{ "virtio", NULL },
	{ "serial", NULL },
	{ "xen", NULL },
	{ NULL, NULL },
};

static void give_console_port(struct xml_out *out, xmlNode *element,
			      const struct xml_row *row,
			      struct json_object *object)
{
	(void)row;
	(void)object;
	xml_put(out, element, "target", NULL);
	if (element->last) {
		xml_set(out, element->last, "port", "%u", out->console_count++);
	}
}

/* A console of the serial port is the same thing under another name. */
static int finish_console(const struct xml_place *at)
{
	const char *type = xml_value(at->node, "target/@type");

	return !type || strcmp(type, "serial") == 0
		       ? xml_set_text(at, "type", "uart")
		       : 0;
}

static const struct xml_row console_rows[] = {
	XML_SAID("@type", xml_pty, "`pty`: what virsh console opens"),
	XML_DERIVED("@tty", "of a domain that runs"),
	XML_DERIVED("source/@path", "of a domain that runs"),
	{ "target/@type", DOMAIN_XML_USED,
	  "`virtio`, or `xen`: a console; `serial`, or none: the UART, which "
	  "every zone has",
	  NULL, console_targets, xml_take_fixed, xml_give_fixed, 0 },
	{ "target/@port", DOMAIN_XML_DERIVED, "they go by their order", NULL,
	  NULL, NULL, give_console_port, 0 },
	{ "alias/@name", DOMAIN_XML_USED, "`name`, after `ua-`", "name", NULL,
	  xml_take_alias, xml_give_alias, 0 },
	XML_KEPT_TREE("address", "devices take slots in their order"),
	XML_REFUSED("log", "hvd keeps what was written last: hvsh console "
			   "--from"),
};

const struct xml_group domain_xml_console = {
	.name = "console",
	.type = "console",
	.rows = console_rows,
	.row_count = COUNT(console_rows),
	.finish = finish_console,
};

/* ---------------------------------------------------------------- serial */

static const struct xml_word serial_targets[] = {
	{ "system-serial", NULL },
	{ NULL, NULL },
};
static const struct xml_word pl011[] = { { "pl011", NULL }, { NULL, NULL } };

static void give_serial_alias(struct xml_out *out, xmlNode *element,
			      const struct xml_row *row,
			      struct json_object *object)
{
	(void)object;
	if (out->live) {
		xml_put(out, element, row->path, "uart0");
	}
}

static const struct xml_row serial_rows[] = {
	XML_SAID("@type", xml_pty, "`pty`: what virsh console opens"),
	XML_DERIVED("source/@path", "of a domain that runs"),
	XML_SAID("target/@type", serial_targets, "`system-serial`"),
	XML_SAID("target/@port", zero, "`0`: every zone has one"),
	XML_SAID("target/model/@name", pl011, "`pl011`"),
	{ "alias/@name", DOMAIN_XML_DERIVED, "of a zone that runs", NULL, NULL,
	  NULL, give_serial_alias, 0 },
	XML_KEPT_TREE("address", "it is at 0x09000000"),
	XML_REFUSED("log", "hvd keeps what was written last: hvsh console "
			   "--from"),
};

const struct xml_group domain_xml_serial = {
	.name = "serial",
	.type = "uart",
	.rows = serial_rows,
	.row_count = COUNT(serial_rows),
};

/* ------------------------------------------------------------------- rng */

static const struct xml_word random_models[] = {
	{ "random", NULL },
	{ NULL, NULL },
};

/* So many bytes in so many milliseconds. */
static int finish_rng(const struct xml_place *at)
{
	const char *bytes_text = xml_value(at->node, "rate/@bytes");
	const char *period_text = xml_value(at->node, "rate/@period");
	uint64_t period = 1000;
	uint64_t bytes;

	if (!bytes_text && !period_text) {
		return 0;
	}
	if (!bytes_text || !xml_number(bytes_text, &bytes) || bytes == 0 ||
	    bytes > INT64_MAX / 1000) {
		return xml_refuse_below(at, "rate/@bytes", VIR_ERR_XML_ERROR,
					"must be a number that fits");
	}
	if (period_text && (!xml_number(period_text, &period) || period == 0)) {
		return xml_refuse_below(at, "rate/@period", VIR_ERR_XML_ERROR,
					"must be so many milliseconds");
	}
	return xml_set_bytes(at, "limits.total-bytes-sec",
			     (bytes * 1000 - 1) / period + 1);
}

static void give_rate(struct xml_out *out, xmlNode *element,
		      const struct xml_row *row, struct json_object *object)
{
	xml_give_bytes(out, element, row, object);
	if (element->last && xml_member(object, row->member)) {
		xml_put(out, element, "rate/@period", "1000");
	}
}

static int take_rng_source(const struct xml_place *at)
{
	return at->text[strspn(at->text, " \t\n")] ? xml_take_text(at) : 0;
}

static const struct xml_row rng_rows[] = {
	XML_SAID("@model", xml_virtio, "`virtio`"),
	{ "rate/@bytes", DOMAIN_XML_USED,
	  "`limits.total-bytes-sec`, rounded up to whole KiB",
	  "limits.total-bytes-sec", NULL, NULL, give_rate, 0 },
	XML_LATER("rate/@period", "in milliseconds, 1000 if it is missing"),
	XML_SAID("backend/@model", random_models, "`random`"),
	{ "backend", DOMAIN_XML_USED, "`source`; `/dev/urandom` if it is empty",
	  "source", NULL, take_rng_source, xml_give_text, 0 },
	{ "alias/@name", DOMAIN_XML_USED, "`name`, after `ua-`", "name", NULL,
	  xml_take_alias, xml_give_alias, 0 },
	XML_KEPT_TREE("address", "devices take slots in their order"),
	{ "zv:limits/@burst-ms", DOMAIN_XML_USED, "`limits.burst-ms`",
	  "limits.burst-ms", NULL, xml_take_int, xml_give_burst, 0 },
};

const struct xml_group domain_xml_rng = {
	.name = "rng",
	.type = "rng",
	.rows = rng_rows,
	.row_count = COUNT(rng_rows),
	.finish = finish_rng,
};

/* ---------------------------------------------------------------- others */

static const struct xml_word controllers[] = {
	{ "virtio-serial", NULL },
	{ NULL, NULL },
};

static const struct xml_row controller_rows[] = {
	XML_FIXED("@type", controllers,
		  "`virtio-serial`, which libvirt adds for consoles"),
	XML_KEPT("@index", "each console is a device"),
	XML_DERIVED("alias/@name", "of a domain that runs"),
	XML_KEPT_TREE("address", "devices take slots in their order"),
};

const struct xml_group domain_xml_controller = {
	.name = "controller",
	.rows = controller_rows,
	.row_count = COUNT(controller_rows),
};

static const struct xml_word none[] = { { "none", NULL }, { NULL, NULL } };

static const struct xml_row memballoon_rows[] = {
	XML_SAID("@model", none, "`none`"),
};

const struct xml_group domain_xml_memballoon = {
	.name = "memballoon",
	.rows = memballoon_rows,
	.row_count = COUNT(memballoon_rows),
};
