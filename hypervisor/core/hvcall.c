// SPDX-License-Identifier: BSD-2-Clause
/*
 * Hypercalls.  A table row says what a call takes and who may make it; the
 * dispatcher resolves the zone argument, so no handler can forget to.
 */
#include <zv/abi_all.h>
#include <zv/arch/time.h>
#include <zv/errno.h>
#include <zv/hvcall.h>
#include <zv/log.h>
#include <zv/mm.h>
#include <zv/percpu.h>
#include <zv/string.h>
#include <zv/trace.h>
#include <zv/version.h>
#include <zv/zone.h>

/* arg[] as given; with HC_ZONE arg[0] is the id of `zone`. */
struct call {
	struct zone *caller;
	struct zone *zone;
	const u64 *arg;
	u64 *out;
};

#define HC_ANY BIT(0) /* any zone may call */
#define HC_ZONE BIT(1) /* arg[0] names a zone that exists */
#define HC_NOT_ZONE0 BIT(2) /* and it is not zone0 */

#define FEATURES (ZV_FEATURE_SHADOW | ZV_FEATURE_RESET | ZV_FEATURE_TRACE)

#define HC_USER_ZONE (HC_ZONE | HC_NOT_ZONE0)

/* --------------------------------------------------------------- buffers */

static int buffer_check(u64 gpa, u64 len)
{
	if (!IS_ALIGNED(gpa, 8ull) || len == 0 || len > ZV_PAGE_SIZE ||
	    (gpa & ~PAGE_MASK) + len > ZV_PAGE_SIZE) {
		return -EINVAL;
	}
	return 0;
}

/* A newer caller's structure may be longer, but must not mean anything more. */
static int tail_is_zero(const struct call *c, u64 gpa, u64 len)
{
	u8 part[64];

	while (len != 0) {
		size_t n = (size_t)MIN(len, sizeof(part));
		int err = copy_from_zone(c->caller, gpa, part, n);

		if (err != 0) {
			return err;
		}
		for (size_t i = 0; i < n; i++) {
			if (part[i] != 0) {
				return -E2BIG;
			}
		}
		gpa += n;
		len -= n;
	}
	return 0;
}

/* The only way a structure comes in: copied once, the rest of it zero. */
static int fetch(const struct call *c, u64 gpa, u64 len, void *dst, size_t size)
{
	size_t known = (size_t)MIN(len, (u64)size);
	int err = buffer_check(gpa, len);

	if (err == 0) {
		err = copy_from_zone(c->caller, gpa, dst, known);
	}
	if (err == 0) {
		memset((u8 *)dst + known, 0, size - known);
		err = tail_is_zero(c, gpa + known, len - known);
	}
	return err;
}

static int store(const struct call *c, u64 gpa, u64 len, const void *src,
		 size_t size)
{
	static const u8 zeroes[64];
	size_t known = (size_t)MIN(len, (u64)size);
	int err = buffer_check(gpa, len);

	if (err == 0) {
		err = copy_to_zone(c->caller, gpa, src, known);
	}
	for (u64 at = known; err == 0 && at < len; at += sizeof(zeroes)) {
		err = copy_to_zone(c->caller, gpa + at, zeroes,
				   (size_t)MIN(len - at, sizeof(zeroes)));
	}
	return err;
}

static bool fits_u32(u64 v)
{
	return v <= UINT32_MAX;
}

/* ------------------------------------------------------------------ host */

static s64 call_version(struct call *c)
{
	c->out[0] = ZV_ABI_VERSION;
	c->out[1] = FEATURES;
	return 0;
}

static s64 call_info(struct call *c)
{
	struct mm_stats mm;
	struct zv_info info = {
		.abi = ZV_ABI_VERSION,
		.pcpu_count = percpu_count,
		.features = FEATURES,
		.uptime_ns = arch_time_ns(),
		.zone_count = zone_total(),
		.zone0_event_spi = io_host_event_intid(),
		.zone0_event_count = io_host_event_count(),
		.version = ZV_VERSION,
	};

	mm_stats(&mm);
	info.pages_ram = mm.pages_ram;
	info.pages_hv = mm.pages_hv;
	info.pages_zone0 = mm.pages_zone0;
	info.pages_zones = mm.pages_zones;
	info.pages_free = mm.pages_free;
	info.chunks_free = mm.chunks_free;
	return store(c, c->arg[0], c->arg[1], &info, sizeof(info));
}

static s64 call_log_read(struct call *c)
{
	char part[256];
	u64 gpa = c->arg[0];
	u64 len = c->arg[1];
	u64 pos = c->arg[2];
	u64 start = pos;
	u64 done = 0;
	int err = buffer_check(gpa, len);

	while (err == 0 && done < len) {
		u64 at = pos;
		u64 first;
		size_t n =
			log_read(&at, part,
				 (size_t)MIN(len - done, sizeof(part)), &first);

		if (done == 0) {
			start = first;
			pos = first;
		}
		/* The ring went past us between two parts: next call. */
		if (n == 0 || first != pos) {
			break;
		}
		err = copy_to_zone(c->caller, gpa + done, part, n);
		done += n;
		pos = at;
	}
	if (err != 0) {
		return err;
	}
	c->out[0] = pos;
	c->out[1] = start;
	return (s64)done;
}

static s64 call_trace_set(struct call *c)
{
	return trace_set(c->arg[0]);
}

static s64 call_trace_read(struct call *c)
{
	struct zv_trace_record part[16];
	u64 gpa = c->arg[1];
	u64 len = c->arg[2];
	u64 pos = c->arg[3];
	u64 start = pos;
	u64 done = 0;
	u64 room;
	int err = buffer_check(gpa, len);

	room = len / sizeof(part[0]);
	if (err == 0 && (c->arg[0] >= percpu_count || room == 0)) {
		err = -EINVAL;
	}
	while (err == 0 && done < room) {
		u64 at = pos;
		u64 first;
		u32 n = trace_read((u32)c->arg[0], &at, part,
				   (u32)MIN(room - done, ARRAY_SIZE(part)),
				   &first);

		if (done == 0) {
			start = first;
			pos = first;
		}
		/* What is copied is contiguous; the gap is for the next call. */
		if (n == 0 || first != pos) {
			break;
		}
		err = copy_to_zone(c->caller, gpa + done * sizeof(part[0]),
				   part, n * sizeof(part[0]));
		done += n;
		pos = at;
	}
	if (err != 0) {
		return err;
	}
	c->out[0] = pos;
	c->out[1] = start;
	return (s64)done;
}

static s64 call_counters(struct call *c)
{
	struct zv_counters counters;

	zone_counters(c->zone, &counters);
	return store(c, c->arg[1], c->arg[2], &counters, sizeof(counters));
}

static s64 call_zone_next(struct call *c)
{
	int id = zone_next(c->arg[0]);

	if (id < 0) {
		return id;
	}
	c->out[0] = (u64)id;
	return 0;
}

/* ------------------------------------------------------------- life cycle */

static s64 call_zone_create(struct call *c)
{
	struct zv_zone_create args;
	u16 id;
	int err = fetch(c, c->arg[0], c->arg[1], &args, sizeof(args));

	if (err == 0) {
		err = zone_create(&args, &id);
	}
	if (err == 0) {
		c->out[0] = id;
	}
	return err;
}

static s64 call_zone_destroy(struct call *c)
{
	return zone_destroy_step(c->zone);
}

static s64 call_zone_start(struct call *c)
{
	return zone_start(c->zone);
}

static s64 call_zone_pause(struct call *c)
{
	return zone_pause(c->zone);
}

static s64 call_zone_resume(struct call *c)
{
	return zone_resume(c->zone);
}

static s64 call_zone_stop(struct call *c)
{
	return zone_stop(c->zone);
}

static s64 call_zone_reset(struct call *c)
{
	return zone_reset(c->zone);
}

static s64 call_zone_info(struct call *c)
{
	struct zv_zone_info info;

	zone_info(c->zone, &info);
	return store(c, c->arg[1], c->arg[2], &info, sizeof(info));
}

/* ----------------------------------------------------------------- memory */

static s64 call_mem_populate(struct call *c)
{
	return zone_mem_populate(c->zone, c->arg[1], c->arg[2], &c->out[0]);
}

static s64 call_mem_grant(struct call *c)
{
	return zone_mem_grant(c->zone, c->arg[1], &c->out[0]);
}

static s64 call_mem_revoke(struct call *c)
{
	return zone_mem_revoke(c->zone, c->arg[1]);
}

static s64 call_mem_next(struct call *c)
{
	return zone_mem_next(c->zone, c->arg[1], &c->out[0], &c->out[1]);
}

/* ------------------------------------------------------------------- vCPU */

static s64 call_vcpu_set(struct call *c)
{
	struct zv_vcpu_state state;
	int err = fetch(c, c->arg[2], c->arg[3], &state, sizeof(state));

	if (err == 0 && !fits_u32(c->arg[1])) {
		err = -EINVAL;
	}
	return err != 0 ? err : zone_vcpu_set(c->zone, (u32)c->arg[1], &state);
}

static s64 call_vcpu_get(struct call *c)
{
	struct zv_vcpu_state state;
	int err = -EINVAL;

	if (fits_u32(c->arg[1])) {
		err = zone_vcpu_get(c->zone, (u32)c->arg[1], &state);
	}
	return err != 0 ? err
			: store(c, c->arg[2], c->arg[3], &state, sizeof(state));
}

static s64 call_vcpu_pin(struct call *c)
{
	return zone_vcpu_pin(c->zone, c->arg[1], c->arg[2]);
}

static s64 call_vcpu_limit(struct call *c)
{
	s64 limit = zone_vcpu_limit(c->zone, c->arg[1]);

	if (limit < 0) {
		return limit;
	}
	c->out[0] = (u64)limit;
	return 0;
}

/* -------------------------------------------------------------------- I/O */

static s64 call_shadow_create(struct call *c)
{
	u32 index;
	int err = -EINVAL;

	if (fits_u32(c->arg[2])) {
		err = io_shadow_create(c->zone, c->arg[1], (u32)c->arg[2],
				       &index);
	}
	if (err == 0) {
		c->out[0] = index;
	}
	return err;
}

static s64 call_shadow_actions(struct call *c)
{
	struct zv_shadow_actions a;
	int err = fetch(c, c->arg[1], c->arg[2], &a, sizeof(a));

	return err != 0 ? err : io_shadow_actions(c->zone, &a);
}

static s64 call_shadow_update(struct call *c)
{
	struct zv_shadow_update u;
	int err = fetch(c, c->arg[1], c->arg[2], &u, sizeof(u));

	return err != 0 ? err : io_shadow_update(c->zone, &u);
}

static s64 call_io_complete(struct call *c)
{
	struct zv_io_complete done;
	int err = fetch(c, c->arg[1], c->arg[2], &done, sizeof(done));

	return err != 0 ? err : io_complete(c->zone, &done);
}

static s64 call_irq_inject(struct call *c)
{
	u64 intid_op = c->arg[1];

	if (!fits_u32(c->arg[2]) || !fits_u32(c->arg[3])) {
		return -EINVAL;
	}
	return io_inject(c->zone, (u32)intid_op, (u32)(intid_op >> 32),
			 (u32)c->arg[2], (u32)c->arg[3]);
}

static s64 call_io_ring_kick(struct call *c)
{
	return io_ring_kick(c->zone);
}

/* ------------------------------------------------------------------ table */

static const struct {
	s64 (*fn)(struct call *c);
	u32 flags;
} call_table[ZV_HC_COUNT] = {
	[ZV_HC_VERSION] = { call_version, HC_ANY },
	[ZV_HC_INFO] = { call_info, 0 },
	[ZV_HC_LOG_READ] = { call_log_read, 0 },
	[ZV_HC_COUNTERS] = { call_counters, HC_ZONE },
	[ZV_HC_ZONE_NEXT] = { call_zone_next, 0 },
	[ZV_HC_TRACE_SET] = { call_trace_set, 0 },
	[ZV_HC_TRACE_READ] = { call_trace_read, 0 },
	[ZV_HC_ZONE_CREATE] = { call_zone_create, 0 },
	[ZV_HC_ZONE_DESTROY] = { call_zone_destroy, HC_USER_ZONE },
	[ZV_HC_ZONE_START] = { call_zone_start, HC_USER_ZONE },
	[ZV_HC_ZONE_PAUSE] = { call_zone_pause, HC_USER_ZONE },
	[ZV_HC_ZONE_RESUME] = { call_zone_resume, HC_USER_ZONE },
	[ZV_HC_ZONE_STOP] = { call_zone_stop, HC_USER_ZONE },
	[ZV_HC_ZONE_RESET] = { call_zone_reset, HC_USER_ZONE },
	[ZV_HC_ZONE_INFO] = { call_zone_info, HC_ZONE },
	[ZV_HC_MEM_POPULATE] = { call_mem_populate, HC_USER_ZONE },
	[ZV_HC_MEM_GRANT] = { call_mem_grant, HC_USER_ZONE },
	[ZV_HC_MEM_REVOKE] = { call_mem_revoke, HC_USER_ZONE },
	[ZV_HC_MEM_NEXT] = { call_mem_next, HC_USER_ZONE },
	[ZV_HC_VCPU_SET] = { call_vcpu_set, HC_USER_ZONE },
	[ZV_HC_VCPU_GET] = { call_vcpu_get, HC_USER_ZONE },
	[ZV_HC_VCPU_PIN] = { call_vcpu_pin, HC_USER_ZONE },
	[ZV_HC_VCPU_LIMIT] = { call_vcpu_limit, HC_USER_ZONE },
	[ZV_HC_SHADOW_CREATE] = { call_shadow_create, HC_USER_ZONE },
	[ZV_HC_SHADOW_ACTIONS] = { call_shadow_actions, HC_USER_ZONE },
	[ZV_HC_SHADOW_UPDATE] = { call_shadow_update, HC_USER_ZONE },
	[ZV_HC_IO_COMPLETE] = { call_io_complete, HC_USER_ZONE },
	[ZV_HC_IRQ_INJECT] = { call_irq_inject, HC_USER_ZONE },
	[ZV_HC_IO_RING_KICK] = { call_io_ring_kick, HC_USER_ZONE },
};

static s64 call_with_zone(u32 nr, struct call *c)
{
	s64 ret;

	c->zone = zone_get(c->arg[0]);
	if (c->zone == NULL) {
		return -ESRCH;
	}
	if ((call_table[nr].flags & HC_NOT_ZONE0) != 0 && c->zone == zone0) {
		ret = -EINVAL;
	} else {
		ret = call_table[nr].fn(c);
	}
	zone_put(c->zone);
	return ret;
}

static s64 dispatch(u32 nr, struct call *c)
{
	if (nr >= ZV_HC_COUNT || call_table[nr].fn == NULL) {
		return -ENOSYS;
	}
	if ((call_table[nr].flags & HC_ANY) == 0 && c->caller != zone0) {
		return -EPERM;
	}
	if ((call_table[nr].flags & HC_ZONE) != 0) {
		return call_with_zone(nr, c);
	}
	return call_table[nr].fn(c);
}

__attribute__((noinline)) static void
do_call(struct vcpu *v, u32 nr, const u64 arg[5], struct hvcall_result *ret)
{
	struct call c = { .caller = v->zone, .arg = arg, .out = ret->out };

	ret->out[0] = 0;
	ret->out[1] = 0;
	ret->out[2] = 0;
	ret->ret = dispatch(nr, &c);
	zone_count(v->zone, hypercalls);
	if (ret->ret < 0) {
		zone_count(v->zone, hypercalls_failed);
	}
}

/* Apart, so that an ordinary call keeps nothing for it. */
__attribute__((cold, noinline)) static void
call_traced(struct vcpu *v, u32 nr, const u64 arg[5], struct hvcall_result *ret)
{
	u64 first = arg[0];

	do_call(v, nr, arg, ret);
	trace_vcpu(ZV_TRACE_HYPERCALL, v, nr, (u64)ret->ret, first);
}

void hvcall(struct vcpu *v, u32 nr, const u64 arg[5], struct hvcall_result *ret)
{
	if (trace_on(ZV_TRACE_HYPERCALL)) {
		call_traced(v, nr, arg, ret);
	} else {
		do_call(v, nr, arg, ret);
	}
}
