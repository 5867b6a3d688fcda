/* SPDX-License-Identifier: BSD-2-Clause */
#include "test_device.h"

#include <errno.h>
#include <string.h>

#include "core/container_of.h"

static struct test_device *from_dev(struct virtio_device *dev)
{
	return container_of(dev, struct test_device, dev);
}

static uint32_t execute(const struct vq_chain *chain)
{
	uint32_t done = 0;
	uint32_t from = 0;

	for (uint32_t i = 0; i < chain->writable; i++) {
		const struct vq_seg *to = &chain->seg[chain->readable + i];

		for (uint32_t k = 0; k < to->len && from < chain->readable;
		     k++) {
			/* Of each readable segment the first byte. */
			to->base[k] = chain->seg[from++].base[0];
			done++;
		}
	}
	return done;
}

void test_device_finish_at(struct test_device *device, size_t i)
{
	struct virtio_device *dev = &device->dev;
	struct test_request request = device->pending[i];
	uint32_t len = (dev->discard & 1u << request.q) != 0
			       ? 0
			       : execute(&request.chain);

	device->executed++;
	device->pending_count--;
	memmove(device->pending + i, device->pending + i + 1,
		(device->pending_count - i) * sizeof(device->pending[0]));
	/* The queue may be gone: the device was declared broken. */
	if (inflight_push(&dev->inflight[request.q], &dev->vq[request.q],
			  request.chain.head, len) == 0) {
		dev->transport->signal(dev, request.q);
	}
}

void test_device_finish(struct test_device *device, size_t count)
{
	virtio_stop_cb stopped = device->stopped;

	while (count-- != 0 && device->pending_count != 0) {
		test_device_finish_at(device, 0);
	}
	if (stopped != NULL && device->pending_count == 0) {
		device->stopped = NULL;
		stopped(&device->dev);
	}
}

void test_device_forget(struct test_device *device)
{
	device->pending_count = 0;
	test_device_finish(device, 0);
}

static uint64_t features(struct virtio_device *dev)
{
	(void)dev;
	return TEST_DEVICE_FEATURE;
}

static void config_read(struct virtio_device *dev, uint32_t offset, void *ret,
			size_t len)
{
	memcpy(ret, from_dev(dev)->config + offset, len);
}

static void config_write(struct virtio_device *dev, uint32_t offset,
			 const void *src, size_t len)
{
	memcpy(from_dev(dev)->config + offset, src, len);
}

static void take(struct test_device *device, uint32_t q,
		 const struct vq_chain *chain)
{
	struct test_request *request =
		&device->pending[device->pending_count++];

	request->q = q;
	request->chain = *chain;
}

static int resume(struct test_device *device, uint32_t q)
{
	struct virtio_device *dev = &device->dev;
	uint16_t heads[VQ_SIZE_MAX];
	struct vq_chain chain;
	int count;

	if (!dev->vq[q].ready) {
		return 0;
	}
	count = inflight_resume(&dev->inflight[q], &dev->vq[q], heads);
	for (int i = 0; i < count; i++) {
		int rc = vq_walk(&dev->vq[q], heads[i], &chain);

		if (rc != 0) {
			return rc;
		}
		take(device, q, &chain);
	}
	return count < 0 ? count : 0;
}

static int start(struct virtio_device *dev, uint64_t negotiated)
{
	struct test_device *device = from_dev(dev);

	device->starts++;
	device->features = negotiated;
	device->running = true;
	if (device->refuse) {
		return -EPROTO;
	}
	for (uint32_t q = 0; q < TEST_DEVICE_QUEUES; q++) {
		int rc = resume(device, q);

		if (rc != 0) {
			return rc;
		}
	}
	if (!device->hold) {
		test_device_finish(device, SIZE_MAX);
	}
	return 0;
}

static void kick(struct virtio_device *dev, uint32_t q)
{
	struct test_device *device = from_dev(dev);
	struct vq_chain chain;
	int rc = 1;

	if (!device->running || device->stopped != NULL) {
		return;
	}
	for (uint32_t i = 0; rc == 1 && i < TEST_DEVICE_QUEUE_SIZE &&
			     device->pending_count < TEST_DEVICE_PENDING;
	     i++) {
		rc = inflight_pop(&dev->inflight[q], &dev->vq[q], &chain);
		if (rc == 1) {
			take(device, q, &chain);
		}
		if (!device->hold) {
			test_device_finish(device, SIZE_MAX);
		}
	}
	if (rc < 0) {
		dev->transport->broken(dev, "malformed queue");
	}
}

static void stop(struct virtio_device *dev, virtio_stop_cb done)
{
	struct test_device *device = from_dev(dev);

	device->stops++;
	device->running = false;
	if (device->pending_count == 0) {
		done(dev);
	} else {
		device->stopped = done;
	}
}

static int set_mtu(struct virtio_device *dev, uint64_t mtu)
{
	if (from_dev(dev)->running || mtu < 68) {
		return -EINVAL;
	}
	from_dev(dev)->mtu = mtu;
	return 0;
}

static const struct virtio_device_ops test_ops = {
	.name = "test",
	.id = VIRTIO_ID_ENTROPY,
	.config_len = TEST_DEVICE_CONFIG,
	.tracked = true,
	.discards = 1u << 1,
	.features = features,
	.config_read = config_read,
	.config_write = config_write,
	.start = start,
	.kick = kick,
	.stop = stop,
	.set_mtu = set_mtu,
};

static const struct virtio_device_ops plain_ops = {
	.name = "plain",
	.id = VIRTIO_ID_ENTROPY,
	.features = features,
	.config_read = config_read,
	.start = start,
	.kick = kick,
	.stop = stop,
};

void test_device_make_plain(struct test_device *device)
{
	device->dev.ops = &plain_ops;
	device->dev.queue_size_max = 0;
}

void test_device_init(struct test_device *device, struct event_loop *loop)
{
	memset(device, 0, sizeof(*device));
	device->dev.ops = &test_ops;
	device->dev.loop = loop;
	device->dev.queue_count = TEST_DEVICE_QUEUES;
	device->dev.queue_size_max = TEST_DEVICE_QUEUE_SIZE;
	for (uint8_t i = 0; i < TEST_DEVICE_CONFIG; i++) {
		device->config[i] = (uint8_t)(i + 1);
	}
}
