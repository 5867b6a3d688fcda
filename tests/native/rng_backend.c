/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rng_backend SOCKET MILLISECONDS: a virtio entropy device for a vhost-user
 * front-end, whose randomness is the letter Z, and which takes its time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/container_of.h"
#include "standalone/backend.h"

static struct rng {
	struct virtio_device dev;
	struct event_timer timer;
	struct vq_chain chain;
	uint64_t ms;
	bool busy; /* chain is filled when the timer fires */
	bool running;
	virtio_stop_cb stopped;
} rng;

static void take_next(void)
{
	int rc;

	if (rng.busy || !rng.running) {
		return;
	}
	do {
		rc = vq_pop(&rng.dev.vq[0], &rng.chain);
	} while (rc == 0 && vq_enable_kick(&rng.dev.vq[0]));
	if (rc < 0) {
		rng.dev.transport->broken(&rng.dev, "malformed queue");
		return;
	}
	rng.busy = rc == 1;
	if (rng.busy) {
		printf("taken\n");
		event_timer(rng.dev.loop, &rng.timer, rng.ms);
	}
}

static void on_timer(struct event_timer *timer)
{
	(void)timer;
	for (uint32_t i = 0; i < rng.chain.writable; i++) {
		const struct vq_seg *seg =
			&rng.chain.seg[rng.chain.readable + i];

		memset(seg->base, 'Z', seg->len);
	}
	rng.busy = false;
	if (vq_push(&rng.dev.vq[0], rng.chain.head, rng.chain.writable_len) ==
	    0) {
		printf("given\n");
		rng.dev.transport->signal(&rng.dev, 0);
	}
	if (rng.stopped != NULL) {
		virtio_stop_cb stopped = rng.stopped;

		rng.stopped = NULL;
		stopped(&rng.dev);
		return;
	}
	take_next();
}

static uint64_t features(struct virtio_device *dev)
{
	(void)dev;
	return 0;
}

static void config_read(struct virtio_device *dev, uint32_t offset, void *ret,
			size_t len)
{
	(void)dev;
	(void)offset;
	memset(ret, 0, len);
}

static int start(struct virtio_device *dev, uint64_t negotiated)
{
	(void)dev;
	(void)negotiated;
	rng.running = true;
	take_next();
	return 0;
}

static void kick(struct virtio_device *dev, uint32_t q)
{
	(void)dev;
	(void)q;
	take_next();
}

static void stop(struct virtio_device *dev, virtio_stop_cb done)
{
	rng.running = false;
	if (rng.busy) {
		rng.stopped = done;
	} else {
		done(dev);
	}
}

static const struct virtio_device_ops rng_ops = {
	.name = "rng",
	.id = VIRTIO_ID_ENTROPY,
	.features = features,
	.config_read = config_read,
	.start = start,
	.kick = kick,
	.stop = stop,
};

int main(int argc, char **argv)
{
	static struct backend backend;
	int status;
	int fd;

	if (argc != 3 || backend_init(&backend, argv[0]) != 0) {
		return EXIT_FAILURE;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	rng.dev.ops = &rng_ops;
	rng.dev.loop = &backend.event.loop;
	rng.dev.queue_count = 1;
	rng.timer.cb = on_timer;
	rng.ms = strtoull(argv[2], NULL, 10);
	fd = backend_listen(argv[1]);
	if (fd < 0) {
		fprintf(stderr, "%s: %s: %s\n", argv[0], argv[1],
			strerror(-fd));
		return EXIT_FAILURE;
	}
	status = backend_run(&backend, &rng.dev, fd, -1, false);
	event_timer(&backend.event.loop, &rng.timer, EVENT_NEVER);
	close(fd);
	return backend_fini(&backend) == 0 ? status : EXIT_FAILURE;
}
