/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The functions of domain_xml.h and capabilities.h, from one text to another:
 * domain_xml_tool parse|device|format|live|capabilities|domain-capabilities
 * takes XML or JSON from standard input.
 */
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capabilities.h"
#include "domain_xml.h"

static size_t read_all(char *text, size_t size)
{
	size_t len = fread(text, 1, size - 1, stdin);

	text[len] = '\0';
	return len;
}

static int show_json(struct json_object *object)
{
	puts(json_object_to_json_string_ext(
		object,
		JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(object);
	return 0;
}

static int show_text(char *text)
{
	if (text) {
		fputs(text, stdout);
	}
	free(text);
	return text ? 0 : 2;
}

static int show_error(const struct vir_error_text *error)
{
	fprintf(stderr, "%d: %s\n", error->code, error->message);
	return 1;
}

static int run(const char *what, const char *text, size_t len)
{
	struct json_object *object = NULL;
	struct vir_error_text error = { 0 };
	int rc;

	if (strcmp(what, "parse") == 0) {
		return domain_xml_parse(text, len, &object, &error) < 0
			       ? show_error(&error)
			       : show_json(object);
	}
	if (strcmp(what, "device") == 0) {
		return domain_xml_parse_device(text, len, &object, &error) < 0
			       ? show_error(&error)
			       : show_json(object);
	}
	object = json_tokener_parse(text);
	if (strcmp(what, "capabilities") == 0) {
		rc = show_text(capabilities_format(object, NULL));
	} else if (strcmp(what, "domain-capabilities") == 0) {
		rc = show_text(domain_capabilities_format(object, NULL, NULL,
							  NULL, NULL, &error));
	} else {
		rc = show_text(
			domain_xml_format(object, strcmp(what, "format") == 0));
	}
	json_object_put(object);
	return rc;
}

int main(int argc, char **argv)
{
	static char text[DOMAIN_XML_TEXT_MAX + 16];

	if (argc != 2) {
		return 2;
	}
	return run(argv[1], text, read_all(text, sizeof(text)));
}
