// SPDX-License-Identifier: BSD-2-Clause
#include "xml_text.h"

#include <string.h>

#include "text.h"

bool xml_can_hold(const char *text)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < len;) {
		size_t size = text_utf8_len(text + i, len - i);

		if (size == 0 || (unsigned char)text[i] < ' ' ||
		    text[i] == 0x7f) {
			return false;
		}
		i += size;
	}
	return len > 0;
}

void xml_put_text(FILE *to, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '<':
			fputs("&lt;", to);
			break;
		case '>':
			fputs("&gt;", to);
			break;
		case '&':
			fputs("&amp;", to);
			break;
		case '\'':
			fputs("&apos;", to);
			break;
		case '"':
			fputs("&quot;", to);
			break;
		default:
			fputc(*text, to);
		}
	}
}

void xml_put_element(FILE *to, int level, const char *name, const char *text)
{
	fprintf(to, "%*s<%s>", 2 * level, "", name);
	xml_put_text(to, text);
	fprintf(to, "</%s>\n", name);
}
