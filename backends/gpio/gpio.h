/* SPDX-License-Identifier: BSD-2-Clause */
/* A zone's GPIO block; line 3 is the power key. */
#ifndef ZV_BACKENDS_GPIO_GPIO_H
#define ZV_BACKENDS_GPIO_GPIO_H

#include "gpio/pl061.h"
#include "transport/zone/zone_io.h"

#define GPIO_POWER_KEY 3u
/*
 * How long a press lasts. A guest samples the key some time after the edge (to
 * debounce it); one that was slow to get a CPU must still find it pressed. So
 * the key is held until the guest has looked at it, within limits: desktops
 * take 5 s for something else.
 */
#define GPIO_PRESS_MS 1000u
#define GPIO_PRESSES_MAX 4u /* times GPIO_PRESS_MS */

/* In the restart area. */
struct gpio_state {
	struct zone_replay replay;
	struct pl061_state regs;
};

struct gpio {
	struct zone_window window;
	struct gpio_state state;
	struct event_timer release;
	unsigned int held; /* times GPIO_PRESS_MS */
	bool seen; /* the guest has sampled the pressed key */
};

void gpio_init(struct gpio *gpio, uint32_t shadow, uint32_t intid);
/* Presses the power key; it is let go by itself. */
void gpio_power_key(struct gpio *gpio);

#endif /* ZV_BACKENDS_GPIO_GPIO_H */
