// SPDX-License-Identifier: BSD-2-Clause
/* Documents of what the machine and zones can do. */
#include <libvirt/libvirt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "capabilities.h"
#include "procedures.h"
#include "xml_text.h"

#define MACHINE_ID "/etc/machine-id"
#define DEVICE_TREE "/proc/device-tree"

/* zone0's machine-id(5), which is a uuid without hyphens.  false: it has none. */
static bool read_machine_id(char ret_text[UUID_TEXT_SIZE])
{
	FILE *file = fopen(MACHINE_ID, "re");
	uint8_t uuid[UUID_SIZE];
	char id[33];
	bool ok = file && fgets(id, sizeof(id), file) && strlen(id) == 32;

	if (file) {
		fclose(file);
	}
	if (!ok) {
		return false;
	}
	snprintf(ret_text, UUID_TEXT_SIZE, "%.8s-%.4s-%.4s-%.4s-%.12s", id,
		 id + 8, id + 12, id + 16, id + 20);
	return uuid_parse(ret_text, uuid);
}

static void reply_document(struct call *call, char *text)
{
	xdr_put_string(&call->reply, text);
	free(text);
	call_reply(call);
}

static void got_host(struct call *call, struct json_object *host)
{
	char id[UUID_TEXT_SIZE];
	char *text = capabilities_format(host, read_machine_id(id) ? id : NULL);

	if (text) {
		reply_document(call, text);
	} else {
		call_no_memory(call);
	}
}

static void get_capabilities(struct call *call)
{
	if (call_args_end(call)) {
		call_hvd(call, "host.info", NULL, got_host);
	}
}

/* What is asked for; all of it may be left open. */
struct wanted {
	const char *emulator;
	const char *arch;
	const char *machine;
	const char *virttype;
};

static void got_host_of_domains(struct call *call, struct json_object *host)
{
	const struct wanted *wanted = call->state;
	struct vir_error_text error;
	char *text = domain_capabilities_format(host, wanted->emulator,
						wanted->arch, wanted->machine,
						wanted->virttype, &error);

	if (text) {
		reply_document(call, text);
	} else {
		call_error_text(call, &error);
	}
}

static void get_domain_capabilities(struct call *call)
{
	struct wanted *wanted = call_keep(call, sizeof(*wanted), free);
	struct xdr_reader *args = &call->args;
	uint32_t flags;

	if (!wanted) {
		return;
	}
	wanted->emulator = xdr_get_optional_string(args, PACKET_STRING_MAX);
	wanted->arch = xdr_get_optional_string(args, PACKET_STRING_MAX);
	wanted->machine = xdr_get_optional_string(args, PACKET_STRING_MAX);
	wanted->virttype = xdr_get_optional_string(args, PACKET_STRING_MAX);
	flags = xdr_get_u32(args);
	if (call_args_end(call) && call_only_flags(call, flags, 0)) {
		call_hvd(call, "host.info", NULL, got_host_of_domains);
	}
}

/* --------------------------------------------------- what the machine is */

/* A property of the device tree's root, which is text; "" if there is none. */
static void read_property(const char *name, char *ret, size_t size)
{
	char path[64];
	FILE *file;
	size_t n = 0;

	snprintf(path, sizeof(path), DEVICE_TREE "/%s", name);
	file = fopen(path, "re");
	if (file) {
		n = fread(ret, 1, size - 1, file);
		fclose(file);
	}
	ret[n] = '\0';
}

static void put_entry(FILE *to, const char *name, const char *text)
{
	if (xml_can_hold(text)) {
		fprintf(to, "    <entry name='%s'>", name);
		xml_put_text(to, text);
		fputs("</entry>\n", to);
	}
}

static void put_system(FILE *to)
{
	char text[256];
	char id[UUID_TEXT_SIZE];

	fputs("<sysinfo type='smbios'>\n  <system>\n", to);
	read_property("model", text, sizeof(text));
	put_entry(to, "product", text);
	/* The first of a list, each with its end. */
	read_property("compatible", text, sizeof(text));
	put_entry(to, "family", text);
	read_property("serial-number", text, sizeof(text));
	put_entry(to, "serial", text);
	if (read_machine_id(id)) {
		put_entry(to, "uuid", id);
	}
	fputs("  </system>\n</sysinfo>\n", to);
}

static void get_sysinfo(struct call *call)
{
	uint32_t flags = xdr_get_u32(&call->args);
	char *text = NULL;
	size_t len;
	FILE *to;

	if (!call_args_end(call) || !call_only_flags(call, flags, 0)) {
		return;
	}
	to = open_memstream(&text, &len);
	if (to) {
		put_system(to);
	}
	if (!to || fclose(to) != 0) {
		free(text);
		call_no_memory(call);
		return;
	}
	reply_document(call, text);
}

static const struct procedure rows[] = {
	{ 7, "ConnectGetCapabilities", get_capabilities, PROC_READ,
	  "the uuid is zone0's `/etc/machine-id`" },
	{ 203, "ConnectGetSysinfo", get_sysinfo, PROC_READ,
	  "what the device tree says of the machine" },
	{ 342, "ConnectGetDomainCapabilities", get_domain_capabilities, 0,
	  "of `hvd` and `kvm`, `aarch64`, `zone` and `virt`" },
};

const struct procedure_group capabilities_procedures = {
	"Capabilities", rows, sizeof(rows) / sizeof(rows[0])
};
