/* SPDX-License-Identifier: BSD-2-Clause */
#include "gpio/gpio.h"

#include <string.h>

#include "core/container_of.h"

#define RECORD_KIND_GPIO 0x203u

_Static_assert(sizeof(struct gpio_state) <= STATE_RECORD_MAX, "record");

static struct gpio *from_window(struct zone_window *window)
{
	return container_of(window, struct gpio, window);
}

static bool key_is_down(const struct gpio *gpio)
{
	return (gpio->state.regs.input & (1u << GPIO_POWER_KEY)) != 0;
}

static void gpio_access(struct zone_window *window, struct zone_access *access)
{
	struct gpio *gpio = from_window(window);
	uint32_t mask = access->offset >> 2; /* of the lines, if it is DATA */

	if (access->write) {
		pl061_write(&gpio->state.regs, access->offset, access->value);
		return;
	}
	access->value = pl061_read(&gpio->state.regs, access->offset);
	if (access->offset <= PL061_DATA_END && key_is_down(gpio) &&
	    (mask & (1u << GPIO_POWER_KEY)) != 0) {
		gpio->seen = true;
	}
}

static bool gpio_settle(struct zone_window *window)
{
	zone_window_line(window, pl061_line(&from_window(window)->state.regs));
	return true;
}

static int hold(struct gpio *gpio)
{
	gpio->held++;
	return event_timer(gpio->window.io->loop, &gpio->release,
			   GPIO_PRESS_MS);
}

static void set_key(struct gpio *gpio, bool pressed)
{
	pl061_set_input(&gpio->state.regs, GPIO_POWER_KEY, pressed);
	zone_window_commit(&gpio->window);
	gpio_settle(&gpio->window);
	zone_window_publish(&gpio->window, false);
}

static void on_release(struct event_timer *timer)
{
	struct gpio *gpio = container_of(timer, struct gpio, release);

	if (!gpio->seen && gpio->held < GPIO_PRESSES_MAX) {
		hold(gpio);
	} else {
		set_key(gpio, false);
	}
}

void gpio_power_key(struct gpio *gpio)
{
	gpio->seen = false;
	gpio->held = 0;
	set_key(gpio, true);
	hold(gpio);
}

static size_t gpio_words(struct zone_window *window,
			 struct zone_word ret[ZONE_WINDOW_WORDS])
{
	struct pl061_word words[PL061_WORDS];

	pl061_words(&from_window(window)->state.regs, words);
	for (size_t i = 0; i < PL061_WORDS; i++) {
		ret[i] = (struct zone_word){ words[i].offset, words[i].value };
	}
	return PL061_WORDS;
}

static enum state_found gpio_load(struct zone_window *window,
				  enum state_found found)
{
	struct gpio *gpio = from_window(window);

	if (found == STATE_RESUMED) {
		return STATE_RESUMED;
	}
	memset(&gpio->state, 0, sizeof(gpio->state));
	return found;
}

static int gpio_attach(struct zone_window *window, enum state_found found)
{
	struct gpio *gpio = from_window(window);

	(void)found;
	gpio_settle(window);
	/* Killed while the key was down: somebody has to let go of it. */
	return key_is_down(gpio) ? hold(gpio) : 0;
}

static void gpio_detach(struct zone_window *window)
{
	event_timer(window->io->loop, &from_window(window)->release,
		    EVENT_NEVER);
}

static void gpio_reset(struct zone_window *window)
{
	struct gpio *gpio = from_window(window);

	event_timer(window->io->loop, &gpio->release, EVENT_NEVER);
	pl061_reset(&gpio->state.regs);
}

static const struct zone_window_ops gpio_ops = {
	.load = gpio_load,
	.attach = gpio_attach,
	.detach = gpio_detach,
	.access = gpio_access,
	.settle = gpio_settle,
	.words = gpio_words,
	.reset = gpio_reset,
};

void gpio_init(struct gpio *gpio, uint32_t shadow, uint32_t intid)
{
	memset(gpio, 0, sizeof(*gpio));
	gpio->release.cb = on_release;
	gpio->window = (struct zone_window){
		.ops = &gpio_ops,
		.shadow = shadow,
		.size = ZV_PAGE_SIZE,
		.record_index = STATE_RECORD_GPIO,
		.record_kind = RECORD_KIND_GPIO,
		.intid = intid,
		.state_size = sizeof(gpio->state),
		.replay = &gpio->state.replay,
	};
}
