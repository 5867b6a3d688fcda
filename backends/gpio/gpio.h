/* SPDX-License-Identifier: BSD-2-Clause */
/* A zone's GPIO block; line 3 is the power key. */
#ifndef ZV_BACKENDS_GPIO_GPIO_H
#define ZV_BACKENDS_GPIO_GPIO_H

#include "gpio/pl061.h"
#include "transport/zone/zone_io.h"

#define GPIO_POWER_KEY 3u
/*
 * How long a press lasts. A guest samples the key some time after the edge (to
 * debounce it); one that was slow to get a CPU must still find it pressed.
 */
#define GPIO_PRESS_MS 1000u

/* In the restart area. */
struct gpio_state {
	struct zone_replay replay;
	struct pl061_state regs;
};

struct gpio {
	struct zone_window window;
	struct gpio_state state;
	struct event_timer release;
};

void gpio_init(struct gpio *gpio, uint32_t shadow, uint32_t intid);
/* Presses the power key for GPIO_PRESS_MS. */
void gpio_power_key(struct gpio *gpio);

#endif /* ZV_BACKENDS_GPIO_GPIO_H */
