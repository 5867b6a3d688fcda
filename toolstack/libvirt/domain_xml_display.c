/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * <graphics>, <video>, <input>.  A zone's screen is one device, of which <video>
 * says what the guest sees and <graphics> how somebody looks: each of them alone
 * makes one.  It is where the first of the two is.
 */
#include <stdio.h>
#include <string.h>

#include "domain_xml_rows.h"

static const struct xml_word vnc[] = { { "vnc", NULL }, { NULL, NULL } };
static const struct xml_word yes_no[] = {
	{ "yes", NULL },
	{ "no", NULL },
	{ NULL, NULL },
};
static const struct xml_word listens[] = {
	{ "address", NULL },
	{ "socket", NULL },
	{ NULL, NULL },
};

/* -------------------------------------------------------------- graphics */

/* Of a word that a row has checked; there may be blanks around it. */
static bool is_word(const char *text, const char *wanted)
{
	return text && strstr(text, wanted);
}

static const char *not_empty(const char *text)
{
	return text && *text ? text : NULL;
}

/* The names of hvd's own, /run/hvd/vnc/linux1-0.sock */
static int check_socket(const struct xml_place *at, const char *path,
			const char *text)
{
	static const char end[] = "-0.sock";
	const char *name = text ? strstr(text, "/vnc/") : NULL;
	size_t len = text ? strlen(text) : 0;

	if (!len) {
		return 0;
	}
	if (!name || strchr(name + 5, '/') || len < sizeof(end) - 1 ||
	    strcmp(text + len - (sizeof(end) - 1), end) != 0) {
		return xml_refuse_below(at, path, VIR_ERR_CONFIG_UNSUPPORTED,
					"hvd names the socket, "
					"/run/hvd/vnc/NAME-0.sock: leave it "
					"out");
	}
	return 0;
}

/* By that alone there is no TCP. */
static int take_socket(const struct xml_place *at)
{
	static const char *const others[] = { "@listen", "listen/@address",
					      "@port" };

	for (size_t i = 0; i < COUNT(others); i++) {
		const char *text = xml_value(at->node, others[i]);

		if (text && *text && strcmp(text, "-1") != 0) {
			return xml_refuse_below(at, others[i],
						VIR_ERR_XML_ERROR,
						"does not belong to a listen "
						"of type socket");
		}
	}
	if (xml_member(at->object, "vnc.tls")) {
		return xml_refuse_below(at, "zv:tls/@path",
					VIR_ERR_CONFIG_UNSUPPORTED,
					"only a listen of type address has "
					"TLS: a socket is reached from zone0 "
					"alone");
	}
	if (xml_member(at->object, "vnc")) {
		return xml_refuse_below(at, "zv:password/@file",
					VIR_ERR_CONFIG_UNSUPPORTED,
					"only a listen of type address has a "
					"password: at a socket alone nobody "
					"is asked for one");
	}
	return check_socket(at, "@socket", xml_value(at->node, "@socket")) < 0
		       ? -1
		       : check_socket(at, "listen/@socket",
				      xml_value(at->node, "listen/@socket"));
}

static int take_address(const struct xml_place *at)
{
	const char *outer = not_empty(xml_value(at->node, "@listen"));
	const char *inner = not_empty(xml_value(at->node, "listen/@address"));

	if (xml_value(at->node, "listen/@socket")) {
		return xml_refuse_below(at, "listen/@socket", VIR_ERR_XML_ERROR,
					"does not belong to a listen of type "
					"address");
	}
	if (outer && inner && strcmp(outer, inner) != 0) {
		return xml_refuse_below(
			at, "listen/@address", VIR_ERR_XML_ERROR,
			"\"%.64s\" is not the attribute listen", inner);
	}
	if (!outer && !inner) {
		return 0;
	}
	return xml_set_text(at, "vnc.address", inner ? inner : outer);
}

/* -1 is libvirt's word for what autoport says today. */
static int take_port(const struct xml_place *at)
{
	const char *text = xml_value(at->node, "@port");
	const char *automatic = xml_value(at->node, "@autoport");
	uint64_t port;

	if (is_word(automatic, "yes") || (text && strcmp(text, "-1") == 0) ||
	    (!text && !automatic)) {
		return xml_set_text(at, "vnc.port", "auto");
	}
	if (!text || !xml_number(text, &port)) {
		return xml_refuse_below(at, "@port", VIR_ERR_XML_ERROR,
					"must be a port, or autoport='yes'");
	}
	return xml_set_int(at, "vnc.port", port);
}

static int finish_graphics(const struct xml_place *at)
{
	const char *type = xml_value(at->node, "listen/@type");
	bool has_listen = xml_child(at->node, "listen") != NULL;

	if (!xml_value(at->node, "@type")) {
		return xml_refuse_below(at, "@type", VIR_ERR_XML_ERROR,
					"is missing: \"vnc\"");
	}
	if (has_listen && !type) {
		return xml_refuse_below(at, "listen/@type", VIR_ERR_XML_ERROR,
					"is missing: \"address\" or "
					"\"socket\"");
	}
	if (is_word(type, "socket") ||
	    (!type && xml_value(at->node, "@socket"))) {
		return take_socket(at);
	}
	if (xml_value(at->node, "@socket")) {
		return xml_refuse_below(at, "@socket", VIR_ERR_XML_ERROR,
					"does not belong to a listen of type "
					"address");
	}
	return take_port(at) < 0 ? -1 : take_address(at);
}

/* What display.get says of its first head; NULL: it does not run. */
static struct json_object *live_head(const struct xml_out *out)
{
	struct json_object *heads =
		out->live ? xml_member(out->detail, "display.heads") : NULL;

	return json_object_is_type(heads, json_type_array)
		       ? json_object_array_get_idx(heads, 0)
		       : NULL;
}

static void give_socket(struct xml_out *out, xmlNode *element)
{
	struct json_object *head = live_head(out);
	const char *socket = head ? xml_member_text(head, "socket") : NULL;

	if (socket) {
		xml_put(out, element, "@socket", socket);
	}
	xml_put(out, element, "listen/@type", "socket");
	if (socket) {
		xml_put(out, element, "listen/@socket", socket);
	}
}

static void give_listen(struct xml_out *out, xmlNode *element,
			const struct xml_row *row, struct json_object *object)
{
	struct json_object *def = xml_member(object, "vnc");
	struct json_object *head = live_head(out);
	const char *port = def ? xml_member_text(def, "port") : NULL;
	const char *address = def ? xml_member_text(def, "address") : NULL;
	const char *now = head ? xml_member_text(head, "port") : NULL;
	bool is_auto = port && strcmp(port, "auto") == 0;

	(void)row;
	if (!def) {
		give_socket(out, element);
		return;
	}
	xml_put(out, element, "@port",
		now		   ? now
		: is_auto || !port ? "-1"
				   : port);
	xml_put(out, element, "@autoport", is_auto ? "yes" : "no");
	if (address) {
		xml_put(out, element, "@listen", address);
		xml_put(out, element, "listen/@type", "address");
		xml_put(out, element, "listen/@address", address);
	}
}

static const struct xml_row graphics_rows[] = {
	XML_SAID("@type", vnc, "`vnc`"),
	{ "@port", DOMAIN_XML_USED,
	  "`vnc.port`; `-1` is `auto`; the one that is used, of a zone that "
	  "runs",
	  NULL, NULL, NULL, give_listen, 0 },
	{ "@autoport", DOMAIN_XML_USED, "`yes`, or no port: `auto`", NULL,
	  yes_no, xml_take_fixed, NULL, 0 },
	XML_LATER("@listen", "`vnc.address`, as in `listen`"),
	XML_LATER("@socket", "as in `listen`"),
	{ "listen/@type", DOMAIN_XML_USED,
	  "`address`, or `socket`: no `vnc`, and nobody from the network", NULL,
	  listens, xml_take_fixed, NULL, 0 },
	XML_LATER("listen/@address", "`vnc.address`"),
	XML_LATER("listen/@socket", "of a zone that runs; hvd names it"),
	XML_TEXT("zv:password/@file", "vnc.password-file"),
	XML_TEXT("zv:tls/@path", "vnc.tls"),
	XML_REFUSED("@passwd",
		    "a document is for all to read: <zv:password file='…'/>, "
		    "docs/reference/libvirt-xml.md"),
	XML_REFUSED("@passwdValidTo", "a password holds until it is replaced"),
	XML_REFUSED("@connected", "close the viewer"),
	XML_REFUSED("@websocket", "there is no websocket: leave it out"),
	XML_KEPT("@keymap", "the guest's layout decides"),
};

const struct xml_group domain_xml_graphics = {
	.name = "graphics",
	.rows = graphics_rows,
	.row_count = COUNT(graphics_rows),
	.finish = finish_graphics,
};

/* ----------------------------------------------------------------- video */

static const struct xml_word models[] = {
	{ "virtio", NULL },
	{ "vga", NULL },
	{ NULL, NULL },
};

static const struct xml_row video_rows[] = {
	XML_SAID("model/@type", models,
		 "`virtio`; `vga`, which tools ask for, is taken for it"),
	XML_INT("model/@heads", "heads"),
	{ "model/@vram", DOMAIN_XML_USED, "`memory`, in KiB", "memory", NULL,
	  xml_take_kib, xml_give_kib, 0 },
	XML_FIXED("model/@primary", xml_yes, "`yes`: there is one"),
	XML_FIXED("model/@blob", xml_off, "`off`"),
	XML_TEXT("zv:card/@path", "card"),
	XML_INT("model/resolution/@x", "width"),
	XML_INT("model/resolution/@y", "height"),
	XML_FIXED("model/acceleration/@accel2d", xml_no, "`no`"),
	XML_FIXED("model/acceleration/@accel3d", xml_no, "`no`"),
	{ "alias/@name", DOMAIN_XML_USED, "`name`, after `ua-`", "name", NULL,
	  xml_take_alias, xml_give_alias, 0 },
	XML_KEPT_TREE("address", "devices take slots in their order"),
};

const struct xml_group domain_xml_video = {
	.name = "video",
	.type = "gpu",
	.rows = video_rows,
	.row_count = COUNT(video_rows),
};

/* ----------------------------------------------------------------- input */

static const struct xml_word kinds[] = {
	{ "keyboard", "keyboard" },
	{ "tablet", "tablet" },
	{ "mouse", "mouse" },
	{ NULL, NULL },
};
static const struct xml_word buses[] = {
	{ "virtio", NULL },
	{ "usb", NULL },
	{ "ps2", NULL },
	{ NULL, NULL },
};

static int finish_input(const struct xml_place *at)
{
	return xml_value(at->node, "@type")
		       ? 0
		       : xml_refuse_below(at, "@type", VIR_ERR_XML_ERROR,
					  "is missing: \"keyboard\", "
					  "\"tablet\" or \"mouse\"");
}

static const struct xml_row input_rows[] = {
	XML_WORDS("@type", "kind", kinds, "`kind`"),
	XML_SAID("@bus", buses,
		 "`virtio`; `usb` and `ps2`, which tools ask for, are taken "
		 "for it"),
	{ "alias/@name", DOMAIN_XML_USED, "`name`, after `ua-`", "name", NULL,
	  xml_take_alias, xml_give_alias, 0 },
	XML_KEPT_TREE("address", "devices take slots in their order"),
};

const struct xml_group domain_xml_input = {
	.name = "input",
	.type = "input",
	.rows = input_rows,
	.row_count = COUNT(input_rows),
	.finish = finish_input,
};
