/* SPDX-License-Identifier: BSD-2-Clause */
#include "input/virtio_input.h"

#include <linux/input.h>
#include <string.h>

#include "core/chain_io.h"
#include "core/container_of.h"

#define EVENTQ 0u
#define STATUSQ 1u
#define REPEATED 2 /* the value of a key that has been down before */
#define QUEUES 2u

/* One turn of the loop: what a guest can make us do before others get theirs */
#define TURN_CHAINS 64u

/* Marks of no queue: what the guest knows of keys, and where it looks. */
#define MARK_KEYS QUEUES
#define MARK_SELECT (MARK_KEYS + INPUT_STATE_WORDS)
_Static_assert(MARK_SELECT < VIRTIO_QUEUES_MAX, "there is a mark for it");

#define KEYS_END 256u /* bits of the state: keys, then buttons */
_Static_assert(KEYS_END + INPUT_BUTTONS <= INPUT_STATE_WORDS * 64,
	       "a bit each");

#define MOVE_MAX (1 << 20) /* merged moves are no longer than that */

/* 5.8.4, config_select */
enum select {
	SELECT_NAME = 0x01,
	SELECT_SERIAL = 0x02,
	SELECT_IDS = 0x03,
	SELECT_BITS = 0x11, /* subsel: which events; their codes */
	SELECT_ABS = 0x12, /* subsel: which axis */
};

struct abs_info {
	uint32_t min;
	uint32_t max;
	uint32_t fuzz;
	uint32_t flat;
	uint32_t res;
};

struct ids {
	uint16_t bustype;
	uint16_t vendor;
	uint16_t product;
	uint16_t version;
};

struct config {
	uint8_t select;
	uint8_t subsel;
	uint8_t size;
	uint8_t reserved[5];
	union {
		char string[128];
		uint8_t bitmap[128];
		struct abs_info abs;
		struct ids ids;
	} u;
};
_Static_assert(sizeof(struct config) == 136, "as the driver sees it");

struct event { /* 5.8.6 */
	uint16_t type;
	uint16_t code;
	int32_t value;
};
_Static_assert(sizeof(struct event) == 8, "guest memory");

enum outcome {
	SERVED,
	IDLE, /* no buffer is there */
	WRONG, /* the driver broke a rule */
};

static struct virtio_input *from_dev(struct virtio_device *dev)
{
	return container_of(dev, struct virtio_input, dev);
}

/* -------------------------------------------------------------------- state */

static bool is_down(const struct virtio_input *input, uint32_t bit)
{
	return (input->down[bit / 64] & 1ull << bit % 64) != 0;
}

static bool is_told(const struct virtio_input *input, uint32_t bit)
{
	return (input->dev.mark[MARK_KEYS + bit / 64] & 1ull << bit % 64) != 0;
}

static void set_told(struct virtio_input *input, uint32_t bit, bool down)
{
	uint64_t *word = &input->dev.mark[MARK_KEYS + bit / 64];
	uint64_t mask = 1ull << bit % 64;

	__atomic_store_n(word, down ? *word | mask : *word & ~mask,
			 __ATOMIC_RELEASE);
}

static uint16_t code_of(uint32_t bit)
{
	return (uint16_t)(bit < KEYS_END ? bit : BTN_LEFT + (bit - KEYS_END));
}

/* ------------------------------------------------------------------- frames */

/* Its events; how many. */
static uint32_t expand(const struct input_frame *frame, struct event ret[3])
{
	uint32_t n = 0;

	switch (frame->kind) {
	case INPUT_KEY:
		ret[n++] = (struct event){ EV_KEY, code_of((uint32_t)frame->a),
					   frame->b };
		break;
	case INPUT_AT:
		ret[n++] = (struct event){ EV_ABS, ABS_X, frame->a };
		ret[n++] = (struct event){ EV_ABS, ABS_Y, frame->b };
		break;
	case INPUT_BY:
		ret[n++] = (struct event){ EV_REL, REL_X, frame->a };
		ret[n++] = (struct event){ EV_REL, REL_Y, frame->b };
		break;
	case INPUT_WHEEL:
		ret[n++] = (struct event){ EV_REL, REL_HWHEEL, frame->a };
		ret[n++] = (struct event){ EV_REL, REL_WHEEL, frame->b };
		break;
	case INPUT_SYNC:
		break;
	}
	ret[n++] = (struct event){ EV_SYN, SYN_REPORT, 0 };
	return n;
}

static void drop_all(struct virtio_input *input)
{
	input->count = 0;
	input->step = 0;
	input->lost = true;
}

static int32_t sum(int32_t a, int32_t b)
{
	int32_t s = a + b;

	return s > MOVE_MAX ? MOVE_MAX : s < -MOVE_MAX ? -MOVE_MAX : s;
}

/* With the last that waits, if the guest has seen nothing of that one. */
static bool merge(struct virtio_input *input, const struct input_frame *frame)
{
	struct input_frame *last;

	if (frame->kind == INPUT_KEY || input->count == 0 ||
	    (input->count == 1 && input->step != 0)) {
		return false;
	}
	last = &input->frame[(input->first + input->count - 1) % INPUT_FRAMES];
	if (last->kind != frame->kind) {
		return false;
	}
	if (frame->kind == INPUT_AT) {
		*last = *frame;
	} else {
		last->a = sum(last->a, frame->a);
		last->b = sum(last->b, frame->b);
	}
	return true;
}

/* False: there is no room. */
static bool append(struct virtio_input *input, const struct input_frame *frame)
{
	if (input->count == INPUT_FRAMES) {
		return false;
	}
	input->frame[(input->first + input->count) % INPUT_FRAMES] = *frame;
	input->count++;
	return true;
}

/* Those that the guest takes for up or for down, and are not; false: no room */
static bool tell_keys(struct virtio_input *input, bool down)
{
	for (uint32_t bit = 0; bit < KEYS_END + INPUT_BUTTONS; bit++) {
		const struct input_frame frame = { INPUT_KEY, (int32_t)bit,
						   down };

		if (is_down(input, bit) == down &&
		    is_told(input, bit) != down && !append(input, &frame)) {
			return false;
		}
	}
	return true;
}

/* What the guest has to be told to know how it is; room for a part is enough */
static void tell_state(struct virtio_input *input)
{
	const struct input_frame at = { INPUT_AT, input->x, input->y };

	input->lost = !tell_keys(input, false) || !tell_keys(input, true) ||
		      (input->kind == INPUT_TABLET && input->x >= 0 &&
		       !append(input, &at));
}

/* ------------------------------------------------------------------- eventq */

static bool put(struct virtio_input *input, const struct event *event)
{
	struct vq *vq = &input->dev.vq[EVENTQ];
	struct chain_io writer;

	chain_writer(&writer, vq->gm, &input->chain);
	return chain_write(&writer, event, sizeof(*event)) &&
	       vq_push(vq, input->chain.head, sizeof(*event)) == 0;
}

/* The next event of the first frame that waits, into the chain at hand. */
static bool give_event(struct virtio_input *input)
{
	const struct input_frame *frame = &input->frame[input->first];
	struct event events[3];
	uint32_t n = expand(frame, events);
	bool key = frame->kind == INPUT_KEY && input->step == 0;

	/* A key may be up that is thought to be down, never the other way. */
	if (key && frame->b != 0) {
		set_told(input, (uint32_t)frame->a, true);
	}
	if (!put(input, &events[input->step])) {
		return false;
	}
	if (key && frame->b == 0) {
		set_told(input, (uint32_t)frame->a, false);
	}
	input->events++;
	if (++input->step == n) {
		input->step = 0;
		input->first = (input->first + 1) % INPUT_FRAMES;
		input->count--;
	}
	return true;
}

static enum outcome give_one(struct virtio_input *input)
{
	struct vq *vq = &input->dev.vq[EVENTQ];
	int rc = vq_pop(vq, &input->chain);

	if (rc <= 0) {
		return rc < 0 ? WRONG : IDLE;
	}
	if (input->chain.readable != 0) {
		return WRONG;
	}
	if (input->count == 0) {
		tell_state(input);
	}
	if (input->count == 0) { /* it knows how it is */
		vq_unpop(vq);
		return SERVED;
	}
	return give_event(input) ? SERVED : WRONG;
}

static bool has_news(const struct virtio_input *input)
{
	return input->count != 0 || input->lost;
}

static void give(struct virtio_input *input)
{
	struct virtio_device *dev = &input->dev;
	struct vq *vq = &dev->vq[EVENTQ];
	enum outcome outcome = SERVED;
	unsigned int i;

	if (!input->running || !vq->ready) {
		return;
	}
	for (i = 0; i < TURN_CHAINS && outcome == SERVED && has_news(input);
	     i++) {
		outcome = give_one(input);
	}
	if (outcome == WRONG) {
		dev->transport->broken(dev, "malformed event queue");
		return;
	}
	if (i != 0) {
		dev->transport->signal(dev, EVENTQ);
	}
	if (!has_news(input)) {
		vq_disable_kick(vq);
	} else if (outcome == SERVED || vq_enable_kick(vq)) {
		event_defer(dev->loop, &input->more);
	}
}

/* ------------------------------------------------------------------ statusq */

/* Lamps, that nobody here has. */
static enum outcome take_one(struct virtio_input *input)
{
	struct vq *vq = &input->dev.vq[STATUSQ];
	int rc = vq_pop(vq, &input->chain);

	if (rc <= 0) {
		return rc < 0 ? WRONG : IDLE;
	}
	return input->chain.writable == 0 &&
			       input->chain.readable_len >=
				       sizeof(struct event) &&
			       vq_push(vq, input->chain.head, 0) == 0
		       ? SERVED
		       : WRONG;
}

static void take(struct virtio_input *input)
{
	struct virtio_device *dev = &input->dev;
	struct vq *vq = &dev->vq[STATUSQ];
	enum outcome outcome = SERVED;

	if (!input->running || !vq->ready) {
		return;
	}
	for (unsigned int i = 0; i < TURN_CHAINS && outcome == SERVED; i++) {
		outcome = take_one(input);
	}
	if (outcome == WRONG) {
		dev->transport->broken(dev, "malformed status queue");
		return;
	}
	dev->transport->signal(dev, STATUSQ);
	if (outcome == SERVED || vq_enable_kick(vq)) {
		event_defer(dev->loop, &input->more);
	}
}

static void on_more(struct event_defer *defer)
{
	struct virtio_input *input =
		container_of(defer, struct virtio_input, more);

	give(input);
	take(input);
}

/* ------------------------------------------------------------------- config */

static void set_bits(struct config *config, uint32_t first, uint32_t last)
{
	for (uint32_t bit = first; bit <= last; bit++) {
		config->u.bitmap[bit / 8] |= (uint8_t)(1u << bit % 8);
	}
	config->size = (uint8_t)(last / 8 + 1);
}

static void set_text(struct config *config, const char *text)
{
	config->size = (uint8_t)strnlen(text, sizeof(config->u.string));
	memcpy(config->u.string, text, config->size);
}

static void fill_keyboard(struct config *config)
{
	switch (config->subsel) {
	case EV_KEY:
		set_bits(config, 1, INPUT_KEY_LAST);
		break;
	case EV_LED:
		set_bits(config, LED_NUML, LED_SCROLLL);
		break;
	default:
		break;
	}
}

static void fill_pointer(struct config *config, bool tablet)
{
	switch (config->subsel) {
	case EV_KEY:
		set_bits(config, BTN_LEFT, BTN_LEFT + INPUT_BUTTONS - 1);
		break;
	case EV_ABS:
		if (tablet) {
			set_bits(config, ABS_X, ABS_Y);
		}
		break;
	case EV_REL:
		if (!tablet) {
			set_bits(config, REL_X, REL_Y);
		}
		set_bits(config, REL_HWHEEL, REL_HWHEEL);
		set_bits(config, REL_WHEEL, REL_WHEEL);
		break;
	default:
		break;
	}
}

static void fill_config(const struct virtio_input *input, struct config *config)
{
	static const char *const names[] = {
		[INPUT_KEYBOARD] = "Zonevisor keyboard",
		[INPUT_TABLET] = "Zonevisor tablet",
		[INPUT_MOUSE] = "Zonevisor mouse",
	};

	switch (config->select) {
	case SELECT_NAME:
		set_text(config, names[input->kind]);
		break;
	case SELECT_SERIAL:
		set_text(config, input->serial);
		break;
	case SELECT_IDS:
		config->size = sizeof(config->u.ids);
		config->u.ids = (struct ids){
			.bustype = BUS_VIRTUAL,
			.product = (uint16_t)(input->kind + 1),
			.version = 1,
		};
		break;
	case SELECT_BITS:
		if (input->kind == INPUT_KEYBOARD) {
			fill_keyboard(config);
		} else {
			fill_pointer(config, input->kind == INPUT_TABLET);
		}
		break;
	case SELECT_ABS:
		if (input->kind == INPUT_TABLET && config->subsel <= ABS_Y) {
			config->size = sizeof(config->u.abs);
			config->u.abs.max = INPUT_AXIS_MAX;
		}
		break;
	default:
		break;
	}
}

static void input_config_read(struct virtio_device *dev, uint32_t offset,
			      void *ret, size_t len)
{
	uint64_t mark = dev->mark[MARK_SELECT];
	struct config config = {
		.select = (uint8_t)mark,
		.subsel = (uint8_t)(mark >> 8),
	};

	fill_config(from_dev(dev), &config);
	memcpy(ret, (const uint8_t *)&config + offset, len);
}

/* select and subsel, the first two bytes, are the driver's to write. */
static void input_config_write(struct virtio_device *dev, uint32_t offset,
			       const void *src, size_t len)
{
	uint64_t mark = dev->mark[MARK_SELECT];
	const uint8_t *bytes = src;

	for (size_t i = 0; i < len && offset + i < 2; i++) {
		uint32_t shift = (uint32_t)(offset + i) * 8;

		mark &= ~(0xffull << shift);
		mark |= (uint64_t)bytes[i] << shift;
	}
	__atomic_store_n(&dev->mark[MARK_SELECT], mark, __ATOMIC_RELEASE);
}

/* --------------------------------------------------------------------- life */

static uint64_t input_features(struct virtio_device *dev)
{
	(void)dev;
	return 0;
}

static int input_start(struct virtio_device *dev, uint64_t features)
{
	static const struct input_frame sync = { INPUT_SYNC, 0, 0 };
	struct virtio_input *input = from_dev(dev);

	(void)features;
	drop_all(input);
	/* A predecessor may have given an event without its end. */
	if (dev->vq[EVENTQ].ready && dev->vq[EVENTQ].used_idx != 0) {
		(void)append(input, &sync);
	}
	input->running = true;
	event_defer(dev->loop, &input->more);
	return 0;
}

static void input_kick(struct virtio_device *dev, uint32_t q)
{
	if (q == EVENTQ) {
		give(from_dev(dev));
	} else {
		take(from_dev(dev));
	}
}

static void input_stop(struct virtio_device *dev, virtio_stop_cb done)
{
	struct virtio_input *input = from_dev(dev);

	input->running = false;
	event_undefer(dev->loop, &input->more);
	done(dev);
}

/* Who makes an event queue knows of no key that is down. */
static uint64_t input_mark_fresh(struct virtio_device *dev, uint32_t q)
{
	for (uint32_t i = 0; q == EVENTQ && i < INPUT_STATE_WORDS; i++) {
		__atomic_store_n(&dev->mark[MARK_KEYS + i], 0,
				 __ATOMIC_RELEASE);
	}
	return 0;
}

static const struct virtio_device_ops input_ops = {
	.name = "input",
	.id = VIRTIO_ID_INPUT,
	.config_len = sizeof(struct config),
	.features = input_features,
	.config_read = input_config_read,
	.config_write = input_config_write,
	.start = input_start,
	.kick = input_kick,
	.stop = input_stop,
	.mark_fresh = input_mark_fresh,
};

void virtio_input_init(struct virtio_input *input, struct event_loop *loop,
		       enum input_kind kind, const char *serial)
{
	memset(input, 0, sizeof(*input));
	input->dev.ops = &input_ops;
	input->dev.loop = loop;
	input->dev.queue_count = QUEUES;
	input->more.cb = on_more;
	input->kind = kind;
	input->serial = serial;
	input->x = input->y = -1; /* it was nowhere yet */
}

/* --------------------------------------------------------------------- news */

static void happened(struct virtio_input *input,
		     const struct input_frame *frame)
{
	if (!input->running) {
		return;
	}
	if (!input->lost && !merge(input, frame) && !append(input, frame)) {
		drop_all(input);
	}
	give(input);
}

static void change(struct virtio_input *input, uint32_t bit, bool down)
{
	if (is_down(input, bit) != down) {
		input->down[bit / 64] ^= 1ull << bit % 64;
		happened(input, &(struct input_frame){ INPUT_KEY, (int32_t)bit,
						       down });
	}
}

/* Nothing is lost if the guest is late: there will be another one. */
static void repeat(struct virtio_input *input, uint32_t code)
{
	if (!has_news(input)) {
		happened(input, &(struct input_frame){ INPUT_KEY, (int32_t)code,
						       REPEATED });
	}
}

void virtio_input_key(struct virtio_input *input, uint32_t code, bool down)
{
	if (input->kind != INPUT_KEYBOARD || code == 0 ||
	    code > INPUT_KEY_LAST) {
		return;
	}
	if (down && is_down(input, code)) {
		repeat(input, code);
	} else {
		change(input, code, down);
	}
}

void virtio_input_button(struct virtio_input *input, uint32_t button, bool down)
{
	if (input->kind != INPUT_KEYBOARD && button < INPUT_BUTTONS) {
		change(input, KEYS_END + button, down);
	}
}

void virtio_input_at(struct virtio_input *input, int32_t x, int32_t y)
{
	if (input->kind == INPUT_TABLET && (x != input->x || y != input->y)) {
		input->x = x;
		input->y = y;
		happened(input, &(struct input_frame){ INPUT_AT, x, y });
	}
}

void virtio_input_by(struct virtio_input *input, int32_t dx, int32_t dy)
{
	if (input->kind == INPUT_MOUSE && (dx != 0 || dy != 0)) {
		happened(input, &(struct input_frame){ INPUT_BY, dx, dy });
	}
}

void virtio_input_wheel(struct virtio_input *input, int32_t dx, int32_t dy)
{
	if (input->kind != INPUT_KEYBOARD && (dx != 0 || dy != 0)) {
		happened(input, &(struct input_frame){ INPUT_WHEEL, dx, dy });
	}
}
