/* SPDX-License-Identifier: BSD-2-Clause */
#include "display/display_png.h"

#include <errno.h>
#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <unistd.h>

#include "display/display_picture.h"

/* Screens are mostly flat: more takes time and saves little. */
#define COMPRESSION 3

struct sink {
	int fd;
	int error;
};

static void on_write(png_structp png, png_bytep data, size_t len)
{
	struct sink *sink = png_get_io_ptr(png);

	while (len != 0) {
		ssize_t n = write(sink->fd, data, len);

		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n <= 0) {
			sink->error = n < 0 ? -errno : -EIO;
			png_error(png, "write");
		}
		data += n;
		len -= (size_t)n;
	}
}

static void on_flush(png_structp png)
{
	(void)png;
}

static void on_error(png_structp png, png_const_charp text)
{
	(void)text;
	png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp text)
{
	(void)png;
	(void)text;
}

static void write_rows(png_structp png, uint8_t *row, const uint8_t *memory,
		       const struct display_scanout *picture)
{
	const struct display_format *format =
		display_format_find(picture->format);
	const uint8_t *from = memory + picture->offset;

	for (uint32_t y = 0; y < picture->height; y++) {
		const uint32_t *pixels =
			(const uint32_t
				 *)(const void *)(from +
						  (size_t)y * picture->stride);

		for (uint32_t x = 0; x < picture->width; x++) {
			row[3 * x] = (uint8_t)(pixels[x] >> format->red);
			row[3 * x + 1] = (uint8_t)(pixels[x] >> format->green);
			row[3 * x + 2] = (uint8_t)(pixels[x] >> format->blue);
		}
		png_write_row(png, row);
	}
}

static void write_picture(png_structp png, png_infop info, uint8_t *row,
			  struct sink *sink, const uint8_t *memory,
			  const struct display_scanout *picture)
{
	png_set_write_fn(png, sink, on_write, on_flush);
	png_set_compression_level(png, COMPRESSION);
	png_set_IHDR(png, info, picture->width, picture->height, 8,
		     PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
		     PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
	png_write_info(png, info);
	write_rows(png, row, memory, picture);
	png_write_end(png, info);
}

int display_png_write(int fd, const uint8_t *memory,
		      const struct display_scanout *picture)
{
	struct sink sink = { .fd = fd, .error = -ENOMEM };
	png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL,
						  on_error, on_warning);
	png_infop info = png != NULL ? png_create_info_struct(png) : NULL;
	uint8_t *row = malloc(3 * (size_t)picture->width);

	if (info != NULL && row != NULL && setjmp(png_jmpbuf(png)) == 0) {
		write_picture(png, info, row, &sink, memory, picture);
		sink.error = 0;
	}
	png_destroy_write_struct(&png, &info);
	free(row);
	return sink.error;
}
