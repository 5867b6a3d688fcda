/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Graphics: pictures in a file that hvd made, and the process that shows them at
 * the other end of a socket.  What who looks does there goes to the zone's input
 * devices.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "display/display_link.h"
#include "gpu/virtio_gpu.h"
#include "io/io_device.h"
#include "io/io_process.h"

/* Of the video memory, for what is no picture. */
#define ROOM_MIN (512u << 10)

struct dev_gpu {
	struct virtio_gpu gpu;
	struct display_link link;
	void *memory; /* NULL: not mapped */
	uint64_t size; /* bytes of it */
};

/* A monitor cannot describe itself as wider. */
static uint32_t side(uint32_t pixels)
{
	return pixels <= EDID_SIDE_MAX ? pixels : EDID_SIDE_MAX - 1;
}

static struct gpu_mode mode_of(uint32_t width, uint32_t height)
{
	return (struct gpu_mode){ true, side(width), side(height) };
}

/* ------------------------------------------------------------- who looks */

static void on_key(void *owner, uint32_t code, bool down)
{
	struct io_device *device = owner;

	input_seat_key(&device->process->seat, code, down);
}

static bool is_same(const struct gpu_picture *a, const struct gpu_picture *b)
{
	return a->offset == b->offset && a->width == b->width &&
	       a->height == b->height;
}

/* A guest shows there what is on a head before. */
static bool is_mirror(const struct display_link *link, uint32_t head)
{
	for (uint32_t i = 0; i < head; i++) {
		if (is_same(&link->head[i].picture,
			    &link->head[head].picture)) {
			return true;
		}
	}
	return false;
}

/*
 * On all heads together, as a guest puts them that is told nothing else: side by
 * side, in their order, but for those that mirror another.
 */
static void on_motion(void *owner, uint32_t head, uint32_t x, uint32_t y)
{
	struct io_device *device = owner;
	const struct dev_gpu *own = device->own;
	const struct gpu_picture *on = &own->link.head[head].picture;
	uint64_t before = 0;
	uint64_t width = 0;
	uint64_t height = 0;

	for (uint32_t i = 0; i < own->link.heads; i++) {
		const struct gpu_picture *p = &own->link.head[i].picture;

		if (is_mirror(&own->link, i)) {
			continue;
		}
		if (is_same(p, on)) {
			before = width;
		}
		width += p->width;
		height = p->height > height ? p->height : height;
	}
	/* One pixel is no place, and nothing even less. */
	if (on->width < 2 || on->height < 2) {
		return;
	}
	input_seat_motion(
		&device->process->seat,
		&(struct input_place){
			.x = (int32_t)((before * INPUT_AXIS_MAX +
					(uint64_t)x * (on->width - 1)) /
				       (width - 1)),
			.y = (int32_t)((uint64_t)y * (on->height - 1) /
				       (height - 1)),
			.width = (int32_t)width,
			.height = (int32_t)height,
		});
}

static void on_button(void *owner, uint32_t button, bool down)
{
	struct io_device *device = owner;

	input_seat_button(&device->process->seat, button, down);
}

static void on_wheel(void *owner, int32_t dx, int32_t dy)
{
	struct io_device *device = owner;

	input_seat_wheel(&device->process->seat, dx, dy);
}

/* Not more than there is room for: a guest would show nothing. */
static void on_mode(void *owner, uint32_t head, uint32_t width, uint32_t height)
{
	struct io_device *device = owner;
	struct dev_gpu *own = device->own;
	const struct gpu_mode mode = mode_of(width, height);
	uint64_t need = ROOM_MIN + 4ull * width * height;

	for (uint32_t i = 0; i < own->link.heads; i++) {
		const struct gpu_mode *other = &own->gpu.gpu.mode[i];

		need += i == head ? 0 : 4ull * other->width * other->height;
	}
	if (need <= own->size) {
		virtio_gpu_set_mode(&own->gpu, head, &mode);
	}
}

static void on_wrong(void *owner, const char *why)
{
	struct io_device *device = owner;

	if (device->state == IO_DEVICE_OK) {
		io_device_set_state(device, IO_DEVICE_ERROR, why);
	}
}

static const struct display_link_ops link_ops = {
	.key = on_key,
	.motion = on_motion,
	.button = on_button,
	.wheel = on_wheel,
	.mode = on_mode,
	.wrong = on_wrong,
};

/* --------------------------------------------------------------------- life */

static int map_memory(struct dev_gpu *own, int fd)
{
	struct stat st;
	void *p;

	if (fstat(fd, &st) < 0) {
		return -errno;
	}
	if (!S_ISREG(st.st_mode) || st.st_size < (off_t)VIDEO_SIZE_MIN ||
	    st.st_size > (off_t)VIDEO_SIZE_MAX) {
		return -EINVAL;
	}
	p = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED,
		 fd, 0);
	if (p == MAP_FAILED) {
		return -errno;
	}
	(void)madvise(p, (size_t)st.st_size, MADV_DONTDUMP);
	own->memory = p;
	own->size = (uint64_t)st.st_size;
	return 0;
}

static int make(struct io_device *device, struct dev_gpu *own)
{
	const struct io_config_gpu *wanted = &device->config->gpu;
	struct virtio_gpu_config config = {
		.scanouts = wanted->heads,
		.output = &display_link_output,
		.owner = &own->link,
	};
	int rc = map_memory(own, device->config->fd);

	if (rc != 0) {
		device->why = "its video memory cannot be mapped";
		return rc;
	}
	config.memory = own->memory;
	config.memory_size = own->size;
	for (uint32_t i = 0; i < wanted->heads; i++) {
		config.mode[i] = mode_of(wanted->width, wanted->height);
	}
	rc = virtio_gpu_init(&own->gpu, device->process->loop, &config);
	if (rc != 0) {
		munmap(own->memory, own->size);
		own->memory = NULL;
		return rc;
	}
	device->virtio = &own->gpu.dev;
	/* What it begins with is told when all devices are there. */
	return display_link_connect(&own->link, device->config->fd + 1);
}

static int create(struct io_device *device)
{
	struct dev_gpu *own = calloc(1, sizeof(*own));

	if (own == NULL) {
		return -ENOMEM;
	}
	display_link_init(&own->link, device->process->loop,
			  device->config->gpu.heads, &link_ops, device);
	device->own = own;
	return make(device, own);
}

static void destroy(struct io_device *device)
{
	struct dev_gpu *own = device->own;

	if (own == NULL) {
		return;
	}
	display_link_fini(&own->link);
	if (own->memory != NULL) {
		virtio_gpu_fini(&own->gpu);
		munmap(own->memory, own->size);
	}
	free(own);
}

static void set(struct io_device *device, const struct io_settings *settings)
{
	struct dev_gpu *own = device->own;
	const struct gpu_mode mode =
		mode_of(settings->mode.width, settings->mode.height);

	virtio_gpu_set_mode(&own->gpu, settings->mode.head, &mode);
}

static void display(struct io_device *device, int fd)
{
	struct dev_gpu *own = device->own;

	if (display_link_connect(&own->link, fd) != 0) {
		on_wrong(device, "what came is no socket");
	} else if (device->state == IO_DEVICE_ERROR) {
		io_device_set_state(device, IO_DEVICE_OK, NULL);
	}
}

static void counters(const struct io_device *device, struct io_counters *ret)
{
	const struct dev_gpu *own = device->own;

	ret->counter[0] = (struct io_counter){ "bytes", own->gpu.gpu.bytes };
	ret->counter[1] =
		(struct io_counter){ "flushes", own->gpu.gpu.flushes };
	ret->count = 2;
}

const struct io_device_type dev_gpu = {
	.create = create,
	.destroy = destroy,
	.set = set,
	.display = display,
	.counters = counters,
};
