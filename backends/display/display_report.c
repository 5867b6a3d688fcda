/* SPDX-License-Identifier: BSD-2-Clause */
#include "display/display_report.h"

#include <json-c/json.h>
#include <string.h>

static void add_number(struct json_object *object, const char *key,
		       uint64_t value)
{
	json_object_object_add(object, key, json_object_new_uint64(value));
}

static void add_text(struct json_object *object, const char *key,
		     const char *text)
{
	json_object_object_add(object, key, json_object_new_string(text));
}

static struct json_object *make(const char *event)
{
	struct json_object *object = json_object_new_object();

	add_text(object, "event", event);
	return object;
}

void display_report_viewers(struct control *control, size_t count)
{
	struct json_object *object = make("viewers");

	add_number(object, "count", count);
	control_send(control, object);
}

void display_report_shows(struct control *control, uint32_t head,
			  uint32_t width, uint32_t height)
{
	struct json_object *object = make("shows");

	add_number(object, "head", head);
	add_number(object, "width", width);
	add_number(object, "height", height);
	control_send(control, object);
}

void display_report_shot(struct control *control, uint32_t id, const char *why)
{
	struct json_object *object =
		make(why == NULL ? "screenshot" : "refused");

	add_number(object, "id", id);
	if (why != NULL) {
		add_text(object, "reason", why);
	}
	control_send(control, object);
}

void display_report_monitor(struct control *control, uint32_t head,
			    const struct display_monitor *monitor)
{
	struct json_object *object = make("monitor");

	add_number(object, "head", head);
	add_text(object, "connector", monitor->connector);
	add_number(object, "width", monitor->width);
	add_number(object, "height", monitor->height);
	add_number(object, "refresh", monitor->refresh);
	if (monitor->error != 0) {
		add_text(object, "reason", strerror((int)monitor->error));
	}
	control_send(control, object);
}

void display_report_no_card(struct control *control, const char *why)
{
	struct json_object *object = make("no-card");

	add_text(object, "reason", why);
	control_send(control, object);
}
