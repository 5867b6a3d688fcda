// SPDX-License-Identifier: BSD-2-Clause
/*
 * Sequences of hypercalls, guest exits and scribbling by zone0, on the fake
 * architecture.  The input is read as a program: one byte says what happens
 * next, the following ones choose arguments that are mostly near what makes
 * sense.  Oracle: fake_check_invariants() again and again, and in the end every
 * zone can be destroyed and, without a trace, the pool is what it was.
 */
#include <zv/abi_all.h>
#include <zv/arch/harness.h>
#include <zv/check.h>
#include <zv/errno.h>
#include <zv/hvcall.h>
#include <zv/mm.h>
#include <zv/percpu.h>
#include <zv/sched.h>
#include <zv/trace.h>
#include <zv/zone.h>

#include <string.h>

#define BUF_GPA (FAKE_RAM_BASE + 0x10000)
#define CPUS 3u
#define ZONES 4u /* ids that are used much */
#define STEPS_MAX 400u
#define DESTROY_STEPS_MAX 200u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const u8 *in;
static size_t in_left;

static u8 next8(void)
{
	if (in_left == 0) {
		return 0;
	}
	in_left--;
	return *in++;
}

static u32 next32(void)
{
	u32 v = next8();

	v |= (u32)next8() << 8;
	v |= (u32)next8() << 16;
	return v | (u32)next8() << 24;
}

static u64 pick_zone(void)
{
	u8 b = next8();

	return b < 0xf0 ? 1 + b % ZONES : (u64)next32() << (b & 31);
}

static u64 pick_gpa(void)
{
	static const u64 base[] = {
		0x40000000, 0x08000000, 0x09000000, 0x0a000000,
		0,	    1ull << 39, 1ull << 40, UINT64_MAX,
	};
	u8 b = next8();
	u64 off = (u64)(next8() % 16) * ZV_CHUNK_SIZE;

	if ((b & 0x80) != 0) {
		off = next32() >> 8;
	}
	if ((b & 0x40) != 0) {
		off = ALIGN_DOWN(off, PAGE_SIZE);
	}
	return base[(b & 0x38) != 0 ? b & 3 : b & 7] + off;
}

static u32 pick_addr(void)
{
	u8 b = next8();

	return ZV_SHADOW_ADDR(b % 5, (u32)(b / 5) * 4) +
	       (b > 250 ? next32() : 0);
}

static u32 pick_count(u32 max)
{
	u8 b = next8();

	return b < 250 ? b % (max < 9 ? max + 1 : 9) : max - 1 + (b & 3);
}

static void *buffer(void)
{
	return pa_to_va(pa_make(BUF_GPA));
}

static void fill_words(struct zv_shadow_word *word, u32 count)
{
	for (u32 i = 0; i < MIN(count, 8u); i++) {
		word[i].addr = pick_addr();
		word[i].value = next8();
	}
}

static u64 fill_create(void)
{
	struct zv_zone_create *a = buffer();

	memset(a, 0, sizeof(*a));
	memcpy(a->name, "fuzz", 5);
	a->vcpu_count = 1 + next8() % 3;
	a->event_index = next8() % 3;
	a->priority = next8() % 34;
	a->slice_us = next8() * 100u;
	for (u32 i = 0; i < a->vcpu_count; i++) {
		u8 cpu = next8();

		a->pcpu[i] = cpu > 200 ? ZV_PCPU_ANY : cpu % (CPUS + 1);
	}
	return sizeof(*a);
}

static u64 fill_vcpu(void)
{
	struct zv_vcpu_state *s = buffer();

	memset(s, 0, sizeof(*s));
	s->pc = next32();
	s->flags = next8() % 3;
	return sizeof(*s);
}

static u64 fill_actions(void)
{
	struct zv_shadow_actions *a = buffer();

	memset(a, 0, sizeof(*a));
	a->count = pick_count(ZV_SHADOW_ACTIONS_MAX);
	for (u32 i = 0; i < MIN(a->count, 8u); i++) {
		struct zv_shadow_action *x = &a->action[i];

		x->addr = pick_addr();
		x->write = next8() % 6;
		x->read = next8() % 8 == 0;
		if (x->write == ZV_WR_DOORBELL) {
			x->count = 1 + next8() % 8;
			x->base = (u16)((next8() % 5) * 255);
		}
		if (x->write == ZV_WR_W1C) {
			x->word = (u16)(next8() * 4);
		}
	}
	return sizeof(*a);
}

static u64 fill_update(void)
{
	struct zv_shadow_update *u = buffer();

	memset(u, 0, sizeof(*u));
	u->flags = next8() % 3;
	u->count = pick_count(ZV_SHADOW_WORDS_MAX);
	fill_words(u->word, u->count);
	return sizeof(*u);
}

/* Mostly the answer to what waits. */
static u64 fill_complete(u64 id)
{
	struct zv_io_complete *c = buffer();
	struct zone *z = zone_get(id);

	memset(c, 0, sizeof(*c));
	c->vcpu = next8() % 4;
	c->seq = 1;
	if (z != NULL && z != zone0 && c->vcpu < z->vcpu_count) {
		c->seq = z->vcpus[c->vcpu]->io_seq - (next8() == 0xff);
	}
	if (z != NULL) {
		zone_put(z);
	}
	c->value = next32();
	c->flags = next8() % 5;
	c->count = pick_count(ZV_SHADOW_WORDS_MAX);
	fill_words(c->word, c->count);
	return sizeof(*c);
}

static u64 buffer_gpa(void)
{
	u8 b = next8();

	return b < 0xf8 ? BUF_GPA : BUF_GPA + next32() * (u64)(b & 7);
}

static u64 buffer_len(u64 len)
{
	u8 b = next8();

	return b < 0xf0 ? len : b == 0xff ? next32() : len - 1 + (b & 15);
}

/* Fills arg[] for the call and its buffer. */
static void make_args(u32 nr, u64 arg[5])
{
	arg[0] = pick_zone();
	switch (nr) {
	case ZV_HC_ZONE_CREATE:
		arg[1] = buffer_len(fill_create());
		arg[0] = buffer_gpa();
		break;
	case ZV_HC_INFO:
	case ZV_HC_LOG_READ:
		arg[0] = buffer_gpa();
		arg[1] = next32() % 5000;
		arg[2] = next32();
		break;
	case ZV_HC_TRACE_SET:
		arg[0] = next8() & (ZV_TRACE_ALL | 1u << ZV_TRACE_CLASS_COUNT);
		break;
	case ZV_HC_TRACE_READ:
		arg[0] = next8() % 8;
		arg[1] = buffer_gpa();
		arg[2] = next32() % 5000;
		arg[3] = next32() % (2 * ZV_TRACE_RING);
		break;
	case ZV_HC_COUNTERS:
	case ZV_HC_ZONE_INFO:
		arg[1] = buffer_gpa();
		arg[2] = next32() % 5000;
		break;
	case ZV_HC_MEM_POPULATE:
		arg[1] = pick_gpa();
		arg[2] = (u64)(next8() % 6) * ZV_CHUNK_SIZE + (next8() == 0xff);
		break;
	case ZV_HC_MEM_GRANT:
	case ZV_HC_MEM_REVOKE:
	case ZV_HC_MEM_NEXT:
		arg[1] = pick_gpa();
		break;
	case ZV_HC_VCPU_SET:
	case ZV_HC_VCPU_GET:
		arg[3] = buffer_len(fill_vcpu());
		arg[1] = next8() % 4;
		arg[2] = buffer_gpa();
		break;
	case ZV_HC_VCPU_LIMIT:
		arg[1] = next8() % 5;
		break;
	case ZV_HC_VCPU_PIN:
		arg[1] = next8() % 4;
		arg[2] = next8() % 6;
		break;
	case ZV_HC_SHADOW_CREATE:
		arg[1] = pick_gpa() & PAGE_MASK;
		arg[2] = next8() % 3;
		break;
	case ZV_HC_SHADOW_ACTIONS:
		arg[2] = buffer_len(fill_actions());
		arg[1] = buffer_gpa();
		break;
	case ZV_HC_SHADOW_UPDATE:
		arg[2] = buffer_len(fill_update());
		arg[1] = buffer_gpa();
		break;
	case ZV_HC_IO_COMPLETE:
		arg[2] = buffer_len(fill_complete(arg[0]));
		arg[1] = buffer_gpa();
		break;
	case ZV_HC_IRQ_INJECT:
		arg[1] = next8() + (u64)(next8() % 4) * 0x100000000ull;
		arg[2] = pick_addr();
		arg[3] = next8();
		break;
	default:
		arg[1] = next32();
		break;
	}
}

static void do_hypercall(struct vcpu *v)
{
	static const u8 often[] = {
		ZV_HC_ZONE_CREATE,   ZV_HC_ZONE_START,	   ZV_HC_VCPU_SET,
		ZV_HC_MEM_POPULATE,  ZV_HC_MEM_GRANT,	   ZV_HC_MEM_REVOKE,
		ZV_HC_SHADOW_CREATE, ZV_HC_SHADOW_ACTIONS, ZV_HC_IO_COMPLETE,
		ZV_HC_IO_RING_KICK,  ZV_HC_ZONE_DESTROY,   ZV_HC_ZONE_PAUSE,
		ZV_HC_VCPU_PIN,	     ZV_HC_VCPU_LIMIT,	   ZV_HC_ZONE_RESUME,
		ZV_HC_SHADOW_UPDATE, ZV_HC_IRQ_INJECT,
	};
	struct hvcall_result r;
	u64 arg[5] = { 0 };
	u8 b = next8();
	u32 nr = b < 0xc0 ? often[b % sizeof(often)] : next8() % 0x50;

	make_args(nr, arg);
	hvcall(v, nr, arg, &r);
	CHECK(r.ret > -200 && r.ret <= (s64)PAGE_SIZE);
}

/* ------------------------------------------------------------------ guests */

static u64 pick_device_gpa(const struct zone *z)
{
	u8 b = next8();
	u32 i = b % 5;

	if (i < z->io.shadow_count && b < 0xf0) {
		return z->io.shadow[i].gpa + (u64)(b / 5) * 4 + (b > 200);
	}
	return pick_gpa();
}

static void guest_mmio(struct vcpu *v, struct vcpu_exit *e)
{
	u8 b = next8();

	e->kind = VCPU_EXIT_MMIO;
	e->mmio.size = (u8)(1u << (b & 3));
	e->mmio.write = (b & 0x0c) != 0;
	e->mmio.value = (b & 0x80) != 0 ? next32() : b >> 4;
	e->mmio.gpa = pick_device_gpa(v->zone);
}

static void guest_firmware(struct vcpu *v)
{
	struct zone *z = v->zone;
	u8 b = next8();

	switch (b % 8) {
	case 0:
		zone_guest_off(z);
		break;
	case 1:
		zone_guest_reset(z);
		break;
	case 2:
		zone_crash(v, ZV_REASON_BAD_TRAP, next8(), 0, 0);
		break;
	case 3:
		vcpu_power_off_self(v);
		break;
	default:
		(void)vcpu_power_on(z->vcpus[b / 8 % z->vcpu_count], b, b);
		break;
	}
}

static void guest(struct vcpu *v, struct vcpu_exit *e)
{
	u8 b = next8();

	v->arch.irq_pending = false;
	e->kind = VCPU_EXIT_IDLE;
	if (v->zone == zone0) {
		return;
	}
	fake_time_advance((u64)b * 50000);
	switch (b % 8) {
	case 0:
	case 1:
		break;
	case 2:
		e->kind = VCPU_EXIT_NONE;
		break;
	case 3:
		e->kind = VCPU_EXIT_HYPERCALL;
		e->hypercall.nr = next8();
		break;
	case 4:
		e->kind = VCPU_EXIT_YIELD;
		guest_firmware(v);
		break;
	default:
		guest_mmio(v, e);
		break;
	}
}

/* zone0 may write anything into what is shared with it. */
static void scribble(void)
{
	struct zone *z = zone_get(pick_zone());

	if (z == NULL) {
		return;
	}
	if (z->io.page != NULL) {
		u8 b = next8();
		u32 *tail = &z->io.page->posted_tail;

		if (b < 0x80) {
			*tail = z->io.posted_head - (b & 3);
		} else if (b < 0xc0) {
			*tail = next32();
		} else {
			((u8 *)z->io.page)[next32() % PAGE_SIZE] = next8();
		}
	}
	zone_put(z);
}

static void one_step(void)
{
	u8 b = next8();

	switch (b % 8) {
	case 0:
	case 1:
		(void)fake_run_cpu(b / 8 % CPUS, 1u + b / 64);
		break;
	case 2:
		fake_time_advance((u64)next8() * 1000000);
		break;
	case 3:
		scribble();
		break;
	default:
		fake_cpu_set(b / 8 % CPUS);
		do_hypercall(zone0->vcpus[0]);
		fake_cpu_set(0);
		break;
	}
}

/* ------------------------------------------------------------------ ending */

static void revoke_all(struct zone *z)
{
	u64 gpa = 0;
	u64 start;
	u64 len;

	while (z->pages_granted != 0) {
		CHECK(zone_mem_next(z, gpa, &start, &len) == 0);
		for (u64 at = start; at < start + len; at += ZV_CHUNK_SIZE) {
			(void)zone_mem_revoke(z, at);
		}
		gpa = start + len;
	}
}

static void destroy_all(void)
{
	int id;

	fake_guest = NULL;
	while ((id = zone_next(1)) >= 0) {
		struct zone *z = zone_get((u64)id);
		u32 steps = 0;
		int err;

		revoke_all(z);
		do {
			err = zone_destroy_step(z);
			if (err == 0) {
				break;
			}
			CHECK(err == -EAGAIN && steps++ < DESTROY_STEPS_MAX);
			fake_run_all(64);
			fake_check_invariants();
		} while (true);
		zone_put(z);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct fake_config config = { .ram_size = MIB(10),
						   .cpu_count = CPUS };
	struct mm_stats before;
	struct mm_stats after;
	u64 tables;

	in = data;
	in_left = size;
	fake_machine_init(&config);
	mm_stats(&before);
	tables = zone0->s2.stats.tables;
	fake_guest = guest;
	for (u32 i = 0; i < STEPS_MAX && in_left != 0; i++) {
		one_step();
		if (i % 16 == 15) {
			fake_check_invariants();
		}
	}
	fake_check_invariants();
	destroy_all();
	/* Its rings are the pool's again. */
	CHECK(trace_set(0) == 0);
	fake_check_invariants();
	mm_stats(&after);
	CHECK(zone_total() == 1);
	CHECK(zone0->s2.stats.tables == tables);
	CHECK(memcmp(&before, &after, sizeof(before)) == 0);
	fake_machine_fini();
	return 0;
}
