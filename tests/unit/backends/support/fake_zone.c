/* SPDX-License-Identifier: BSD-2-Clause */
#include "fake_zone.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/container_of.h"

static struct fake_zone *from_port(struct zone_port *port)
{
	return container_of(port, struct fake_zone, port);
}

uint32_t *fake_zone_word(struct fake_zone *fake, uint32_t addr)
{
	return &fake->shadow[addr / ZV_PAGE_SIZE % ZV_SHADOWS_MAX]
			    [addr % ZV_PAGE_SIZE / 4];
}

static int apply_words(struct fake_zone *fake, uint32_t count,
		       const struct zv_shadow_word *word)
{
	if (count > ZV_SHADOW_WORDS_MAX) {
		return -EINVAL;
	}
	for (uint32_t i = 0; i < count; i++) {
		if (word[i].addr % 4 != 0 ||
		    word[i].addr / ZV_PAGE_SIZE >= ZV_SHADOWS_MAX) {
			return -EINVAL;
		}
		*fake_zone_word(fake, word[i].addr) = word[i].value;
	}
	return 0;
}

static int fake_complete(struct zone_port *port, const struct zv_io_complete *c)
{
	struct fake_zone *fake = from_port(port);
	struct fake_slot *slot;
	int rc;

	if (c->vcpu >= ZV_VCPUS_MAX) {
		return -EINVAL;
	}
	slot = &fake->slot[c->vcpu];
	if (!slot->waiting || slot->event.seq != c->seq) {
		return -ESTALE;
	}
	rc = apply_words(fake, c->count, c->word);
	slot->waiting = false;
	slot->value = c->value;
	slot->answers++;
	return rc;
}

static int fake_update(struct zone_port *port,
		       const struct zv_shadow_update *update)
{
	struct fake_zone *fake = from_port(port);

	fake->updates++;
	return apply_words(fake, update->count, update->word);
}

static void pulse(struct fake_zone *fake, uint32_t intid, uint32_t addr,
		  uint32_t mask)
{
	uint32_t *word = fake_zone_word(fake, addr);

	if (mask == 0 || *word == 0) {
		fake->edges[intid]++;
	}
	if (mask != 0) {
		*word |= mask;
	}
}

static int fake_inject(struct zone_port *port, const struct zv_ioc_inject *i)
{
	struct fake_zone *fake = from_port(port);

	if (i->intid >= FAKE_INTIDS) {
		return -EINVAL;
	}
	if (i->op == ZV_IRQ_PULSE) {
		pulse(fake, i->intid, i->addr, i->mask);
	} else {
		fake->line[i->intid] = i->op == ZV_IRQ_RAISE;
	}
	return 0;
}

static int fake_ioeventfd(struct zone_port *port,
			  const struct zv_ioc_ioeventfd *bind)
{
	struct fake_zone *fake = from_port(port);

	if (bind->doorbell >= ZV_DOORBELLS_MAX) {
		return -EINVAL;
	}
	fake->bell[bind->doorbell] = bind->fd;
	fake_zone_ring(fake, bind->doorbell);
	return 0;
}

static int fake_irqfd(struct zone_port *port, const struct zv_ioc_irqfd *bind)
{
	struct fake_zone *fake = from_port(port);

	if (bind->intid >= FAKE_INTIDS || fake->irqfd_count == 8) {
		return -EINVAL;
	}
	fake->irqfd[fake->irqfd_count++] =
		(struct fake_irqfd){ bind->fd, bind->intid, bind->addr,
				     bind->mask };
	return 0;
}

static int fake_read(struct zone_port *port, struct zv_event *ret, size_t count)
{
	struct fake_zone *fake = from_port(port);
	size_t n = count < fake->queue_len ? count : fake->queue_len;
	uint64_t drained;

	if (fake->read_error != 0) {
		return fake->read_error;
	}
	if (read(port->fd, &drained, sizeof(drained)) < 0 &&
	    fake->queue_len == 0) {
		return -EAGAIN;
	}
	memcpy(ret, fake->queue, n * sizeof(*ret));
	fake->queue_len -= n;
	memmove(fake->queue, fake->queue + n,
		fake->queue_len * sizeof(*fake->queue));
	return n == 0 ? -EAGAIN : (int)n;
}

static const struct zone_port_ops fake_ops = {
	.complete = fake_complete,
	.update = fake_update,
	.inject = fake_inject,
	.ioeventfd = fake_ioeventfd,
	.irqfd = fake_irqfd,
	.read = fake_read,
};

void fake_zone_init(struct fake_zone *fake, struct event_pump *pump)
{
	memset(fake, 0, sizeof(*fake));
	fake->port.ops = &fake_ops;
	fake->port.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	fake->pump = pump;
	memset(fake->bell, 0xff, sizeof(fake->bell));
}

void fake_zone_fini(struct fake_zone *fake)
{
	close(fake->port.fd);
}

static void enqueue(struct fake_zone *fake, const struct zv_event *event)
{
	uint64_t one = 1;

	if (fake->queue_len < FAKE_EVENTS) {
		fake->queue[fake->queue_len++] = *event;
	}
	(void)!write(fake->port.fd, &one, sizeof(one));
}

void fake_zone_detach(struct fake_zone *fake)
{
	memset(fake->bell, 0xff, sizeof(fake->bell));
	fake->irqfd_count = 0;
	fake->queue_len = 0;
	for (uint32_t v = 0; v < ZV_VCPUS_MAX; v++) {
		if (fake->slot[v].waiting) {
			enqueue(fake, &fake->slot[v].event);
		}
	}
}

void fake_zone_post_access(struct fake_zone *fake, uint32_t vcpu, uint32_t addr,
			   uint32_t size, bool write, uint64_t value)
{
	struct fake_slot *slot = &fake->slot[vcpu];

	slot->waiting = true;
	slot->event = (struct zv_event){
		.type = ZV_EVENT_ACCESS,
		.vcpu = vcpu,
		.addr = addr,
		.seq = ++fake->next_seq,
		.value = value,
		.size = (uint8_t)size,
		.write = write,
	};
	enqueue(fake, &slot->event);
}

uint64_t fake_zone_forward(struct fake_zone *fake, uint32_t vcpu, uint32_t addr,
			   uint32_t size, bool write, uint64_t value)
{
	fake_zone_post_access(fake, vcpu, addr, size, write, value);
	(void)event_pump_run(fake->pump);
	fake_zone_sync(fake);
	return fake->slot[vcpu].value;
}

void fake_zone_posted(struct fake_zone *fake, uint32_t addr, uint32_t value)
{
	struct zv_event event = {
		.type = ZV_EVENT_POSTED,
		.addr = addr,
		.value = value,
	};

	enqueue(fake, &event);
}

void fake_zone_ring(struct fake_zone *fake, uint32_t doorbell)
{
	uint64_t one = 1;

	if (fake->bell[doorbell] >= 0) {
		(void)!write(fake->bell[doorbell], &one, sizeof(one));
	}
}

void fake_zone_sync(struct fake_zone *fake)
{
	for (size_t i = 0; i < fake->irqfd_count; i++) {
		const struct fake_irqfd *irq = &fake->irqfd[i];
		uint64_t count;

		if (read(irq->fd, &count, sizeof(count)) == sizeof(count)) {
			pulse(fake, irq->intid, irq->addr, irq->mask);
		}
	}
}
