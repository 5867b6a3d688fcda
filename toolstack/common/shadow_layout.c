/* SPDX-License-Identifier: BSD-2-Clause */
#include "shadow_layout.h"

#include <stddef.h>

/* `first` to `last` (byte offsets of words) behave alike. */
struct rule {
	uint16_t first;
	uint16_t last;
	uint8_t write;
	uint8_t read;
};

/*
 * PL011 (Arm DDI0183, table 3-1).  Words not named: reads give the shadow
 * (identification registers, raw and masked status), writes are ignored.
 */
static const struct rule uart_rules[] = {
	{ 0x000, 0x000, ZV_WR_POSTED, ZV_RD_FORWARD }, /* DR: data */
	{ 0x024, 0x028, ZV_WR_FORWARD, ZV_RD_SHADOW }, /* IBRD, FBRD */
	{ 0x02c, 0x02c, ZV_WR_FORWARD, ZV_RD_SHADOW }, /* LCR_H */
	{ 0x030, 0x038, ZV_WR_FORWARD, ZV_RD_SHADOW }, /* CR, IFLS, IMSC */
	{ 0x044, 0x044, ZV_WR_FORWARD, ZV_RD_SHADOW }, /* ICR */
};

/* PL031 (Arm DDI0224, table 3-1). */
static const struct rule rtc_rules[] = {
	{ 0x000, 0x000, ZV_WR_IGNORE, ZV_RD_FORWARD }, /* DR: the time */
	{ 0x004, 0x010, ZV_WR_FORWARD, ZV_RD_SHADOW }, /* MR, LR, CR, IMSC */
	{ 0x01c, 0x01c, ZV_WR_FORWARD, ZV_RD_SHADOW }, /* ICR */
};

/* PL061 (Arm DDI0190, table 3-1): DATA has its mask in the address. */
static const struct rule gpio_rules[] = {
	{ 0x000, 0x3fc, ZV_WR_FORWARD, ZV_RD_FORWARD }, /* DATA */
	{ 0x400, 0x410, ZV_WR_FORWARD, ZV_RD_SHADOW }, /* DIR .. IE */
	{ 0x41c, 0x420, ZV_WR_FORWARD, ZV_RD_SHADOW }, /* IC, AFSEL */
};

#define QUEUE_NOTIFY 0x050u
#define INTERRUPT_STATUS 0x060u
#define INTERRUPT_ACK 0x064u

/*
 * The writable registers of virtio-mmio version 2 (virtio 1.2, 4.2.2) other
 * than the two that are finished in the hypervisor.  Reads never trap.
 */
static const struct rule virtio_rules[] = {
	{ 0x014, 0x014, ZV_WR_FORWARD, ZV_RD_SHADOW }, /* DeviceFeaturesSel */
	{ 0x020, 0x024, ZV_WR_FORWARD, ZV_RD_SHADOW }, /* DriverFeatures+Sel */
	{ 0x030, 0x030, ZV_WR_FORWARD, ZV_RD_SHADOW }, /* QueueSel */
	{ 0x038, 0x038, ZV_WR_FORWARD, ZV_RD_SHADOW }, /* QueueNum */
	{ 0x044, 0x044, ZV_WR_FORWARD, ZV_RD_SHADOW }, /* QueueReady */
	{ 0x070, 0x070, ZV_WR_FORWARD, ZV_RD_SHADOW }, /* Status */
	{ 0x080, 0x084, ZV_WR_FORWARD, ZV_RD_SHADOW }, /* QueueDesc */
	{ 0x090, 0x094, ZV_WR_FORWARD, ZV_RD_SHADOW }, /* QueueDriver */
	{ 0x0a0, 0x0a4, ZV_WR_FORWARD, ZV_RD_SHADOW }, /* QueueDevice */
	{ 0x0ac, 0x0ac, ZV_WR_FORWARD, ZV_RD_SHADOW }, /* SHMSel */
	{ 0x0c0, 0x0c0, ZV_WR_FORWARD, ZV_RD_SHADOW }, /* QueueReset */
	{ 0x100, 0x1fc, ZV_WR_FORWARD, ZV_RD_SHADOW }, /* Config */
};

struct batch {
	struct zv_shadow_actions actions;
	int (*emit)(void *arg, const struct zv_shadow_actions *batch);
	void *arg;
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct shadow_slot shadow_layout_slot(uint32_t slot)
{
	return (struct shadow_slot){
		.shadow = SHADOW_LAYOUT_VIRTIO +
			  slot / SHADOW_LAYOUT_SLOTS_PER_PAGE,
		.offset = slot % SHADOW_LAYOUT_SLOTS_PER_PAGE *
			  (uint32_t)ZV_A64_VIRTIO_STRIDE,
		.intid = ZV_A64_INTID_VIRTIO + slot,
		.doorbell = slot * SHADOW_LAYOUT_DOORBELLS_PER_SLOT,
	};
}

uint32_t shadow_layout_pages(const struct zone_def *def,
			     struct shadow_page ret_pages[ZV_SHADOWS_MAX])
{
	uint32_t count = SHADOW_LAYOUT_VIRTIO;
	uint32_t slot = 0;

	ret_pages[SHADOW_LAYOUT_UART] =
		(struct shadow_page){ ZV_A64_UART_BASE, ZV_SHADOW_TRAP_READS };
	ret_pages[SHADOW_LAYOUT_RTC] =
		(struct shadow_page){ ZV_A64_RTC_BASE, ZV_SHADOW_TRAP_READS };
	ret_pages[SHADOW_LAYOUT_GPIO] =
		(struct shadow_page){ ZV_A64_GPIO_BASE, ZV_SHADOW_TRAP_READS };
	for (; slot < def->device_count; slot += SHADOW_LAYOUT_SLOTS_PER_PAGE) {
		ret_pages[count++] = (struct shadow_page){
			ZV_A64_VIRTIO_BASE + slot * ZV_A64_VIRTIO_STRIDE, 0
		};
	}
	return count;
}

static int flush(struct batch *b)
{
	int rc = 0;

	if (b->actions.count) {
		rc = b->emit(b->arg, &b->actions);
		b->actions.count = 0;
	}
	return rc;
}

static int add(struct batch *b, struct zv_shadow_action action)
{
	b->actions.action[b->actions.count++] = action;
	return b->actions.count == ZV_SHADOW_ACTIONS_MAX ? flush(b) : 0;
}

static int add_rules(struct batch *b, const struct rule *rules, size_t count,
		     uint32_t shadow, uint32_t offset)
{
	for (size_t i = 0; i < count; i++) {
		for (uint32_t word = rules[i].first; word <= rules[i].last;
		     word += 4) {
			int rc = add(b, (struct zv_shadow_action){
						.addr = ZV_SHADOW_ADDR(
							shadow, offset + word),
						.write = rules[i].write,
						.read = rules[i].read,
					});

			if (rc != 0) {
				return rc;
			}
		}
	}
	return 0;
}

static int add_slot(struct batch *b, const struct zone_device *device,
		    uint32_t number)
{
	struct shadow_slot slot = shadow_layout_slot(number);
	int rc;

	rc = add_rules(b, virtio_rules, COUNT(virtio_rules), slot.shadow,
		       slot.offset);
	if (rc == 0) {
		rc = add(b, (struct zv_shadow_action){
				    .addr = ZV_SHADOW_ADDR(
					    slot.shadow,
					    slot.offset + QUEUE_NOTIFY),
				    .write = ZV_WR_DOORBELL,
				    .base = (uint16_t)slot.doorbell,
				    .count = (uint16_t)device->queues,
			    });
	}
	if (rc == 0) {
		rc = add(b, (struct zv_shadow_action){
				    .addr = ZV_SHADOW_ADDR(
					    slot.shadow,
					    slot.offset + INTERRUPT_ACK),
				    .write = ZV_WR_W1C,
				    .word = (uint16_t)(slot.offset +
						       INTERRUPT_STATUS),
			    });
	}
	return rc;
}

int shadow_layout_actions(const struct zone_def *def,
			  int (*emit)(void *arg,
				      const struct zv_shadow_actions *batch),
			  void *arg)
{
	struct batch b = { .emit = emit, .arg = arg };
	int rc;

	rc = add_rules(&b, uart_rules, COUNT(uart_rules), SHADOW_LAYOUT_UART,
		       0);
	if (rc == 0) {
		rc = add_rules(&b, rtc_rules, COUNT(rtc_rules),
			       SHADOW_LAYOUT_RTC, 0);
	}
	if (rc == 0) {
		rc = add_rules(&b, gpio_rules, COUNT(gpio_rules),
			       SHADOW_LAYOUT_GPIO, 0);
	}
	for (uint32_t i = 0; i < def->device_count && rc == 0; i++) {
		rc = add_slot(&b, &def->devices[i], i);
	}
	return rc == 0 ? flush(&b) : rc;
}
