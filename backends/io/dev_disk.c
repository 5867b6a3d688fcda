/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Disks: the file or block device that hvd opened, by io_uring, or the NBD
 * server that hvd has connected to.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "blk/store_lost.h"
#include "blk/store_nbd.h"
#include "blk/store_uring.h"
#include "blk/virtio_blk.h"
#include "io/io_device.h"
#include "io/io_process.h"

struct dev_disk {
	struct virtio_blk blk;
	bool made;
	struct blk_store *store;
};

static const char *op_name(enum blk_op op)
{
	static const char *const names[] = {
		[BLK_READ] = "reading",
		[BLK_WRITE] = "writing",
		[BLK_FLUSH] = "flushing",
		[BLK_DISCARD] = "discarding",
		[BLK_WRITE_ZEROES] = "writing zeroes",
	};

	return names[op];
}

static const char lost[] = "the NBD server is gone";

static void on_error(struct virtio_blk *blk,
		     const struct virtio_blk_error *error)
{
	struct io_device *device = blk->owner;
	char why[128];

	snprintf(why, sizeof(why), "%s at byte %" PRIu64 ": %s",
		 op_name(error->op), error->offset, strerror(-error->error));
	io_device_set_state(device,
			    error->held ? IO_DEVICE_PAUSED : IO_DEVICE_ERROR,
			    device->lost ? lost : why);
}

static int make_blk(struct io_device *device, struct dev_disk *own)
{
	static const enum virtio_blk_policy policies[] = {
		[IO_ON_ERROR_REPORT] = VIRTIO_BLK_REPORT,
		[IO_ON_ERROR_PAUSE] = VIRTIO_BLK_PAUSE,
		[IO_ON_ERROR_PAUSE_FULL] = VIRTIO_BLK_PAUSE_FULL,
	};
	const struct io_config_disk *disk = &device->config->disk;
	struct virtio_blk_config config = {
		.queues = device->config->queues,
		.serial = disk->serial,
		.readonly = disk->readonly,
		.writeback = disk->writeback,
		.policy = policies[disk->on_error],
		.limits = disk->limits,
		.on_error = on_error,
		.owner = device,
	};
	int rc;

	rc = virtio_blk_init(&own->blk, device->process->loop, own->store,
			     &config);
	own->made = rc == 0;
	return rc;
}

static bool is_direct(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags >= 0 && (flags & O_DIRECT) != 0;
}

static int open_file(struct io_device *device, struct blk_store **ret)
{
	const bool direct = is_direct(device->config->fd);
	const struct io_config_disk *disk = &device->config->disk;
	const struct store_uring_config config = {
		.block_size = disk->block_size,
		.readonly = disk->readonly,
		.discard = disk->discard,
	};

	int rc = store_uring_open(device->process->loop, device->config->fd,
				  &config, ret);

	if (rc == 0 && direct && !is_direct(device->config->fd)) {
		fprintf(stderr,
			"hvd-io: %s: %s: direct I/O needs larger blocks than "
			"%u bytes here: the page cache is used\n",
			device->process->config->zone, device->config->name,
			(*ret)->caps.block_size);
	}
	return rc;
}

static void on_lost(void *owner)
{
	struct io_device *device = owner;

	device->lost = true;
	io_device_set_state(device, IO_DEVICE_ERROR, lost);
}

/*
 * What a successor must know of a disk whose server it may not find.  The area
 * is input, like all that outlived a process.
 */
struct disk_note {
	uint64_t size;
	uint32_t block_size;
	uint32_t physical_size;
	uint32_t flags;
};

#define NOTE_FLUSH (1u << 0)
#define NOTE_DISCARD (1u << 1)
#define NOTE_WRITE_ZEROES (1u << 2)
#define NOTE_UNMAP (1u << 3)

static void note_caps(struct io_device *device,
		      const struct blk_store_caps *caps)
{
	const struct disk_note note = {
		.size = caps->size,
		.block_size = caps->block_size,
		.physical_size = caps->physical_size,
		.flags = (caps->flush ? NOTE_FLUSH : 0) |
			 (caps->discard ? NOTE_DISCARD : 0) |
			 (caps->write_zeroes ? NOTE_WRITE_ZEROES : 0) |
			 (caps->unmap ? NOTE_UNMAP : 0),
	};

	state_note_write(&device->process->area, device->config->slot, &note,
			 sizeof(note));
}

/* The guest may know the disk: then it is there, and does nothing. */
static int open_lost(struct io_device *device, struct blk_store **ret)
{
	struct disk_note note;
	struct blk_store_caps caps;

	if (!state_note_read(&device->process->area, device->config->slot,
			     &note, sizeof(note))) {
		return -ENOENT;
	}
	caps = (struct blk_store_caps){
		.size = note.size,
		.block_size = note.block_size,
		.physical_size = note.physical_size,
		.readonly = device->config->disk.readonly,
		.flush = (note.flags & NOTE_FLUSH) != 0,
		.discard = (note.flags & NOTE_DISCARD) != 0,
		.write_zeroes = (note.flags & NOTE_WRITE_ZEROES) != 0,
		.unmap = (note.flags & NOTE_UNMAP) != 0,
	};
	return store_lost_open(&caps, ret);
}

static int open_nbd(struct io_device *device, struct blk_store **ret)
{
	const struct io_config_disk *disk = &device->config->disk;
	const struct store_nbd_config config = {
		.export_name = disk->export_name,
		.block_size = disk->block_size,
		.readonly = disk->readonly,
		.discard = disk->discard,
		.on_lost = on_lost,
		.owner = device,
	};

	int rc = store_nbd_open(device->process->loop, device->config->fd,
				&config, ret);

	device->why = store_nbd_explain(rc, &device->hint);
	if (rc == 0) {
		note_caps(device, &(*ret)->caps);
	} else if (open_lost(device, ret) == 0) {
		device->lost = true;
		device->state = IO_DEVICE_ERROR;
		device->why = lost;
		rc = 0;
	}
	return rc;
}

static int create(struct io_device *device)
{
	struct dev_disk *own = calloc(1, sizeof(*own));
	int rc;

	if (own == NULL) {
		return -ENOMEM;
	}
	device->own = own;
	rc = device->config->disk.store == IO_STORE_NBD
		     ? open_nbd(device, &own->store)
		     : open_file(device, &own->store);
	if (rc == 0) {
		rc = make_blk(device, own);
	}
	if (rc == 0) {
		device->virtio = &own->blk.dev;
		device->size = own->store->caps.size;
	}
	return rc;
}

/*
 * The device is stopped, but perhaps not yet done: what is under way keeps its
 * memory, and the process is about to end.
 */
static void destroy(struct io_device *device)
{
	struct dev_disk *own = device->own;

	if (own == NULL) {
		return;
	}
	if (own->made) {
		virtio_blk_fini(&own->blk);
	}
	if (own->store != NULL) {
		own->store->ops->close(own->store);
	}
	free(own);
}

static int resize(struct io_device *device)
{
	struct dev_disk *own = device->own;
	uint32_t block = own->store->caps.block_size;
	uint64_t size;
	off_t end;
	int rc;

	/* A server tells the size once. */
	if (device->config->disk.store == IO_STORE_NBD) {
		return -EOPNOTSUPP;
	}
	end = lseek(device->config->fd, 0, SEEK_END);
	if (end < 0) {
		return -errno;
	}
	size = (uint64_t)end / block * block;
	rc = virtio_blk_resize(&own->blk, size / BLK_SECTOR);
	if (rc == 0) {
		device->size = size;
	}
	return rc;
}

static void resume(struct io_device *device)
{
	struct dev_disk *own = device->own;

	/* It would fail again; the next process will find the requests. */
	if (device->lost) {
		return;
	}
	/* What its driver broke is not mended by that, and holds nothing. */
	if (device->state != IO_DEVICE_BROKEN) {
		io_device_set_state(device, IO_DEVICE_OK, NULL);
	}
	virtio_blk_retry(&own->blk);
}

static void set(struct io_device *device, const struct io_settings *settings)
{
	struct dev_disk *own = device->own;

	virtio_blk_set_limits(&own->blk, &settings->limits.disk);
}

static void counters(const struct io_device *device, struct io_counters *ret)
{
	static const char *const names[VIRTIO_BLK_LATENCIES] = {
		[BLK_READ] = "read",
		[BLK_WRITE] = "write",
		[BLK_FLUSH] = "flush",
	};
	const struct dev_disk *own = device->own;
	const struct virtio_blk_counters *c = &own->blk.counters;
	const struct io_counter all[] = {
		{ "reads", c->reads },
		{ "read-bytes", c->bytes_read },
		{ "writes", c->writes },
		{ "write-bytes", c->bytes_written },
		{ "flushes", c->flushes },
		{ "discards", c->discards },
		{ "errors", c->errors },
		{ "refused", c->refused },
		{ "replayed", c->replayed },
		{ "in-flight", c->in_flight },
	};

	_Static_assert(sizeof(all) / sizeof(all[0]) <= IO_COUNTERS_MAX, "room");
	_Static_assert(VIRTIO_BLK_LATENCIES <= IO_LATENCIES_MAX, "room");
	_Static_assert(BLK_LATENCY_BUCKETS <= IO_LATENCY_BUCKETS_MAX, "room");
	memcpy(ret->counter, all, sizeof(all));
	ret->count = sizeof(all) / sizeof(all[0]);
	for (uint32_t i = 0; i < VIRTIO_BLK_LATENCIES; i++) {
		const struct blk_latency *l = &own->blk.latency[i];

		ret->latency[i] = (struct io_latency){
			.name = names[i],
			.sum_ns = l->sum_ns,
			.bucket = l->bucket,
			.buckets = BLK_LATENCY_BUCKETS,
		};
	}
	ret->latencies = VIRTIO_BLK_LATENCIES;
}

const struct io_device_type dev_disk = {
	.create = create,
	.destroy = destroy,
	.resize = resize,
	.resume = resume,
	.set = set,
	.counters = counters,
};
