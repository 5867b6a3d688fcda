/* SPDX-License-Identifier: BSD-2-Clause */
/* What viewers see of a picture, and what they are told has changed of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "display/display_copy.h"
#include "gpu/gpu_wire.h"

#define SIZE (256u << 10)
#define WIDTH 200u
#define HEIGHT 100u
#define STRIDE 1024u
#define OFFSET 4096u

struct test {
	uint8_t *memory; /* and behind it what viewers read */
	struct display_copy copy;
	struct display_scanout shown;
	struct display_scanout seen;
	struct display_damage parts[DISPLAY_COPY_PARTS];
};

static const struct display_damage all = { .width = WIDTH, .height = HEIGHT };

static int setup(void **state)
{
	struct test *t = calloc(1, sizeof(*t));

	if (t == NULL) {
		return -1;
	}
	t->memory = mmap(NULL, 2 * SIZE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (t->memory == MAP_FAILED ||
	    display_copy_open(&t->copy, 2, SIZE, t->memory + SIZE, SIZE) != 0) {
		return -1;
	}
	for (size_t i = 0; i < SIZE; i++) {
		t->memory[i] = (uint8_t)(i * 7 >> 3);
	}
	t->shown = (struct display_scanout){ GPU_B8G8R8X8, WIDTH, HEIGHT,
					     STRIDE, OFFSET };
	display_copy_take(&t->copy, 1, t->memory, &t->shown, &t->seen);
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct test *t = *state;

	munmap(t->memory, 2 * SIZE);
	munmap(t->copy.pixels, 2 * t->copy.share);
	free(t);
	return 0;
}

static uint8_t *pixel(struct test *t, uint32_t x, uint32_t y)
{
	return t->memory + OFFSET + (size_t)y * STRIDE + (size_t)x * 4;
}

static size_t update(struct test *t, const struct display_damage *part)
{
	return display_copy_update(&t->copy, 1, t->memory, &t->shown, part,
				   t->parts);
}

static void assert_same(const struct test *t)
{
	for (uint32_t y = 0; y < HEIGHT; y++) {
		assert_memory_equal(t->memory + t->seen.offset +
					    y * t->seen.stride,
				    t->memory + OFFSET + y * STRIDE, WIDTH * 4);
	}
}

static void assert_part(const struct display_damage *part, uint32_t x,
			uint32_t y, uint32_t width, uint32_t height)
{
	assert_int_equal(part->x, x);
	assert_int_equal(part->y, y);
	assert_int_equal(part->width, width);
	assert_int_equal(part->height, height);
}

static void it_is_as_the_picture(void **state)
{
	struct test *t = *state;

	assert_true(display_copy_has(&t->copy, 1, &t->shown));
	assert_false(display_copy_has(&t->copy, 0, &t->shown));
	assert_int_equal(t->seen.stride, WIDTH * 4);
	assert_int_equal(t->seen.offset, SIZE + SIZE / 2);
	assert_int_equal(t->seen.format, GPU_B8G8R8X8);
	assert_same(t);
}

static void only_changes_are_told(void **state)
{
	struct test *t = *state;

	assert_int_equal(update(t, &all), 0);
	*pixel(t, 70, 20) ^= 1;
	assert_int_equal(update(t, &all), 1);
	assert_part(&t->parts[0], 64, 16, 64, 16);
	assert_same(t);
	assert_int_equal(update(t, &all), 0);
	/* The last pixel: its tile ends where the picture does. */
	*(pixel(t, WIDTH, HEIGHT - 1) - 1) ^= 0x80;
	assert_int_equal(update(t, &all), 1);
	assert_part(&t->parts[0], 192, 96, 8, 4);
	assert_same(t);
}

static void each_change_is_told(void **state)
{
	struct test *t = *state;

	for (uint32_t y = 0; y < HEIGHT; y++) {
		for (uint32_t x = 0; x < WIDTH; x += 9) {
			*pixel(t, x, y) ^= 1;
			assert_int_equal(update(t, &all), 1);
			assert_true(t->parts[0].x <= x &&
				    x - t->parts[0].x < t->parts[0].width &&
				    t->parts[0].y <= y &&
				    y - t->parts[0].y < t->parts[0].height);
		}
	}
	assert_same(t);
}

static void a_part_alone_is_looked_at(void **state)
{
	static const struct display_damage part = {
		.x = 60, .y = 10, .width = 10, .height = 8
	};
	struct test *t = *state;

	*pixel(t, 59, 10) ^= 1;
	*pixel(t, 70, 10) ^= 1;
	*pixel(t, 60, 9) ^= 1;
	*pixel(t, 60, 18) ^= 1;
	assert_int_equal(update(t, &part), 0);
	*pixel(t, 60, 10) ^= 1;
	*pixel(t, 69, 17) ^= 1;
	assert_int_equal(update(t, &part), 2);
	assert_part(&t->parts[0], 60, 10, 4, 6);
	assert_part(&t->parts[1], 64, 16, 6, 2);
	assert_int_not_equal(update(t, &all), 0);
	assert_same(t);
}

static void parts_are_joined(void **state)
{
	struct test *t = *state;

	/* Next to each other, and below. */
	for (uint32_t y = 30; y < 70; y++) {
		memset(pixel(t, 60, y), 0xaa, 100 * 4);
	}
	assert_int_equal(update(t, &all), 1);
	assert_part(&t->parts[0], 0, 16, 192, 64);
	/* Nearly all of what is around them. */
	for (uint32_t y = 0; y < HEIGHT; y++) {
		memset(pixel(t, 0, y), 0xbb, WIDTH * 4 - 32);
	}
	assert_int_equal(update(t, &all), 1);
	assert_part(&t->parts[0], 0, 0, 192, 100);
	/* Two corners. */
	*pixel(t, 0, 0) ^= 1;
	*pixel(t, 199, 99) ^= 1;
	assert_int_equal(update(t, &all), 2);
	assert_part(&t->parts[0], 0, 0, 64, 16);
	assert_part(&t->parts[1], 192, 96, 8, 4);
	assert_same(t);
}

static void there_are_not_too_many(void **state)
{
	struct display_scanout tall = {
		GPU_B8G8R8X8, 4, 4000, 16, 0,
	};
	struct display_damage part = { .width = 4, .height = 4000 };
	struct test *t = *state;
	size_t count;

	display_copy_take(&t->copy, 1, t->memory, &tall, &t->seen);
	for (uint32_t y = 0; y <= 3200; y += y < 2400 ? 160 : 80) {
		t->memory[y * 16] ^= 1;
	}
	count = display_copy_update(&t->copy, 1, t->memory, &tall, &part,
				    t->parts);
	assert_int_equal(count, DISPLAY_COPY_PARTS);
	assert_part(&t->parts[0], 0, 0, 4, 16);
	/* The rest, to the last one that has changed. */
	assert_part(&t->parts[count - 1], 0, 2400, 4, 816);
	assert_memory_equal(t->memory + t->seen.offset, t->memory, 4000 * 16);
}

static void another_buffer_is_no_other_screen(void **state)
{
	struct test *t = *state;
	struct display_scanout other = t->shown;

	memcpy(t->memory + SIZE / 2, t->memory + OFFSET, HEIGHT * STRIDE);
	other.offset = SIZE / 2;
	assert_true(display_copy_has(&t->copy, 1, &other));
	t->shown = other;
	assert_int_equal(update(t, &all), 0);
	other.format = GPU_R8G8B8X8;
	assert_false(display_copy_has(&t->copy, 1, &other));
	other = t->shown;
	other.width--;
	assert_false(display_copy_has(&t->copy, 1, &other));
	other = t->shown;
	other.height--;
	assert_false(display_copy_has(&t->copy, 1, &other));
}

static void what_is_too_large_is_shown_as_it_is(void **state)
{
	struct test *t = *state;
	struct display_scanout large = { GPU_B8G8R8X8, 256, 128, 1024, 0 };
	const struct display_scanout none = { 0 };

	display_copy_take(&t->copy, 1, t->memory, &large, &t->seen);
	assert_true(display_copy_has(&t->copy, 1, &large));
	large.height++;
	display_copy_take(&t->copy, 1, t->memory, &large, &t->seen);
	assert_false(display_copy_has(&t->copy, 1, &large));
	assert_memory_equal(&t->seen, &large, sizeof(large));
	display_copy_take(&t->copy, 1, t->memory, &none, &t->seen);
	assert_false(display_copy_has(&t->copy, 1, &none));
	assert_int_equal(t->seen.format, 0);
}

/* By whoever is forked, who has nothing else of it. */
static int try_to_write(struct test *t)
{
	unsigned char resident;

	if (mprotect(t->memory + SIZE, SIZE, PROT_READ | PROT_WRITE) == 0 ||
	    errno != EACCES) {
		return 1;
	}
	if (mincore(t->copy.pixels, 4096, &resident) == 0 || errno != ENOMEM) {
		return 2;
	}
	return t->memory[t->seen.offset] == t->memory[OFFSET] ? 0 : 3;
}

static void viewers_cannot_write_it(void **state)
{
	struct test *t = *state;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		_exit(try_to_write(t));
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(it_is_as_the_picture),
		TEST(only_changes_are_told),
		TEST(each_change_is_told),
		TEST(a_part_alone_is_looked_at),
		TEST(parts_are_joined),
		TEST(there_are_not_too_many),
		TEST(another_buffer_is_no_other_screen),
		TEST(what_is_too_large_is_shown_as_it_is),
		TEST(viewers_cannot_write_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
