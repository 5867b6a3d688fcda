/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An I/O process inside a test: memory and restart area that outlive it, a fake
 * zone, and a guest's driver for its virtio console.
 */
#ifndef ZV_TESTS_UNIT_BACKENDS_SUPPORT_PROCESS_H
#define ZV_TESTS_UNIT_BACKENDS_SUPPORT_PROCESS_H

#include "console/virtio_console.h"
#include "fake_zone.h"
#include "io/io_process.h"
#include "ring_driver.h"

#define P_RAM 0x40000000ull
#define P_RAM_SIZE 0x20000ull
#define P_RX_RING (P_RAM + 0x1000)
#define P_TX_RING (P_RAM + 0x3000)
#define P_DATA (P_RAM + 0x8000)

#define P_UART ZV_SHADOW_ADDR(0, 0)
#define P_RTC ZV_SHADOW_ADDR(1, 0)
#define P_GPIO ZV_SHADOW_ADDR(2, 0)
#define P_VIRTIO ZV_SHADOW_ADDR(3, 0x200)
#define P_INTID 49u
#define P_BELL 10u

struct process {
	uint8_t *ram;
	uint8_t *state;
	struct io_config config;
	struct event_pump pump;
	struct fake_zone zone;
	struct io_process io;
	int listen_fd;
	char path[108];
	struct guest_mem gm; /* the driver's view */
	struct ring_driver rx;
	struct ring_driver tx;
	uint32_t resets_done;
	uint32_t broken;
	int gone;
};

/* Allocates; memory may be shared memory given by the caller, or NULL. */
struct process *process_new(uint8_t *ram, uint8_t *state);
void process_free(struct process *p);
int process_start(struct process *p);
/* As if by kill -9: only ram, state and the zone remain. */
void process_kill(struct process *p);

/* ------------------------------------------------------- the guest's side */
uint32_t process_read(struct process *p, uint32_t reg);
void process_write(struct process *p, uint32_t reg, uint32_t value);
void process_set_queue(struct process *p, uint32_t q,
		       const struct vq_layout *at);
/* Reset, features, both queues of size entries, DRIVER_OK. */
void process_probe(struct process *p, uint32_t size, uint64_t features);
/* One buffer of output, at descriptor i. */
void process_offer_tx(struct process *p, uint16_t i, uint64_t gpa,
		      const char *text);
void process_offer_rx(struct process *p, uint16_t i, uint64_t gpa,
		      uint32_t len);
void process_kick(struct process *p, uint32_t q);
/* The console's side of the people. */
struct console_port *process_port(struct process *p);
/* All that is in a log, as a string. */
const char *process_log(struct process *p, struct console_port *port);
/* A client of the console socket; non-blocking. */
int process_connect(struct process *p, const char *hello);
/* What the client has received, as a string. */
const char *process_receive(struct process *p, int fd);

#endif /* ZV_TESTS_UNIT_BACKENDS_SUPPORT_PROCESS_H */
