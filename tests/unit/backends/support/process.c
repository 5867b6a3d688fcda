/* SPDX-License-Identifier: BSD-2-Clause */
#include "process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void must(bool ok, const char *what)
{
	if (!ok) {
		perror(what);
		abort();
	}
}

static void *area(size_t size)
{
	void *p = aligned_alloc(4096, size);

	must(p != NULL, "aligned_alloc");
	memset(p, 0, size);
	return p;
}

static void fill_config(struct io_config *config)
{
	*config = (struct io_config){
		.zone = "z",
		.vcpus = 2,
		.ram_count = 1,
		.uart = { true, 0, 33 },
		.rtc = { true, 1, 34 },
		.gpio = { true, 2, 39 },
		.device_count = 1,
	};
	config->ram[0] = (struct io_config_ram){ P_RAM, P_RAM_SIZE };
	config->device[0] = (struct io_config_device){
		.kind = IO_DEVICE_CONSOLE,
		.name = "console0",
		.slot = 1,
		.shadow = 3,
		.offset = 0x200,
		.intid = P_INTID,
		.doorbell = P_BELL,
		.queues = 2,
		.fd = -1,
	};
}

static void listen_somewhere(struct process *p)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	socklen_t len = sizeof(addr);

	/* An abstract name that the kernel picks: nothing to clean up. */
	p->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	must(p->listen_fd >= 0, "socket");
	must(bind(p->listen_fd, (struct sockaddr *)&addr,
		  sizeof(sa_family_t)) == 0,
	     "bind");
	must(listen(p->listen_fd, 128) == 0, "listen");
	must(getsockname(p->listen_fd, (struct sockaddr *)&addr, &len) == 0,
	     "getsockname");
	memcpy(p->path, addr.sun_path, sizeof(p->path));
}

struct process *process_new(uint8_t *ram, uint8_t *state)
{
	struct process *p = calloc(1, sizeof(*p));

	must(p != NULL, "calloc");
	p->ram = ram != NULL ? ram : area(P_RAM_SIZE);
	p->state = state != NULL ? state : area(STATE_AREA_SIZE);
	fill_config(&p->config);
	listen_somewhere(p);
	event_pump_init(&p->pump);
	fake_zone_init(&p->zone, &p->pump);
	guest_mem_init(&p->gm);
	guest_mem_add(&p->gm, P_RAM, P_RAM_SIZE, p->ram);
	return p;
}

void process_free(struct process *p)
{
	io_process_stop(&p->io);
	must(event_pump_fini(&p->pump) == 0, "a watch or timer was left");
	fake_zone_fini(&p->zone);
	close(p->listen_fd);
	free(p->ram);
	free(p->state);
	free(p);
}

static void on_reset_done(struct io_process *io)
{
	((struct process *)io->owner)->resets_done++;
}

static void on_device(struct io_process *io, const struct io_device *device,
		      const char *why)
{
	must(strcmp(device->config->name, "console0") == 0 &&
		     device->state == IO_DEVICE_BROKEN && why[0] != '\0',
	     "on_device");
	((struct process *)io->owner)->broken++;
}

static void on_gone(struct io_process *io, int error)
{
	((struct process *)io->owner)->gone = error;
}

int process_start(struct process *p)
{
	void *const ram[1] = { p->ram };
	const char *what;
	int rc;

	io_process_init(&p->io, &p->config, &p->pump.loop);
	p->io.owner = p;
	p->io.on_reset_done = on_reset_done;
	p->io.on_device = on_device;
	p->io.on_gone = on_gone;
	rc = io_process_open(&p->io, ram, p->state, p->listen_fd, &what);
	if (rc == 0) {
		rc = io_process_start(&p->io, &p->zone.port, &what);
	}
	if (rc == 0) {
		must(event_pump_run(&p->pump),
		     "the loop does not come to rest");
		fake_zone_sync(&p->zone);
	}
	return rc;
}

/*
 * What a killed process leaves behind is memory; its fds are closed by the
 * kernel, which is all that the orderly stop is used for here.  The state area
 * must not notice it.
 */
void process_kill(struct process *p)
{
	uint8_t *copy = area(STATE_AREA_SIZE);
	uint8_t *ram = area(P_RAM_SIZE);

	memcpy(copy, p->state, STATE_AREA_SIZE);
	memcpy(ram, p->ram, P_RAM_SIZE);
	io_process_stop(&p->io);
	memcpy(p->state, copy, STATE_AREA_SIZE);
	memcpy(p->ram, ram, P_RAM_SIZE);
	free(copy);
	free(ram);
	must(event_pump_fini(&p->pump) == 0, "a watch or timer was left");
	event_pump_init(&p->pump);
	fake_zone_detach(&p->zone);
}

uint32_t process_read(struct process *p, uint32_t reg)
{
	return *fake_zone_word(&p->zone, P_VIRTIO + reg);
}

void process_write(struct process *p, uint32_t reg, uint32_t value)
{
	fake_zone_forward(&p->zone, 0, P_VIRTIO + reg, 4, true, value);
}

void process_set_queue(struct process *p, uint32_t q,
		       const struct vq_layout *at)
{
	process_write(p, VIRTIO_MMIO_QUEUE_SEL, q);
	process_write(p, VIRTIO_MMIO_QUEUE_NUM, at->size);
	process_write(p, VIRTIO_MMIO_QUEUE_DESC_LOW, (uint32_t)at->desc);
	process_write(p, VIRTIO_MMIO_QUEUE_DESC_HIGH,
		      (uint32_t)(at->desc >> 32));
	process_write(p, VIRTIO_MMIO_QUEUE_DRIVER_LOW, (uint32_t)at->avail);
	process_write(p, VIRTIO_MMIO_QUEUE_DRIVER_HIGH,
		      (uint32_t)(at->avail >> 32));
	process_write(p, VIRTIO_MMIO_QUEUE_DEVICE_LOW, (uint32_t)at->used);
	process_write(p, VIRTIO_MMIO_QUEUE_DEVICE_HIGH,
		      (uint32_t)(at->used >> 32));
	process_write(p, VIRTIO_MMIO_QUEUE_READY, 1);
}

void process_probe(struct process *p, uint32_t size, uint64_t features)
{
	features |= VIRTIO_F_VERSION_1;
	process_write(p, VIRTIO_MMIO_STATUS, 0);
	process_write(p, VIRTIO_MMIO_STATUS, 3);
	process_write(p, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	process_write(p, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)features);
	process_write(p, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	process_write(p, VIRTIO_MMIO_DRIVER_FEATURES,
		      (uint32_t)(features >> 32));
	process_write(p, VIRTIO_MMIO_STATUS, 0xb);
	ring_driver_init(&p->rx, &p->gm, P_RX_RING, size);
	ring_driver_init(&p->tx, &p->gm, P_TX_RING, size);
	process_set_queue(p, VIRTIO_CONSOLE_RX, &p->rx.at);
	process_set_queue(p, VIRTIO_CONSOLE_TX, &p->tx.at);
	process_write(p, VIRTIO_MMIO_STATUS, 0xf);
}

void process_offer_tx(struct process *p, uint16_t i, uint64_t gpa,
		      const char *text)
{
	memcpy(guest_mem_map(&p->gm, gpa, strlen(text)), text, strlen(text));
	ring_driver_desc(&p->tx, p->tx.at.desc, i, gpa, (uint32_t)strlen(text),
			 0, 0);
	ring_driver_offer(&p->tx, i);
}

void process_offer_rx(struct process *p, uint16_t i, uint64_t gpa, uint32_t len)
{
	ring_driver_desc(&p->rx, p->rx.at.desc, i, gpa, len, VQ_DESC_WRITE, 0);
	ring_driver_offer(&p->rx, i);
}

void process_kick(struct process *p, uint32_t q)
{
	fake_zone_ring(&p->zone, P_BELL + q);
	must(event_pump_run(&p->pump), "the loop does not come to rest");
	fake_zone_sync(&p->zone);
}

struct console_port *process_port(struct process *p)
{
	return dev_console_port(&p->io.device[0]);
}

const char *process_log(struct process *p, struct console_port *port)
{
	static char text[0x41000];
	uint64_t pos = log_ring_first(&port->log);
	const uint8_t *from;
	size_t len = 0;
	size_t n;

	(void)p;
	while ((n = log_ring_peek(&port->log, pos, &from)) != 0) {
		memcpy(text + len, from, n);
		len += n;
		pos += n;
	}
	text[len] = '\0';
	return text;
}

int process_connect(struct process *p, const char *hello)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	must(fd >= 0, "socket");
	memcpy(addr.sun_path, p->path, sizeof(addr.sun_path));
	/* Abstract names are five hex digits after the NUL. */
	must(connect(fd, (struct sockaddr *)&addr, sizeof(sa_family_t) + 6) ==
		     0,
	     "connect");
	if (hello != NULL) {
		must(send(fd, hello, strlen(hello), 0) ==
			     (ssize_t)strlen(hello),
		     "send");
	}
	must(event_pump_run(&p->pump), "the loop does not come to rest");
	return fd;
}

const char *process_receive(struct process *p, int fd)
{
	static char text[0x80000];
	size_t len = 0;
	ssize_t n;

	must(event_pump_run(&p->pump), "the loop does not come to rest");
	while ((n = recv(fd, text + len, sizeof(text) - 1 - len,
			 MSG_DONTWAIT)) > 0) {
		len += (size_t)n;
		(void)event_pump_run(&p->pump);
	}
	if (n == 0) {
		memcpy(text + len, "<EOF>", 5);
		len += 5;
	}
	text[len] = '\0';
	return text;
}
