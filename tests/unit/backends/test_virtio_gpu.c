/* SPDX-License-Identifier: BSD-2-Clause */
/* The graphics device: what a driver asks for, and what an output is told. */
#include "gpu/virtio_gpu.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "support/event_pump.h"
#include "support/ring_driver.h"

#define RAM 0x10000ull
#define RAM_SIZE 0x400000ull
#define CURSOR_RING (RAM + 0x4000)
#define REQUEST (RAM + 0x8000)
#define RESPONSE (RAM + 0x20000)
#define BACKING (RAM + 0x100000)
#define VIDEO (4u << 20) /* bytes */
#define QUEUE 64u

static struct {
	struct event_pump pump;
	struct guest_mem gm;
	struct virtio_gpu vgpu;
	struct ring_driver ring[2];
	uint8_t *ram;
	uint8_t *video;
	uint64_t mark[VIRTIO_QUEUES_MAX];
	unsigned int broken;
	unsigned int changed; /* of the configuration */
	/* What the output was told last, and how often. */
	unsigned int scanouts;
	struct gpu_picture picture[VIDEO_SCANOUTS_MAX];
	unsigned int damages;
	uint32_t damaged;
	struct video_rect damage;
	unsigned int pointers;
	struct gpu_pointer pointer;
	struct gpu_picture pointer_picture;
	bool pointer_moved_only;
} t;

/* -------------------------------------------------------------- the output */

static void on_scanout(void *owner, uint32_t scanout,
		       const struct gpu_picture *picture)
{
	assert_ptr_equal(owner, &t);
	t.scanouts++;
	t.picture[scanout] = *picture;
}

static void on_damage(void *owner, uint32_t scanout,
		      const struct video_rect *rect)
{
	assert_ptr_equal(owner, &t);
	t.damages++;
	t.damaged = scanout;
	t.damage = *rect;
}

static void on_pointer(void *owner, const struct gpu_pointer *pointer,
		       const struct gpu_picture *picture)
{
	assert_ptr_equal(owner, &t);
	t.pointers++;
	t.pointer = *pointer;
	t.pointer_moved_only = picture == NULL;
	if (picture != NULL) {
		t.pointer_picture = *picture;
	}
}

static const struct gpu_output_ops output = { on_scanout, on_damage,
					      on_pointer };

/* ----------------------------------------------------------- the transport */

static void on_signal(struct virtio_device *dev, uint32_t q)
{
	(void)vq_should_signal(&dev->vq[q]);
}

static void on_config_changed(struct virtio_device *dev)
{
	(void)dev;
	t.changed++;
}

static void on_broken(struct virtio_device *dev, const char *why)
{
	assert_non_null(why);
	vq_fini(&dev->vq[0]);
	vq_fini(&dev->vq[1]);
	t.broken++;
}

static const struct virtio_transport_ops transport = {
	.signal = on_signal,
	.config_changed = on_config_changed,
	.broken = on_broken,
};

/* A process on the queues as they are. */
static void start(void)
{
	struct virtio_gpu_config config = {
		.memory = t.video,
		.memory_size = VIDEO,
		.scanouts = 2,
		.mode = { { true, 1024, 768 }, { false, 640, 480 } },
		.output = &output,
		.owner = &t,
	};

	assert_int_equal(virtio_gpu_init(&t.vgpu, &t.pump.loop, &config), 0);
	t.vgpu.dev.transport = &transport;
	t.vgpu.dev.mark = t.mark;
	for (size_t q = 0; q < 2; q++) {
		assert_int_equal(vq_init(&t.vgpu.dev.vq[q], &t.gm,
					 &t.ring[q].at, VQ_F_INDIRECT_DESC),
				 0);
	}
	assert_int_equal(t.vgpu.dev.ops->start(&t.vgpu.dev, 0), 0);
	assert_true(event_pump_run(&t.pump));
}

static void on_stopped(struct virtio_device *dev)
{
	assert_ptr_equal(dev, &t.vgpu.dev);
}

static void begin(void)
{
	memset(&t, 0, sizeof(t));
	t.ram = calloc(1, RAM_SIZE);
	t.video = aligned_alloc(VIDEO_PAGE, VIDEO);
	memset(t.video, 0, VIDEO);
	event_pump_init(&t.pump);
	guest_mem_init(&t.gm);
	assert_int_equal(guest_mem_add(&t.gm, RAM, RAM_SIZE, t.ram), 0);
	ring_driver_init(&t.ring[0], &t.gm, RAM, QUEUE);
	ring_driver_init(&t.ring[1], &t.gm, CURSOR_RING, QUEUE);
	start();
}

static void end(void)
{
	t.vgpu.dev.ops->stop(&t.vgpu.dev, on_stopped);
	virtio_gpu_fini(&t.vgpu);
	assert_int_equal(event_pump_fini(&t.pump), 0);
	free(t.ram);
	free(t.video);
}

static uint8_t *ram(uint64_t gpa)
{
	return t.ram + (gpa - RAM);
}

/* -------------------------------------------------------------- the driver */

static uint64_t request_len;

static void put(const void *bytes, size_t len)
{
	memcpy(ram(REQUEST) + request_len, bytes, len);
	request_len += len;
}

static void put_header(uint32_t type)
{
	const struct gpu_header header = { .type = type };

	request_len = 0;
	put(&header, sizeof(header));
}

/* Sends what was put in pieces of at most that many bytes. */
static void offer(unsigned int piece, uint32_t room)
{
	struct ring_driver *ring = &t.ring[0];
	uint16_t i = 0;

	for (uint64_t at = 0; at < request_len; at += piece, i++) {
		uint64_t left = request_len - at;
		bool more = left > piece || room != 0;

		ring_driver_desc(ring, ring->at.desc, i, REQUEST + at,
				 (uint32_t)(left < piece ? left : piece),
				 more ? VQ_DESC_NEXT : 0, (uint16_t)(i + 1));
	}
	if (room != 0) {
		ring_driver_desc(ring, ring->at.desc, i, RESPONSE, room,
				 VQ_DESC_WRITE, 0);
	}
	ring_driver_offer(ring, 0);
}

static uint32_t kick(void)
{
	uint32_t head;
	uint32_t len;

	t.vgpu.dev.ops->kick(&t.vgpu.dev, 0);
	assert_true(event_pump_run(&t.pump));
	assert_true(ring_driver_take(&t.ring[0], &head, &len));
	return len;
}

/* Of the response. */
static const void *body(void)
{
	return ram(RESPONSE) + sizeof(struct gpu_header);
}

/* The response's type. */
static uint32_t send_request(void)
{
	const struct gpu_header *header = (const void *)ram(RESPONSE);

	offer(4096, 2048);
	assert_true(kick() >= sizeof(*header));
	return header->type;
}

/* A command whose body that is. */
#define SEND(type, ...)                                              \
	(put_header(type), put(&(__VA_ARGS__), sizeof(__VA_ARGS__)), \
	 send_request())

static uint32_t create(uint32_t id, uint32_t format, uint32_t width,
		       uint32_t height)
{
	return SEND(GPU_RESOURCE_CREATE_2D,
		    (struct gpu_create_2d){ id, format, width, height });
}

static uint32_t unref(uint32_t id)
{
	return SEND(GPU_RESOURCE_UNREF, (struct gpu_resource){ id, 0 });
}

static uint32_t detach(uint32_t id)
{
	return SEND(GPU_RESOURCE_DETACH_BACKING,
		    (struct gpu_resource){ id, 0 });
}

static uint32_t attach(uint32_t id, const struct gpu_entry *entries,
		       uint32_t count)
{
	const struct gpu_attach wanted = { id, count };

	put_header(GPU_RESOURCE_ATTACH_BACKING);
	put(&wanted, sizeof(wanted));
	put(entries, count * sizeof(entries[0]));
	return send_request();
}

static uint32_t attach_one(uint32_t id, uint64_t gpa, uint32_t length)
{
	const struct gpu_entry entry = { gpa, length, 0 };

	return attach(id, &entry, 1);
}

static struct video_rect rect(uint32_t x, uint32_t y, uint32_t width,
			      uint32_t height)
{
	return (struct video_rect){ x, y, width, height };
}

static uint32_t transfer(uint32_t id, struct video_rect r, uint64_t offset)
{
	return SEND(GPU_TRANSFER_TO_HOST_2D,
		    (struct gpu_transfer){ r, offset, id, 0 });
}

static uint32_t set_scanout(uint32_t scanout, uint32_t id, struct video_rect r)
{
	return SEND(GPU_SET_SCANOUT,
		    (struct gpu_set_scanout){ r, scanout, id });
}

static uint32_t flush(uint32_t id, struct video_rect r)
{
	return SEND(GPU_RESOURCE_FLUSH, (struct gpu_flush){ r, id, 0 });
}

static void cursor(uint32_t type, struct gpu_cursor wanted)
{
	struct ring_driver *ring = &t.ring[1];
	uint32_t head;
	uint32_t len;

	put_header(type);
	put(&wanted, sizeof(wanted));
	ring_driver_desc(ring, ring->at.desc, 0, REQUEST, (uint32_t)request_len,
			 0, 0);
	ring_driver_offer(ring, 0);
	t.vgpu.dev.ops->kick(&t.vgpu.dev, 1);
	assert_true(event_pump_run(&t.pump));
	assert_true(ring_driver_take(ring, &head, &len));
	assert_int_equal(len, 0);
}

static uint32_t pixel(const struct gpu_picture *picture, uint32_t x, uint32_t y)
{
	uint32_t value;

	memcpy(&value, t.video + picture->offset + y * picture->stride + x * 4,
	       sizeof(value));
	return value;
}

/* A number for each pixel of the guest's picture. */
static void paint(uint64_t gpa, uint32_t count, uint32_t first)
{
	for (uint32_t i = 0; i < count; i++) {
		uint32_t value = first + i;

		memcpy(ram(gpa) + i * 4ull, &value, sizeof(value));
	}
}

static bool damage_is(uint32_t x, uint32_t y, uint32_t width, uint32_t height)
{
	const struct video_rect expected = { x, y, width, height };

	return memcmp(&t.damage, &expected, sizeof(expected)) == 0;
}

/* ------------------------------------------------------------------- tests */

static void test_modes(void **state)
{
	const struct gpu_mode mode = { true, 800, 600 };
	const uint32_t all = ~0u;
	const struct gpu_display_info *info;
	uint32_t config[4];

	(void)state;
	begin();
	info = body();
	t.vgpu.dev.ops->config_read(&t.vgpu.dev, 0, config, sizeof(config));
	assert_int_equal(config[0], 0);
	assert_int_equal(config[2], 2);
	put_header(GPU_GET_DISPLAY_INFO);
	assert_int_equal(send_request(), GPU_OK_DISPLAY_INFO);
	assert_int_equal(info->mode[0].rect.width, 1024);
	assert_int_equal(info->mode[0].rect.height, 768);
	assert_int_equal(info->mode[0].enabled, 1);
	assert_int_equal(info->mode[1].enabled, 0);
	assert_int_equal(info->mode[2].rect.width, 0);

	virtio_gpu_set_mode(&t.vgpu, 1, &mode);
	assert_int_equal(t.changed, 1);
	t.vgpu.dev.ops->config_read(&t.vgpu.dev, 0, config, sizeof(config));
	assert_int_equal(config[0], 1);
	t.vgpu.dev.ops->config_write(&t.vgpu.dev, 4, &all, sizeof(all));
	t.vgpu.dev.ops->config_read(&t.vgpu.dev, 0, config, sizeof(config));
	assert_int_equal(config[0], 0);
	put_header(GPU_GET_DISPLAY_INFO);
	assert_int_equal(send_request(), GPU_OK_DISPLAY_INFO);
	assert_int_equal(info->mode[1].rect.height, 600);
	assert_int_equal(info->mode[1].enabled, 1);
	end();
}

static void test_edid(void **state)
{
	const struct gpu_edid *edid;
	const uint8_t *d;
	uint8_t sum = 0;

	(void)state;
	begin();
	edid = body();
	assert_int_equal(SEND(GPU_GET_EDID, (struct gpu_get_edid){ 0, 0 }),
			 GPU_OK_EDID);
	assert_int_equal(edid->size, 128);
	for (size_t i = 0; i < 128; i++) {
		sum = (uint8_t)(sum + edid->edid[i]);
	}
	assert_int_equal(sum, 0);
	d = edid->edid + 54;
	assert_int_equal(d[2] | (d[4] >> 4) << 8, 1024);
	assert_int_equal(d[5] | (d[7] >> 4) << 8, 768);
	assert_int_equal(SEND(GPU_GET_EDID, (struct gpu_get_edid){ 2, 0 }),
			 GPU_ERROR_SCANOUT_ID);
	end();
}

static void test_picture(void **state)
{
	const struct gpu_entry entries[] = {
		/* In three places, which do not end where rows do. */
		{ BACKING, 1000, 0 },
		{ BACKING + 0x10000, 24, 0 },
		{ BACKING + 0x20000, 64 * 32 * 4 - 1024, 0 },
	};

	(void)state;
	begin();
	assert_int_equal(create(7, GPU_B8G8R8X8, 64, 32), GPU_OK);
	assert_int_equal(attach(7, entries, 3), GPU_OK);
	assert_int_equal(set_scanout(0, 7, rect(0, 0, 64, 32)), GPU_OK);
	assert_int_equal(t.picture[0].width, 64);
	assert_int_equal(t.picture[0].height, 32);
	assert_int_equal(t.picture[0].stride, 256);
	assert_int_equal(t.picture[0].format, GPU_B8G8R8X8);
	assert_int_equal(pixel(&t.picture[0], 5, 5), 0);

	paint(BACKING, 250, 1);
	paint(BACKING + 0x10000, 6, 251);
	paint(BACKING + 0x20000, 64 * 32 - 256, 257);
	assert_int_equal(transfer(7, rect(0, 0, 64, 32), 0), GPU_OK);
	for (uint32_t y = 0; y < 32; y++) {
		for (uint32_t x = 0; x < 64; x++) {
			assert_int_equal(pixel(&t.picture[0], x, y),
					 1 + y * 64 + x);
		}
	}
	assert_int_equal(t.damages, 0);
	assert_int_equal(flush(7, rect(8, 4, 16, 2)), GPU_OK);
	assert_int_equal(t.damages, 1);
	assert_int_equal(t.damaged, 0);
	assert_true(damage_is(8, 4, 16, 2));

	/* A part of it, which is where it would be in the whole. */
	paint(BACKING, 250, 5001);
	assert_int_equal(transfer(7, rect(2, 1, 3, 2), (64 + 2) * 4), GPU_OK);
	assert_int_equal(pixel(&t.picture[0], 2, 1), 5001 + 66);
	assert_int_equal(pixel(&t.picture[0], 4, 2), 5001 + 132);
	assert_int_equal(pixel(&t.picture[0], 5, 1), 1 + 64 + 5);
	assert_int_equal(pixel(&t.picture[0], 2, 3), 1 + 3 * 64 + 2);
	end();
}

static void test_part_of_a_resource(void **state)
{
	(void)state;
	begin();
	assert_int_equal(create(1, GPU_R8G8B8A8, 100, 100), GPU_OK);
	assert_int_equal(set_scanout(1, 1, rect(50, 20, 40, 30)), GPU_OK);
	assert_int_equal(t.picture[1].width, 40);
	assert_int_equal(t.picture[1].stride, 400);
	assert_int_equal(t.picture[1].offset % VIDEO_PAGE,
			 (20 * 400 + 50 * 4) % VIDEO_PAGE);
	assert_int_equal(flush(1, rect(0, 0, 51, 100)), GPU_OK);
	assert_int_equal(t.damaged, 1);
	assert_true(damage_is(0, 0, 1, 30));
	assert_int_equal(flush(1, rect(0, 0, 50, 100)), GPU_OK);
	assert_int_equal(t.damages, 1);
	/* Nothing is shown of what has gone. */
	assert_int_equal(unref(1), GPU_OK);
	assert_int_equal(t.picture[1].format, 0);
	assert_int_equal(unref(1), GPU_ERROR_RESOURCE_ID);
	end();
}

static void test_refused(void **state)
{
	const struct gpu_entry outside = { RAM + RAM_SIZE - 8, 16, 0 };
	const struct gpu_entry two[] = { { BACKING, 4096, 0 },
					 { 0x40, 4096, 0 } };
	const uint32_t big = VIDEO_WIDTH_MAX;

	(void)state;
	begin();
	assert_int_equal(create(0, GPU_B8G8R8X8, 8, 8), GPU_ERROR_RESOURCE_ID);
	assert_int_equal(create(1, 5, 8, 8), GPU_ERROR_PARAMETER);
	assert_int_equal(create(1, GPU_B8G8R8X8, 0, 8), GPU_ERROR_PARAMETER);
	assert_int_equal(create(1, GPU_B8G8R8X8, 8, 0), GPU_ERROR_PARAMETER);
	assert_int_equal(create(1, GPU_B8G8R8X8, big + 1, 1),
			 GPU_ERROR_PARAMETER);
	assert_int_equal(create(1, GPU_B8G8R8X8, 1, big + 1),
			 GPU_ERROR_PARAMETER);
	assert_int_equal(create(1, GPU_B8G8R8X8, big, big),
			 GPU_ERROR_OUT_OF_MEMORY);
	assert_int_equal(create(1, GPU_B8G8R8X8, 16, 16), GPU_OK);
	assert_int_equal(create(1, GPU_B8G8R8X8, 16, 16),
			 GPU_ERROR_RESOURCE_ID);

	assert_int_equal(transfer(1, rect(0, 0, 1, 1), 0), GPU_ERROR);
	assert_int_equal(attach(1, &outside, 1), GPU_ERROR_PARAMETER);
	assert_int_equal(attach(1, two, 2), GPU_ERROR_PARAMETER);
	assert_int_equal(attach(1, two, 0), GPU_ERROR_PARAMETER);
	assert_int_equal(attach_one(2, BACKING, 64), GPU_ERROR_RESOURCE_ID);
	assert_int_equal(attach_one(1, BACKING, 16 * 16 * 4 - 1), GPU_OK);
	assert_int_equal(attach_one(1, BACKING, 4096), GPU_ERROR);

	assert_int_equal(transfer(1, rect(0, 0, 16, 16), 0),
			 GPU_ERROR_PARAMETER);
	assert_int_equal(transfer(1, rect(0, 0, 16, 15), 64),
			 GPU_ERROR_PARAMETER);
	assert_int_equal(transfer(1, rect(0, 0, 16, 15), UINT64_MAX - 3),
			 GPU_ERROR_PARAMETER);
	assert_int_equal(transfer(1, rect(0, 0, 16, 15), 60), GPU_OK);
	assert_int_equal(transfer(1, rect(1, 0, 16, 1), 0),
			 GPU_ERROR_PARAMETER);
	assert_int_equal(transfer(1, rect(0, 1, 1, 16), 0),
			 GPU_ERROR_PARAMETER);
	assert_int_equal(transfer(1, rect(UINT32_MAX, 0, 2, 1), 0),
			 GPU_ERROR_PARAMETER);
	assert_int_equal(transfer(1, rect(0, 0, 0, 1), 0), GPU_ERROR_PARAMETER);
	assert_int_equal(transfer(2, rect(0, 0, 1, 1), 0),
			 GPU_ERROR_RESOURCE_ID);
	assert_int_equal(detach(2), GPU_ERROR_RESOURCE_ID);
	assert_int_equal(detach(1), GPU_OK);
	assert_int_equal(transfer(1, rect(0, 0, 1, 1), 0), GPU_ERROR);

	assert_int_equal(set_scanout(2, 1, rect(0, 0, 16, 16)),
			 GPU_ERROR_SCANOUT_ID);
	assert_int_equal(set_scanout(0, 2, rect(0, 0, 16, 16)),
			 GPU_ERROR_RESOURCE_ID);
	assert_int_equal(set_scanout(0, 1, rect(0, 1, 16, 16)),
			 GPU_ERROR_PARAMETER);
	assert_int_equal(flush(1, rect(0, 1, 16, 16)), GPU_ERROR_PARAMETER);
	assert_int_equal(flush(2, rect(0, 0, 1, 1)), GPU_ERROR_RESOURCE_ID);
	put_header(0x0108); /* GET_CAPSET_INFO: there are none */
	assert_int_equal(send_request(), GPU_ERROR);
	/* A body that is cut off. */
	put_header(GPU_RESOURCE_CREATE_2D);
	assert_int_equal(send_request(), GPU_ERROR_PARAMETER);
	assert_int_equal(t.broken, 0);
	assert_int_equal(t.scanouts, 2); /* as it began */
	end();
}

static void test_budget(void **state)
{
	unsigned int made = 0;

	(void)state;
	begin();
	while (create(made + 1, GPU_B8G8R8X8, 256, 256) == GPU_OK) {
		made++;
	}
	/* All but the table is for pictures. */
	assert_int_equal(made, VIDEO / (256 * 1024) - 1);
	assert_int_equal(create(100, GPU_B8G8R8X8, 256, 256),
			 GPU_ERROR_OUT_OF_MEMORY);
	assert_int_equal(unref(3), GPU_OK);
	assert_int_equal(create(100, GPU_B8G8R8X8, 256, 256), GPU_OK);
	for (unsigned int id = 1; id <= made; id++) {
		assert_int_equal(unref(id),
				 id == 3 ? GPU_ERROR_RESOURCE_ID : GPU_OK);
	}
	assert_int_equal(unref(100), GPU_OK);
	/* Small ones are bounded by pages, too. */
	for (uint32_t id = 1; id <= 900; id++) {
		assert_int_equal(create(id, GPU_B8G8R8X8, 1, 1), GPU_OK);
	}
	for (uint32_t id = 1; id <= 900; id++) {
		assert_int_equal(unref(id), GPU_OK);
	}
	/* What a picture was before does not show. */
	assert_int_equal(create(1, GPU_B8G8R8X8, 4, 4), GPU_OK);
	paint(BACKING, 16, 77);
	assert_int_equal(attach_one(1, BACKING, 64), GPU_OK);
	assert_int_equal(transfer(1, rect(0, 0, 4, 4), 0), GPU_OK);
	assert_int_equal(unref(1), GPU_OK);
	assert_int_equal(create(2, GPU_B8G8R8X8, 4, 4), GPU_OK);
	assert_int_equal(set_scanout(0, 2, rect(0, 0, 4, 4)), GPU_OK);
	assert_int_equal(pixel(&t.picture[0], 1, 1), 0);
	end();
}

/* A request of its own place in memory and in the ring. */
static void offer_at(uint16_t i, uint32_t type, const void *body_of, size_t len)
{
	const struct gpu_header header = { .type = type };
	struct ring_driver *ring = &t.ring[0];
	uint64_t at = REQUEST + 64ull * i;
	uint16_t head = (uint16_t)(2 * i);

	memcpy(ram(at), &header, sizeof(header));
	memcpy(ram(at) + sizeof(header), body_of, len);
	ring_driver_desc(ring, ring->at.desc, head, at,
			 (uint32_t)(sizeof(header) + len), VQ_DESC_NEXT,
			 (uint16_t)(head + 1));
	ring_driver_desc(ring, ring->at.desc, head + 1u, RESPONSE + 64ull * i,
			 64, VQ_DESC_WRITE, 0);
	ring_driver_offer(ring, head);
}

/* Pictures are made black: that takes a turn's time as copies do. */
static void test_many_pictures_take_turns(void **state)
{
	const struct gpu_create_2d wanted = { 1, GPU_B8G8R8X8, 1024, 768 };
	const struct gpu_resource unwanted = { 1, 0 };

	(void)state;
	begin();
	for (uint16_t i = 0; i < 32; i += 2) {
		offer_at(i, GPU_RESOURCE_CREATE_2D, &wanted, sizeof(wanted));
		offer_at((uint16_t)(i + 1), GPU_RESOURCE_UNREF, &unwanted,
			 sizeof(unwanted));
	}
	t.vgpu.dev.ops->kick(&t.vgpu.dev, 0);
	assert_in_range(ring_driver_used_idx(&t.ring[0]), 1, 16);
	assert_true(event_pump_run(&t.pump));
	assert_int_equal(ring_driver_used_idx(&t.ring[0]), 32);
	for (uint16_t i = 0; i < 32; i++) {
		const struct gpu_header *header =
			(const void *)ram(RESPONSE + 64ull * i);

		assert_int_equal(header->type, GPU_OK);
	}
	assert_int_equal(t.vgpu.gpu.bytes, 0); /* that were copied */
	end();
}

static void test_fence_and_pieces(void **state)
{
	const struct gpu_header header = {
		.type = GPU_RESOURCE_CREATE_2D,
		.flags = GPU_FLAG_FENCE | 2,
		.fence_id = 0x123456789abcull,
		.ctx_id = 9,
	};
	const struct gpu_create_2d wanted = { 3, GPU_B8G8R8A8, 4, 4 };
	const struct gpu_header *answer;

	(void)state;
	begin();
	answer = (const void *)ram(RESPONSE);
	request_len = 0;
	put(&header, sizeof(header));
	put(&wanted, sizeof(wanted));
	offer(3, 24); /* bytes of a descriptor */
	assert_int_equal(kick(), 24);
	assert_int_equal(answer->type, GPU_OK);
	assert_int_equal(answer->flags, GPU_FLAG_FENCE);
	assert_int_equal(answer->fence_id, 0x123456789abcull);
	assert_int_equal(answer->ctx_id, 9);
	/* An answer that is longer than the room for it. */
	put_header(GPU_GET_DISPLAY_INFO);
	offer(64, 30);
	assert_int_equal(kick(), 30);
	end();
}

static void test_broken(void **state)
{
	(void)state;
	begin();
	put_header(GPU_GET_DISPLAY_INFO);
	offer(64, 23); /* no room for a header */
	t.vgpu.dev.ops->kick(&t.vgpu.dev, 0);
	assert_int_equal(t.broken, 1);
	end();
	begin();
	put_header(GPU_GET_DISPLAY_INFO);
	request_len = 23;
	offer(64, 64);
	t.vgpu.dev.ops->kick(&t.vgpu.dev, 0);
	assert_int_equal(t.broken, 1);
	end();
}

static void test_cursor(void **state)
{
	(void)state;
	begin();
	assert_int_equal(create(4, GPU_B8G8R8A8, 64, 64), GPU_OK);
	assert_int_equal(create(5, GPU_B8G8R8A8, 63, 64), GPU_OK);
	t.pointers = 0;
	cursor(GPU_UPDATE_CURSOR,
	       (struct gpu_cursor){ 1, 10, 20, 0, 4, 3, 2, 0 });
	assert_int_equal(t.pointers, 1);
	assert_int_equal(t.pointer.scanout, 1);
	assert_int_equal(t.pointer.x, 10);
	assert_int_equal(t.pointer.hot_y, 2);
	assert_int_equal(t.pointer_picture.width, 64);
	cursor(GPU_MOVE_CURSOR,
	       (struct gpu_cursor){ 0, 11, 21, 0, 0, 0, 0, 0 });
	assert_true(t.pointer_moved_only);
	assert_int_equal(t.pointer.x, 11);
	assert_int_equal(t.pointer.hot_x, 3);
	/* Too small, not there, on no scanout, no command. */
	cursor(GPU_UPDATE_CURSOR,
	       (struct gpu_cursor){ 0, 1, 1, 0, 5, 0, 0, 0 });
	cursor(GPU_UPDATE_CURSOR,
	       (struct gpu_cursor){ 0, 1, 1, 0, 9, 0, 0, 0 });
	cursor(GPU_MOVE_CURSOR, (struct gpu_cursor){ 2, 1, 1, 0, 0, 0, 0, 0 });
	cursor(0x0302, (struct gpu_cursor){ 0, 1, 1, 0, 4, 0, 0, 0 });
	assert_int_equal(t.pointers, 2);
	assert_int_equal(unref(4), GPU_OK);
	assert_int_equal(t.pointers, 3);
	assert_int_equal(t.pointer_picture.format, 0);
	end();
}

/* As after a kill: nothing but the memory is left. */
static void next_process(void)
{
	video_close(&t.vgpu.video);
	start();
}

/* The state that a killed process leaves is its successor's. */
static void test_successor(void **state)
{
	struct gpu_picture before;

	(void)state;
	begin();
	assert_int_equal(create(6, GPU_B8G8R8X8, 32, 32), GPU_OK);
	assert_int_equal(attach_one(6, BACKING, 32 * 32 * 4), GPU_OK);
	assert_int_equal(set_scanout(0, 6, rect(0, 0, 32, 32)), GPU_OK);
	paint(BACKING, 32 * 32, 100);
	assert_int_equal(transfer(6, rect(0, 0, 32, 32), 0), GPU_OK);
	before = t.picture[0];
	memset(t.picture, 0, sizeof(t.picture));

	next_process();
	assert_memory_equal(&t.picture[0], &before, sizeof(before));
	assert_int_equal(pixel(&t.picture[0], 1, 0), 101);
	/* A kill may have come between the change and the answer to it. */
	assert_int_equal(create(6, GPU_B8G8R8X8, 32, 32), GPU_OK);
	assert_int_equal(create(6, GPU_B8G8R8X8, 32, 32),
			 GPU_ERROR_RESOURCE_ID);
	next_process();
	assert_int_equal(unref(99), GPU_OK);
	assert_int_equal(unref(99), GPU_ERROR_RESOURCE_ID);
	next_process();
	assert_int_equal(attach_one(6, BACKING + 4096, 32 * 32 * 4), GPU_OK);
	assert_int_equal(attach_one(6, BACKING, 4096), GPU_ERROR);
	/* It has the new memory. */
	paint(BACKING + 4096, 32 * 32, 500);
	assert_int_equal(transfer(6, rect(0, 0, 32, 32), 0), GPU_OK);
	assert_int_equal(pixel(&t.picture[0], 0, 0), 500);

	/* A driver that starts over has nothing. */
	t.vgpu.dev.ops->stop(&t.vgpu.dev, on_stopped);
	assert_int_equal(t.vgpu.dev.ops->start(&t.vgpu.dev, 0), 0);
	assert_int_equal(t.picture[0].format, 0);
	assert_int_equal(create(6, GPU_B8G8R8X8, 8, 8), GPU_OK);
	end();
}

/* A driver reset the device, and the process was killed before the next came. */
static void test_successor_of_a_reset(void **state)
{
	(void)state;
	begin();
	assert_int_equal(create(6, GPU_B8G8R8X8, 32, 32), GPU_OK);
	assert_int_equal(set_scanout(0, 6, rect(0, 0, 32, 32)), GPU_OK);
	t.mark[0] = 0; /* the transport's, when a queue is made anew */
	next_process();
	assert_int_equal(t.picture[0].format, 0);
	assert_int_equal(create(6, GPU_B8G8R8X8, 8, 8), GPU_OK);
	assert_int_equal(create(6, GPU_B8G8R8X8, 8, 8), GPU_ERROR_RESOURCE_ID);
	assert_int_equal(set_scanout(0, 6, rect(0, 0, 8, 8)), GPU_OK);
	next_process();
	assert_int_equal(t.picture[0].width, 8);
	end();
}

/* What does not hold together is not taken over. */
static void test_wrong_memory(void **state)
{
	(void)state;
	for (unsigned int what = 0; what < 13; what++) {
		struct video_state *shown = &t.vgpu.video.state;
		struct video_resource *row;

		begin();
		assert_int_equal(create(1, GPU_B8G8R8X8, 32, 32), GPU_OK);
		assert_int_equal(create(2, GPU_B8G8R8X8, 32, 32), GPU_OK);
		assert_int_equal(attach_one(1, BACKING, 4096), GPU_OK);
		assert_int_equal(set_scanout(0, 1, rect(0, 0, 32, 32)), GPU_OK);
		row = video_find(&t.vgpu.video, 1);
		switch (what) {
		case 0:
			row->picture = VIDEO;
			break;
		case 1:
			row->picture += 1;
			break;
		case 2:
			row->picture = 0;
			break;
		case 3:
			row->picture = video_find(&t.vgpu.video, 2)->picture;
			break;
		case 4:
			row->width = VIDEO_WIDTH_MAX + 1;
			break;
		case 5:
			row->piece_count = UINT32_MAX;
			break;
		case 6:
			row->id = 2;
			break;
		case 7:
			row->id = 3; /* and is shown by another name */
			break;
		case 8:
			row->format = 5;
			break;
		case 9:
			shown->cursor.resource = 2; /* has less than 64x64 */
			break;
		case 10:
			shown->cursor.scanout = 2; /* there are two */
			break;
		case 11:
			shown->scanout[2] = shown->scanout[0];
			break;
		default:
			row->height = 31; /* is shown further */
			break;
		}
		video_commit(&t.vgpu.video);
		next_process();
		assert_null(video_find(&t.vgpu.video, 2));
		assert_int_equal(create(1, GPU_B8G8R8X8, 32, 32), GPU_OK);
		end();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_modes),
		cmocka_unit_test(test_edid),
		cmocka_unit_test(test_picture),
		cmocka_unit_test(test_part_of_a_resource),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_budget),
		cmocka_unit_test(test_many_pictures_take_turns),
		cmocka_unit_test(test_fence_and_pieces),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_cursor),
		cmocka_unit_test(test_successor),
		cmocka_unit_test(test_successor_of_a_reset),
		cmocka_unit_test(test_wrong_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
