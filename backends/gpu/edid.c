/* SPDX-License-Identifier: BSD-2-Clause */
#include "gpu/edid.h"

#include <string.h>

/* Of a detailed timing (3.10.2), after CVT's reduced blanking. */
#define H_BLANK 160u
#define H_FRONT 48u
#define H_SYNC 32u
#define V_FRONT 3u
#define V_SYNC 6u
#define HZ 60u
#define CLOCK_UNIT 10000u /* Hz */
#define CLOCK_MAX 65535u
#define DPI 96u

#define DETAILED 54u /* the first of four descriptors of 18 bytes */
#define DESCRIPTOR 18u

static void put16(uint8_t *to, uint32_t value)
{
	to[0] = (uint8_t)value;
	to[1] = (uint8_t)(value >> 8);
}

static uint32_t millimetres(uint32_t pixels)
{
	return (pixels * 254u + DPI * 5u) / (DPI * 10u);
}

/* Low bytes of two numbers of 12 bits, then both high halves in one. */
static void put12(uint8_t *low_a, uint8_t *low_b, uint8_t *high, uint32_t a,
		  uint32_t b)
{
	*low_a = (uint8_t)a;
	*low_b = (uint8_t)b;
	*high = (uint8_t)((a >> 8) << 4 | b >> 8);
}

static void put_timing(uint8_t *d, uint32_t width, uint32_t height)
{
	uint32_t v_blank = 30u + height / 40u;
	uint64_t clock = (uint64_t)(width + H_BLANK) * (height + v_blank) * HZ /
			 CLOCK_UNIT;

	put16(d, clock < CLOCK_MAX ? (uint32_t)clock : CLOCK_MAX);
	put12(&d[2], &d[3], &d[4], width, H_BLANK);
	put12(&d[5], &d[6], &d[7], height, v_blank);
	d[8] = H_FRONT;
	d[9] = H_SYNC;
	d[10] = V_FRONT << 4 | V_SYNC;
	put12(&d[12], &d[13], &d[14], millimetres(width), millimetres(height));
	d[17] = 0x1e; /* digital, both syncs positive */
}

static void put_text(uint8_t *d, uint8_t tag, const char *text)
{
	size_t len = strlen(text);

	d[3] = tag;
	memset(d + 5, ' ', 13);
	memcpy(d + 5, text, len);
	d[5 + len] = '\n';
}

static void put_limits(uint8_t *d)
{
	static const uint8_t limits[] = { 0,   0, 0,   0xfd, 0, 1,
					  255, 1, 255, 255,  1, '\n' };

	memset(d, ' ', DESCRIPTOR);
	memcpy(d, limits, sizeof(limits));
}

/* What drivers offer beside the preferred one (3.9). */
static void put_standard(uint8_t *to)
{
	enum {
		WIDE_10 = 0 << 6,
		WIDE_4_3 = 1 << 6,
		WIDE_9 = 3 << 6
	};
	static const struct {
		uint16_t width;
		uint8_t aspect;
	} modes[8] = {
		{ 1280, WIDE_10 }, { 1280, WIDE_9 },   { 1280, WIDE_4_3 },
		{ 1440, WIDE_10 }, { 1600, WIDE_4_3 }, { 1680, WIDE_10 },
		{ 1920, WIDE_10 }, { 1920, WIDE_9 },
	};

	for (size_t i = 0; i < 8; i++) {
		to[2 * i] = (uint8_t)(modes[i].width / 8 - 31);
		to[2 * i + 1] = modes[i].aspect;
	}
}

static uint8_t centimetres(uint32_t pixels)
{
	uint32_t cm = millimetres(pixels) / 10;

	return (uint8_t)(cm < 255 ? cm : 255);
}

void edid_make(uint8_t ret[EDID_SIZE], uint32_t width, uint32_t height,
	       uint32_t serial)
{
	static const uint8_t begin[] = { 0,    0xff, 0xff, 0xff, 0xff,
					 0xff, 0xff, 0,	   0x6a, 0xcd };
	/* sRGB's primaries and white. */
	static const uint8_t colours[] = { 0xee, 0x91, 0xa3, 0x54, 0x4c,
					   0x99, 0x26, 0x0f, 0x50, 0x54 };
	uint8_t sum = 0;

	memset(ret, 0, EDID_SIZE);
	memcpy(ret, begin, sizeof(begin)); /* "ZVM", five bits a letter */
	put16(ret + 10, 1);
	put16(ret + 12, serial);
	ret[17] = 2026 - 1990;
	ret[18] = 1;
	ret[19] = 4;
	ret[20] = 0xa5; /* digital, 8 bits a colour, DisplayPort */
	ret[21] = centimetres(width);
	ret[22] = centimetres(height);
	ret[23] = 220 - 100; /* gamma 2.2 */
	ret[24] = 0x06; /* sRGB; the first timing is the native one */
	memcpy(ret + 25, colours, sizeof(colours));
	ret[35] = 0x21; /* 640x480 and 800x600 at 60 Hz */
	ret[36] = 0x08; /* 1024x768 at 60 Hz */
	put_standard(ret + 38);
	put_timing(ret + DETAILED, width, height);
	put_limits(ret + DETAILED + DESCRIPTOR);
	put_text(ret + DETAILED + 2 * DESCRIPTOR, 0xfc, "Zonevisor");
	ret[DETAILED + 3 * DESCRIPTOR + 3] = 0x10; /* not used */
	for (size_t i = 0; i < EDID_SIZE - 1; i++) {
		sum = (uint8_t)(sum + ret[i]);
	}
	ret[EDID_SIZE - 1] = (uint8_t)-sum;
}
