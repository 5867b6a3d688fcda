/* SPDX-License-Identifier: BSD-2-Clause */
/* Which monitor shows what, and what of a picture is drawn for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "display/display_canvas.h"
#include "display/display_monitor.h"
#include "display/display_region.h"
#include "display/display_uevent.h"
#include "gpu/gpu_wire.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ----------------------------------------------------------------- regions */

static struct display_damage rect(uint32_t x, uint32_t y, uint32_t width,
				  uint32_t height)
{
	return (struct display_damage){ x, y, width, height };
}

static void add(struct display_region *region, uint32_t x, uint32_t y,
		uint32_t width, uint32_t height)
{
	struct display_damage r = rect(x, y, width, height);

	display_region_add(region, &r);
}

static void assert_rect(const struct display_damage *r, uint32_t x, uint32_t y,
			uint32_t width, uint32_t height)
{
	assert_int_equal(r->x, x);
	assert_int_equal(r->y, y);
	assert_int_equal(r->width, width);
	assert_int_equal(r->height, height);
}

static void rectangles_join_where_that_is_cheap(void **state)
{
	struct display_region r = { 0 };

	(void)state;
	add(&r, 0, 0, 10, 10);
	add(&r, 100, 100, 10, 10);
	assert_int_equal(r.count, 2);
	/* Inside, beside, around. */
	add(&r, 2, 2, 3, 3);
	assert_int_equal(r.count, 2);
	add(&r, 0, 10, 10, 5);
	assert_int_equal(r.count, 2);
	add(&r, 0, 0, 200, 200);
	assert_int_equal(r.count, 1);
	assert_rect(&r.rect[0], 0, 0, 200, 200);
	add(&r, 5, 5, 0, 9);
	add(&r, 5, 5, 9, 0);
	assert_int_equal(r.count, 1);
}

/* Whatever comes, all of it is in what is kept. */
static void nothing_of_a_region_is_lost(void **state)
{
	static uint8_t wanted[64][64];
	struct display_region r = { 0 };

	(void)state;
	srandom(1);
	memset(wanted, 0, sizeof(wanted));
	for (unsigned int i = 0; i < 300; i++) {
		uint32_t x = (uint32_t)random() % 60;
		uint32_t y = (uint32_t)random() % 60;

		add(&r, x, y, 2, 3);
		assert_true(r.count <= DISPLAY_REGION_MAX);
		for (uint32_t j = 0; j < 6; j++) {
			wanted[y + j / 2][x + j % 2] = 1;
		}
		if (i % 30 != 29) {
			continue;
		}
		for (uint32_t j = 0; j < r.count; j++) {
			for (uint32_t k = 0;
			     k < r.rect[j].width * r.rect[j].height; k++) {
				wanted[r.rect[j].y + k / r.rect[j].width]
				      [r.rect[j].x + k % r.rect[j].width] = 0;
			}
		}
		for (size_t j = 0; j < sizeof(wanted); j++) {
			assert_int_equal(wanted[j / 64][j % 64], 0);
		}
		r.count = 0;
	}
}

static void a_cut_does_not_overflow(void **state)
{
	struct display_damage far = rect(UINT32_MAX, 5, UINT32_MAX, 5);
	struct display_damage in = rect(0, 0, 100, 8);
	struct display_damage cut = display_damage_cut(&far, &in);

	(void)state;
	assert_rect(&cut, 0, 0, 0, 0);
	far = rect(99, 5, UINT32_MAX, UINT32_MAX);
	cut = display_damage_cut(&far, &in);
	assert_rect(&cut, 99, 5, 1, 3);
}

/* ---------------------------------------------------------------- drawing */

#define SIDE 200u /* of a canvas */
#define GUARD 0xabu

static uint8_t memory[400 * 400 * 4];
static uint8_t pixels[SIDE * SIDE * 4 + 4096];

static struct display_canvas make_canvas(uint32_t width, uint32_t height)
{
	struct display_canvas canvas = {
		.pixels = pixels,
		.width = width,
		.height = height,
		.stride = width * 4,
	};

	memset(pixels, GUARD, sizeof(pixels));
	display_canvas_spoil(&canvas);
	return canvas;
}

static void make_view(struct display_view *view, uint32_t width,
		      uint32_t height, uint32_t format)
{
	memset(view, 0, sizeof(*view));
	view->memory = memory;
	view->shown = (struct display_scanout){
		.format = format,
		.width = width,
		.height = height,
		.stride = 400 * 4,
	};
	for (uint32_t i = 0; i < 400 * 400; i++) {
		uint32_t pixel = 0xff000000u | (i * 2654435761u >> 8);

		memcpy(memory + 4ul * i, &pixel, sizeof(pixel));
	}
}

static uint32_t picture_at(uint32_t x, uint32_t y)
{
	return (y * 400 + x) * 2654435761u >> 8;
}

static uint32_t drawn_at(const struct display_canvas *c, uint32_t x, uint32_t y)
{
	uint32_t pixel;

	memcpy(&pixel, c->pixels + (size_t)y * c->stride + 4ul * x,
	       sizeof(pixel));
	return pixel & 0xffffff;
}

static void assert_untouched_after(const struct display_canvas *c)
{
	for (size_t i = (size_t)c->height * c->stride; i < sizeof(pixels);
	     i++) {
		assert_int_equal(pixels[i], GUARD);
	}
}

static void a_picture_of_its_size_is_copied(void **state)
{
	static struct display_view view;
	struct display_canvas c = make_canvas(SIDE, SIDE);

	(void)state;
	make_view(&view, SIDE, SIDE, GPU_B8G8R8X8);
	assert_int_equal(display_canvas_draw(&c, &view), SIDE * SIDE);
	for (uint32_t i = 0; i < SIDE * SIDE; i++) {
		assert_int_equal(drawn_at(&c, i % SIDE, i / SIDE),
				 picture_at(i % SIDE, i / SIDE));
	}
	assert_untouched_after(&c);
	/* Nothing is stale now, and then what is changed. */
	assert_int_equal(display_canvas_draw(&c, &view), 0);
	memset(memory, 0x11, sizeof(memory));
	display_canvas_damage(&c, &view,
			      &(struct display_damage){ 10, 20, 8, 16 });
	assert_int_equal(display_canvas_draw(&c, &view), 8 * 16);
	assert_int_equal(drawn_at(&c, 10, 20), 0x111111);
	assert_int_equal(drawn_at(&c, 17, 35), 0x111111);
	assert_int_equal(drawn_at(&c, 18, 35), picture_at(18, 35));
	assert_int_equal(drawn_at(&c, 9, 20), picture_at(9, 20));
}

static void a_smaller_one_is_in_the_middle(void **state)
{
	static struct display_view view;
	struct display_canvas c = make_canvas(SIDE, SIDE);

	(void)state;
	make_view(&view, 100, 50, GPU_B8G8R8A8);
	display_canvas_draw(&c, &view);
	for (uint32_t i = 0; i < SIDE * SIDE; i++) {
		uint32_t x = i % SIDE;
		uint32_t y = i / SIDE;
		bool in = x >= 50 && x < 150 && y >= 75 && y < 125;

		assert_int_equal(drawn_at(&c, x, y),
				 in ? picture_at(x - 50, y - 75) : 0);
	}
	assert_untouched_after(&c);
	display_canvas_damage(&c, &view,
			      &(struct display_damage){ 99, 49, 1, 1 });
	assert_rect(&c.stale.rect[0], 149, 124, 1, 1);
}

static void of_a_larger_one_there_is_a_part(void **state)
{
	static struct display_view view;
	struct display_canvas c = make_canvas(SIDE, 120);

	(void)state;
	make_view(&view, 400, 400, GPU_B8G8R8X8);
	display_canvas_draw(&c, &view);
	assert_int_equal(drawn_at(&c, 0, 0), picture_at(0, 0));
	assert_int_equal(drawn_at(&c, SIDE - 1, 119),
			 picture_at(SIDE - 1, 119));
	assert_untouched_after(&c);
	display_canvas_damage(&c, &view,
			      &(struct display_damage){ 200, 0, 200, 400 });
	assert_int_equal(c.stale.count, 0);
	display_canvas_damage(&c, &view,
			      &(struct display_damage){ 100, 100, 300, 300 });
	assert_rect(&c.stale.rect[0], 100, 100, 100, 20);
}

static void nothing_is_black(void **state)
{
	static struct display_view view;
	struct display_canvas c = make_canvas(SIDE, SIDE);

	(void)state;
	make_view(&view, 0, 0, 0);
	view.pointer.format = GPU_B8G8R8A8;
	assert_int_equal(display_canvas_draw(&c, &view), SIDE * SIDE);
	for (uint32_t i = 0; i < SIDE * SIDE; i++) {
		assert_int_equal(drawn_at(&c, i % SIDE, i / SIDE), 0);
	}
}

static void formats_are_converted(void **state)
{
	static const struct {
		uint32_t format;
		uint8_t bytes[4];
	} cases[] = {
		{ GPU_B8G8R8A8, { 3, 2, 1, 0 } },
		{ GPU_B8G8R8X8, { 3, 2, 1, 9 } },
		{ GPU_A8R8G8B8, { 9, 1, 2, 3 } },
		{ GPU_X8R8G8B8, { 0, 1, 2, 3 } },
		{ GPU_R8G8B8A8, { 1, 2, 3, 9 } },
		{ GPU_X8B8G8R8, { 9, 3, 2, 1 } },
		{ GPU_A8B8G8R8, { 9, 3, 2, 1 } },
		{ GPU_R8G8B8X8, { 1, 2, 3, 0 } },
	};
	static struct display_view view;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct display_canvas c = make_canvas(4, 4);

		make_view(&view, 4, 4, cases[i].format);
		memcpy(memory + (400 + 2) * 4, cases[i].bytes, 4);
		display_canvas_draw(&c, &view);
		assert_int_equal(drawn_at(&c, 2, 1), 0x010203);
	}
}

/* All of one colour; a quarter of it is seen through. */
static void set_pointer(struct display_view *view, uint32_t x, uint32_t y,
			uint32_t pixel)
{
	view->pointer.format = GPU_B8G8R8A8;
	view->pointer.x = x;
	view->pointer.y = y;
	for (size_t i = 0; i < COUNT(view->pointer_pixels); i++) {
		view->pointer_pixels[i] = pixel;
	}
}

static void a_pointer_is_over_the_picture(void **state)
{
	static struct display_view view;
	struct display_canvas c = make_canvas(SIDE, SIDE);

	(void)state;
	make_view(&view, SIDE, SIDE, GPU_B8G8R8X8);
	memset(memory, 100, sizeof(memory));
	set_pointer(&view, 150, 10, 0xff0000ffu);
	view.pointer.hot_x = 3;
	display_canvas_draw(&c, &view);
	assert_int_equal(drawn_at(&c, 146, 10), 0x646464);
	assert_int_equal(drawn_at(&c, 147, 10), 0x0000ff);
	assert_int_equal(drawn_at(&c, 199, 73), 0x0000ff);
	assert_int_equal(drawn_at(&c, 199, 74), 0x646464);
	/* Half of it, and more light than there can be. */
	set_pointer(&view, 150, 10, 0x80ff4000u);
	display_canvas_damage_pointer(&c, &view);
	assert_int_equal(display_canvas_draw(&c, &view), 53 * 64);
	assert_int_equal(drawn_at(&c, 150, 10), 0xff7232);
	/* It goes: what was under it comes back. */
	display_canvas_damage_pointer(&c, &view);
	set_pointer(&view, 0, 0, 0xff00ff00u);
	display_canvas_damage_pointer(&c, &view);
	display_canvas_draw(&c, &view);
	assert_int_equal(drawn_at(&c, 150, 10), 0x646464);
	assert_int_equal(drawn_at(&c, 0, 0), 0x00ff00);
	assert_int_equal(drawn_at(&c, 60, 63), 0x00ff00);
	assert_int_equal(drawn_at(&c, 61, 63), 0x646464);
	assert_untouched_after(&c);
}

static void a_pointer_may_be_anywhere(void **state)
{
	static const uint32_t far[] = { 0,	   1,	       199,
					200,	   16384,      16500,
					INT32_MAX, 0x80000000, UINT32_MAX };
	static struct display_view view;

	(void)state;
	make_view(&view, 150, 100, GPU_R8G8B8X8);
	for (size_t i = 0; i < 2 * COUNT(far) * COUNT(far); i++) {
		struct display_canvas c = make_canvas(SIDE, SIDE);

		set_pointer(&view, far[i / 2 % COUNT(far)],
			    far[i / 2 / COUNT(far)], 0xffffffffu);
		view.pointer.hot_x = view.pointer.hot_y = i % 2 * 63;
		display_canvas_draw(&c, &view);
		display_canvas_damage_pointer(&c, &view);
		display_canvas_draw(&c, &view);
		/* Around the picture it is not seen. */
		assert_int_equal(drawn_at(&c, 10, 10), 0);
		assert_untouched_after(&c);
	}
}

static void a_pointer_is_taken_from_memory(void **state)
{
	static struct display_view view;
	struct display_pointer p = {
		.x = 7,
		.has_picture = 1,
		.format = GPU_R8G8B8A8,
		.stride = 256,
		.offset = 64,
	};
	const uint8_t bytes[] = { 1, 2, 3, 4 };

	(void)state;
	make_view(&view, 10, 10, GPU_B8G8R8X8);
	memcpy(memory + 64 + 256 * 2 + 4 * 5, bytes, 4);
	display_view_take_pointer(&view, &p);
	assert_int_equal(view.pointer_pixels[2 * 64 + 5], 0x04010203);
	/* A move alone; an X is no alpha; none at all. */
	p.has_picture = 0;
	p.format = 0;
	p.x = 8;
	display_view_take_pointer(&view, &p);
	assert_int_equal(view.pointer.x, 8);
	assert_int_equal(view.pointer.format, GPU_R8G8B8A8);
	assert_int_equal(view.pointer_pixels[2 * 64 + 5], 0x04010203);
	p.has_picture = 1;
	p.format = GPU_R8G8B8X8;
	display_view_take_pointer(&view, &p);
	assert_int_equal(view.pointer_pixels[2 * 64 + 5], 0xff010203);
	p.format = 0;
	display_view_take_pointer(&view, &p);
	assert_int_equal(view.pointer.format, 0);
}

/* ------------------------------------------------------------------ choices */

static drmModeModeInfo mode(uint16_t width, uint16_t height, uint32_t hz,
			    uint32_t type, uint32_t flags)
{
	return (drmModeModeInfo){
		.hdisplay = width,
		.vdisplay = height,
		.vrefresh = hz,
		.type = type,
		.flags = flags,
	};
}

static void the_preferred_mode_is_chosen(void **state)
{
	const drmModeModeInfo modes[] = {
		mode(0, 600, 60, DRM_MODE_TYPE_PREFERRED, 0),
		mode(1920, 1080, 60, 0, 0),
		mode(1280, 720, 60, DRM_MODE_TYPE_PREFERRED, 0),
		mode(3840, 2160, 30, 0, 0),
		mode(3840, 2160, 60, 0, 0),
		mode(4096, 2160, 60, DRM_MODE_TYPE_PREFERRED,
		     DRM_MODE_FLAG_INTERLACE),
	};

	(void)state;
	assert_ptr_equal(display_monitor_mode(modes, 6), &modes[2]);
	assert_ptr_equal(display_monitor_mode(modes, 2), &modes[1]);
	assert_ptr_equal(display_monitor_mode(modes + 3, 3), &modes[4]);
	assert_ptr_equal(display_monitor_mode(modes + 5, 1), &modes[5]);
	assert_null(display_monitor_mode(modes, 1));
	assert_null(display_monitor_mode(modes, 0));
}

static void a_guest_is_told_of_what_it_can_have(void **state)
{
	struct display_mode ret = { 0 };
	drmModeModeInfo m = mode(1366, 768, 60, 0, 0);

	(void)state;
	assert_true(display_monitor_offer(&m, &ret));
	assert_int_equal(ret.width, 1366);
	assert_int_equal(ret.height, 768);
	m = mode(639, 480, 60, 0, 0);
	assert_false(display_monitor_offer(&m, &ret));
	m = mode(640, 479, 60, 0, 0);
	assert_false(display_monitor_offer(&m, &ret));
	m = mode(4098, 480, 60, 0, 0);
	assert_false(display_monitor_offer(&m, &ret));
	m = mode(UINT16_MAX, UINT16_MAX, 60, 0, 0);
	assert_false(display_monitor_offer(&m, &ret));
}

static size_t assign(struct display_connector *c, const uint32_t *crtcs,
		     size_t count, size_t heads)
{
	for (size_t i = 0; i < count; i++) {
		c[i] = (struct display_connector){ .id = 10 + (uint32_t)i,
						   .crtcs = crtcs[i] };
	}
	return display_monitor_assign(c, count, heads);
}

static void each_head_gets_its_own_crtc(void **state)
{
	struct display_connector c[DISPLAY_CONNECTORS_MAX];
	const uint32_t all[] = { 7, 7, 7, 7 };
	/* The first has to leave what it was given, and so has the second. */
	const uint32_t chain[] = { 3, 6, 1 };
	const uint32_t none[] = { 0, 1, 1, 2 };
	uint32_t many[DISPLAY_CONNECTORS_MAX];

	(void)state;
	assert_int_equal(assign(c, all, 4, 4), 3);
	assert_int_equal(c[0].crtc, 0);
	assert_int_equal(c[1].crtc, 1);
	assert_int_equal(c[2].crtc, 2);
	assert_int_equal(assign(c, all, 4, 2), 2);
	assert_int_equal(assign(c, all, 0, 2), 0);
	assert_int_equal(assign(c, chain, 3, 4), 3);
	assert_int_equal(c[0].crtc, 1);
	assert_int_equal(c[1].crtc, 2);
	assert_int_equal(c[2].crtc, 0);
	/* Who can have none is left out, and those after it move up. */
	assert_int_equal(assign(c, none, 4, 4), 2);
	assert_int_equal(c[0].id, 11);
	assert_int_equal(c[1].id, 13);
	assert_int_equal(c[1].crtc, 1);
	for (size_t i = 0; i < COUNT(many); i++) {
		many[i] = UINT32_MAX;
	}
	assert_int_equal(assign(c, many, COUNT(many), COUNT(many)),
			 COUNT(many));
}

/* --------------------------------------------------------- the kernel's news */

static bool is_card(const char *text, size_t len)
{
	/* So that a read beyond its end is noticed. */
	char *copy = malloc(len != 0 ? len : 1);
	bool ret;

	assert_non_null(copy);
	memcpy(copy, text, len);
	ret = display_uevent_is_card(copy, len);
	free(copy);
	return ret;
}

static void news_of_cards_are_told_from_others(void **state)
{
	static const char good[] =
		"change@/devices/pci/drm/card0\0ACTION=change"
		"\0SUBSYSTEM=drm\0HOTPLUG=1";
	static const char other[] = "change@/devices/x\0SUBSYSTEM=drm_dp_aux\0"
				    "A=SUBSYSTEM=drm";

	(void)state;
	assert_true(is_card(good, sizeof(good)));
	assert_false(is_card(other, sizeof(other)));
	assert_false(is_card("SUBSYSTEM=drm", 13));
	assert_true(is_card("SUBSYSTEM=drm", 14));
	assert_false(is_card("", 0));
	assert_false(is_card("\0\0\0", 3));
	/* Cut off anywhere: nothing is read beyond. */
	for (size_t i = 0; i < sizeof(good); i++) {
		(void)is_card(good, i);
	}
}

/* What another program sends to the socket is not the kernel's. */
static void strangers_are_not_believed(void **state)
{
	static const char text[] = "change@/x\0SUBSYSTEM=drm";
	struct sockaddr_nl to = { .nl_family = AF_NETLINK };
	socklen_t len = sizeof(to);
	int fd = display_uevent_open();
	int sender = socket(AF_NETLINK, SOCK_DGRAM, NETLINK_KOBJECT_UEVENT);

	(void)state;
	assert_true(fd >= 0);
	assert_true(sender >= 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&to, &len), 0);
	assert_int_equal(sendto(sender, text, sizeof(text), 0,
				(struct sockaddr *)&to, sizeof(to)),
			 sizeof(text));
	assert_int_equal(display_uevent_read(fd), 0);
	close(sender);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rectangles_join_where_that_is_cheap),
		cmocka_unit_test(nothing_of_a_region_is_lost),
		cmocka_unit_test(a_cut_does_not_overflow),
		cmocka_unit_test(a_picture_of_its_size_is_copied),
		cmocka_unit_test(a_smaller_one_is_in_the_middle),
		cmocka_unit_test(of_a_larger_one_there_is_a_part),
		cmocka_unit_test(nothing_is_black),
		cmocka_unit_test(formats_are_converted),
		cmocka_unit_test(a_pointer_is_over_the_picture),
		cmocka_unit_test(a_pointer_may_be_anywhere),
		cmocka_unit_test(a_pointer_is_taken_from_memory),
		cmocka_unit_test(the_preferred_mode_is_chosen),
		cmocka_unit_test(a_guest_is_told_of_what_it_can_have),
		cmocka_unit_test(each_head_gets_its_own_crtc),
		cmocka_unit_test(news_of_cards_are_told_from_others),
		cmocka_unit_test(strangers_are_not_believed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
