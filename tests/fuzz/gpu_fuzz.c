/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The graphics device's commands from a hostile driver, which changes its memory
 * as soon as it has been read.
 *
 * Oracle: guest memory changes in responses and rings only; what is told to the
 * output lies in video memory and within what is shown; a process that takes the
 * memory over finds it whole, with the same pictures shown.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz_input.h"
#include "gpu/gpu_2d.h"

#define RAM 0x10000ull
#define RAM_SIZE 0x20000u
#define REQUEST_MAX 0x800u
#define VIDEO VIDEO_SIZE_MIN
#define SCANOUTS 2u

#define require(x)               \
	do {                     \
		if (!(x)) {      \
			abort(); \
		}                \
	} while (0)

static struct {
	struct guest_mem gm;
	struct video_memory video;
	struct gpu_2d gpu;
	struct gpu_picture shown[SCANOUTS];
	uint8_t *ram;
	uint8_t *memory;
	uint32_t noise; /* 0: memory stays as it is */
} w;

static void check_picture(const struct gpu_picture *picture)
{
	uint64_t last = picture->offset +
			(uint64_t)picture->stride * (picture->height - 1) +
			picture->width * 4ull;

	require(picture->format == 0 ||
		(picture->width != 0 && picture->height != 0 &&
		 picture->width * 4ull <= picture->stride && last <= VIDEO));
}

static void on_scanout(void *owner, uint32_t scanout,
		       const struct gpu_picture *picture)
{
	(void)owner;
	require(scanout < SCANOUTS);
	check_picture(picture);
	w.shown[scanout] = *picture;
}

static void on_damage(void *owner, uint32_t scanout,
		      const struct video_rect *rect)
{
	(void)owner;
	require(scanout < SCANOUTS && w.shown[scanout].format != 0);
	require(rect->width != 0 && rect->height != 0);
	require((uint64_t)rect->x + rect->width <= w.shown[scanout].width);
	require((uint64_t)rect->y + rect->height <= w.shown[scanout].height);
}

static void on_pointer(void *owner, const struct gpu_pointer *pointer,
		       const struct gpu_picture *picture)
{
	(void)owner;
	require(pointer->scanout < SCANOUTS);
	if (picture != NULL) {
		check_picture(picture);
	}
}

static const struct gpu_output_ops output = { on_scanout, on_damage,
					      on_pointer };

static void after_read(struct guest_mem *gm, uint64_t gpa, size_t len)
{
	(void)gm;
	for (size_t i = 0; w.noise != 0 && i < len; i++) {
		w.noise = w.noise * 1103515245u + 12345u;
		w.ram[gpa - RAM + i] ^= (uint8_t)(w.noise >> 16);
	}
}

static void take_over(void)
{
	bool resumed;

	require(video_open(&w.video, w.memory, VIDEO, &resumed) == 0);
	w.gpu.video = &w.video;
	w.gpu.output = &output;
	w.gpu.scanouts = SCANOUTS;
	w.gpu.mode[0] = (struct gpu_mode){ true, 640, 480 };
	w.gpu.mode[1] = (struct gpu_mode){ true, 1, 1 };
	w.gpu.repeats = resumed;
}

/* A killed process: nothing but the file is left. */
static void next_process(void)
{
	struct gpu_picture before[SCANOUTS];
	bool resumed;

	memcpy(before, w.shown, sizeof(before));
	video_close(&w.video);
	require(video_open(&w.video, w.memory, VIDEO, &resumed) == 0);
	require(resumed);
	gpu_2d_show(&w.gpu);
	require(memcmp(before, w.shown, sizeof(before)) == 0);
	w.gpu.repeats = true;
}

/* Small numbers, so that commands meet; now and then any. */
static uint32_t number(struct fuzz_input *in)
{
	uint8_t how = fuzz_u8(in);

	return how < 200 ? how % 40u : how < 230 ? how * 16u : fuzz_u32(in);
}

static uint32_t make_request(struct fuzz_input *in, uint32_t type)
{
	uint8_t *at = w.ram;
	struct gpu_header header = { .type = type, .flags = fuzz_u8(in) };
	uint32_t words = 4u + fuzz_u8(in) % 24u;

	memcpy(at, &header, sizeof(header));
	at += sizeof(header);
	for (uint32_t i = 0; i < words; i++) {
		uint32_t value = number(in);

		if (type == GPU_RESOURCE_CREATE_2D && i == 1) {
			value = value % 8 == 0 ? value : 1 + value % 2;
		}
		/* Addresses of entries are mostly somewhere in memory. */
		if (type == GPU_RESOURCE_ATTACH_BACKING && i >= 2 &&
		    i % 4 == 2 && value < 0x1000) {
			value = (uint32_t)RAM + value * 64;
		}
		if (type == GPU_RESOURCE_ATTACH_BACKING && i >= 2 &&
		    i % 4 == 3 && value < 0x1000) {
			value = 0;
		}
		memcpy(at + i * 4, &value, sizeof(value));
	}
	return (uint32_t)sizeof(header) + words * 4u;
}

static void step(struct fuzz_input *in)
{
	static const uint32_t types[] = {
		GPU_GET_DISPLAY_INFO,
		GPU_GET_EDID,
		GPU_RESOURCE_CREATE_2D,
		GPU_RESOURCE_CREATE_2D,
		GPU_RESOURCE_UNREF,
		GPU_SET_SCANOUT,
		GPU_SET_SCANOUT,
		GPU_RESOURCE_FLUSH,
		GPU_TRANSFER_TO_HOST_2D,
		GPU_TRANSFER_TO_HOST_2D,
		GPU_RESOURCE_ATTACH_BACKING,
		GPU_RESOURCE_ATTACH_BACKING,
		GPU_RESOURCE_DETACH_BACKING,
		GPU_UPDATE_CURSOR,
		GPU_MOVE_CURSOR,
	};
	uint8_t what = fuzz_u8(in);
	uint32_t type = types[what % (sizeof(types) / sizeof(types[0]))];
	uint32_t len = make_request(in, type);
	uint32_t cut = fuzz_u8(in) % len;
	struct vq_chain chain = {
		.readable = 2,
		.seg = { { w.ram, cut }, { w.ram + cut, len - cut } },
	};
	struct gpu_response response;
	struct chain_io reader;

	if (what == 255) {
		next_process();
		return;
	}
	chain_reader(&reader, &w.gm, &chain);
	if (type == GPU_UPDATE_CURSOR || type == GPU_MOVE_CURSOR) {
		gpu_2d_cursor(&w.gpu, &reader);
	} else if (gpu_2d_control(&w.gpu, &reader, &response)) {
		require(response.header.type >= GPU_OK);
		require(response.body_len <= sizeof(response.body));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	uint8_t *before;

	memset(&w, 0, sizeof(w));
	w.noise = fuzz_u8(&in) % 2 ? 1 : 0;
	w.ram = calloc(1, RAM_SIZE);
	w.memory = aligned_alloc(VIDEO_PAGE, VIDEO);
	before = malloc(RAM_SIZE);
	memset(w.memory, 0, VIDEO);
	guest_mem_init(&w.gm);
	require(guest_mem_add(&w.gm, RAM, RAM_SIZE, w.ram) == 0);
	w.gm.after_read = after_read;
	take_over();
	memcpy(before, w.ram, RAM_SIZE);
	while (in.left != 0) {
		step(&in);
		/* Beyond the request nothing is written: it has no answer. */
		require(memcmp(before + REQUEST_MAX, w.ram + REQUEST_MAX,
			       RAM_SIZE - REQUEST_MAX) == 0);
	}
	next_process();
	video_close(&w.video);
	free(before);
	free(w.memory);
	free(w.ram);
	return 0;
}
