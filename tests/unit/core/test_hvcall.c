// SPDX-License-Identifier: BSD-2-Clause
/* The hypercall table: who, what, and buffers. */
#include "core_test.h"

#include <zv/log.h>
#include <zv/version.h>

/* Every call there is, so that a new row must be added here too. */
static const struct {
	u32 nr;
	bool any; /* may be made by every zone */
	bool zone; /* names a zone that is not zone0 */
} calls[] = {
	{ ZV_HC_VERSION, true, false },
	{ ZV_HC_INFO, false, false },
	{ ZV_HC_LOG_READ, false, false },
	{ ZV_HC_COUNTERS, false, false },
	{ ZV_HC_ZONE_NEXT, false, false },
	{ ZV_HC_TRACE_SET, false, false },
	{ ZV_HC_TRACE_READ, false, false },
	{ ZV_HC_ZONE_CREATE, false, false },
	{ ZV_HC_ZONE_DESTROY, false, true },
	{ ZV_HC_ZONE_START, false, true },
	{ ZV_HC_ZONE_PAUSE, false, true },
	{ ZV_HC_ZONE_RESUME, false, true },
	{ ZV_HC_ZONE_STOP, false, true },
	{ ZV_HC_ZONE_RESET, false, true },
	{ ZV_HC_ZONE_INFO, false, false },
	{ ZV_HC_MEM_POPULATE, false, true },
	{ ZV_HC_MEM_GRANT, false, true },
	{ ZV_HC_MEM_REVOKE, false, true },
	{ ZV_HC_MEM_NEXT, false, true },
	{ ZV_HC_VCPU_SET, false, true },
	{ ZV_HC_VCPU_GET, false, true },
	{ ZV_HC_VCPU_PIN, false, true },
	{ ZV_HC_VCPU_LIMIT, false, true },
	{ ZV_HC_SHADOW_CREATE, false, true },
	{ ZV_HC_SHADOW_ACTIONS, false, true },
	{ ZV_HC_SHADOW_UPDATE, false, true },
	{ ZV_HC_IO_COMPLETE, false, true },
	{ ZV_HC_IRQ_INJECT, false, true },
	{ ZV_HC_IO_RING_KICK, false, true },
};

static void test_unknown_numbers(void **state)
{
	(void)state;
	for (u32 nr = 0; nr < 0x1000; nr++) {
		bool known = false;

		for (u32 i = 0; i < ARRAY_SIZE(calls); i++) {
			known = known || calls[i].nr == nr;
		}
		if (!known) {
			assert_int_equal(hv(nr, 0, 0, 0, 0), -ENOSYS);
		} else {
			assert_int_not_equal(hv(nr, 99, 1, 0, 0), -ENOSYS);
		}
	}
	assert_int_equal(hv(UINT32_MAX, 0, 0, 0, 0), -ENOSYS);
	assert_int_equal(zone_total(), 1);
}

static void test_who_may_call(void **state)
{
	struct zone *z = test_zone(1, NULL, 8);

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(calls); i++) {
		assert_int_equal(hv5(z, calls[i].nr, 1, 0, 0, 0),
				 calls[i].any ? 0 : -EPERM);
	}
	assert_int_equal(z->counters.hypercalls, ARRAY_SIZE(calls));
	assert_int_equal(z->counters.hypercalls_failed, ARRAY_SIZE(calls) - 1);
	zone_put(z);
}

static void test_which_zone(void **state)
{
	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(calls); i++) {
		if (!calls[i].zone) {
			continue;
		}
		assert_int_equal(hv(calls[i].nr, 0, 0, 0, 0), -EINVAL);
		assert_int_equal(hv(calls[i].nr, 1, 0, 0, 0), -ESRCH);
		assert_int_equal(hv(calls[i].nr, ZV_ZONES_MAX, 0, 0, 0),
				 -ESRCH);
		/* Not cut to 32 bits. */
		assert_int_equal(hv(calls[i].nr, 1ull << 32, 0, 0, 0), -ESRCH);
	}
	assert_int_equal(zone0->refs, 1);
}

static void test_version(void **state)
{
	(void)state;
	assert_int_equal(hv(ZV_HC_VERSION, 0, 0, 0, 0), 0);
	assert_int_equal(hv_result.out[0], ZV_ABI_VERSION);
	assert_true((hv_result.out[1] & ZV_FEATURE_SHADOW) != 0);
}

static void test_info(void **state)
{
	struct zv_info *info = buf_at(BUF_GPA);
	struct mm_stats mm;

	(void)state;
	assert_int_equal(hv(ZV_HC_INFO, BUF_GPA, sizeof(*info), 0, 0), 0);
	mm_stats(&mm);
	assert_string_equal(info->version, ZV_VERSION);
	assert_int_equal(info->abi, ZV_ABI_VERSION);
	assert_int_equal(info->pcpu_count, 4);
	assert_int_equal(info->zone_count, 1);
	assert_int_equal(info->zone0_event_spi, 256);
	assert_int_equal(info->zone0_event_count, 2);
	assert_int_equal(info->pages_ram, mm.pages_ram);
	assert_int_equal(info->pages_free, mm.pages_free);
	assert_int_equal(info->pages_hv + info->pages_zone0 +
				 info->pages_zones + info->pages_free,
			 info->pages_ram);
}

/* ----------------------------------------------------------------- buffers */

static void test_buffer_placement(void **state)
{
	struct zone *z = test_zone(1, NULL, 8);
	u64 len = sizeof(struct zv_info);

	(void)state;
	assert_int_equal(hv(ZV_HC_INFO, BUF_GPA + 4, len, 0, 0), -EINVAL);
	assert_int_equal(hv(ZV_HC_INFO, BUF_GPA, 0, 0, 0), -EINVAL);
	assert_int_equal(hv(ZV_HC_INFO, BUF_GPA, 4097, 0, 0), -EINVAL);
	assert_int_equal(hv(ZV_HC_INFO, BUF_GPA, UINT64_MAX, 0, 0), -EINVAL);
	assert_int_equal(hv(ZV_HC_INFO, BUF_GPA + 4096 - 64, 65, 0, 0),
			 -EINVAL);
	assert_int_equal(hv(ZV_HC_INFO, BUF_GPA + 4096 - 64, 64, 0, 0), 0);
	assert_int_equal(hv(ZV_HC_INFO, 0, len, 0, 0), -EFAULT);
	assert_int_equal(hv(ZV_HC_INFO, UINT64_MAX & ~7ull, 8, 0, 0), -EFAULT);
	assert_int_equal(hv(ZV_HC_INFO, va_to_pa(z).v, len, 0, 0), -EFAULT);
	assert_int_equal(hv(ZV_HC_INFO, z->io.page_pa.v, len, 0, 0), -EFAULT);
	zone_put(z);
}

static void test_output_sizes(void **state)
{
	u8 *buf = buf_at(BUF_GPA);

	(void)state;
	memset(buf, 0xee, 4096);
	assert_int_equal(hv(ZV_HC_INFO, BUF_GPA, 4, 0, 0), 0);
	assert_int_equal(*(u32 *)(void *)buf, ZV_ABI_VERSION);
	assert_int_equal(buf[4], 0xee);
	memset(buf, 0xee, 4096);
	assert_int_equal(hv(ZV_HC_INFO, BUF_GPA, 4000, 0, 0), 0);
	for (u32 i = sizeof(struct zv_info); i < 4000; i++) {
		assert_int_equal(buf[i], 0);
	}
	assert_int_equal(buf[4000], 0xee);
}

static void test_input_sizes(void **state)
{
	struct zv_zone_create *a = buf_at(BUF_GPA);
	u8 *bytes = buf_at(BUF_GPA);

	(void)state;
	memset(bytes, 0, 4096);
	*a = test_create_args(1);
	bytes[3000] = 1;
	assert_int_equal(hv(ZV_HC_ZONE_CREATE, BUF_GPA, 3001, 0, 0), -E2BIG);
	assert_int_equal(zone_total(), 1);
	assert_int_equal(hv(ZV_HC_ZONE_CREATE, BUF_GPA, 3000, 0, 0), 0);
	assert_int_equal(hv_result.out[0], 1);
	/* Shorter: the rest is zero, so vCPU 0 is on pCPU 0. */
	assert_int_equal(hv(ZV_HC_ZONE_CREATE, BUF_GPA,
			    offsetof(struct zv_zone_create, pcpu), 0, 0),
			 0);
	assert_int_equal(hv_result.out[0], 2);
	{
		struct zone *z = zone_get(2);

		assert_int_equal(z->vcpus[0]->pcpu, 0);
		zone_put(z);
	}
	assert_int_equal(hv(ZV_HC_ZONE_CREATE, BUF_GPA, 64, 0, 0), -EINVAL);
}

static void test_log_read(void **state)
{
	const char *text = buf_at(BUF_GPA);
	u64 end;
	s64 n;

	(void)state;
	for (u32 i = 0; i < 40; i++) {
		log_info("line %u, made longer so that it takes some room", i);
	}
	n = hv(ZV_HC_LOG_READ, BUF_GPA, 1000, 0, 0);
	assert_int_equal(n, 1000);
	assert_int_equal(hv_result.out[0], hv_result.out[1] + 1000);
	/* On from there to the end. */
	do {
		n = hv(ZV_HC_LOG_READ, BUF_GPA, 4096, hv_result.out[0], 0);
		assert_true(n >= 0);
		end = hv_result.out[0];
	} while (n == 4096);
	assert_memory_equal(text + n - 5, "room\n", 5);
	assert_int_equal(hv(ZV_HC_LOG_READ, BUF_GPA, 4096, end, 0), 0);
	assert_int_equal(hv_result.out[0], end);
	/* A position from the future. */
	assert_int_equal(hv(ZV_HC_LOG_READ, BUF_GPA, 64, UINT64_MAX, 0), 0);
	assert_int_equal(hv_result.out[0], end);
	assert_int_equal(hv(ZV_HC_LOG_READ, BUF_GPA + 1, 64, 0, 0), -EINVAL);
}

/* ---------------------------------------------------------------- the rest */

static void test_a_life_by_hypercalls(void **state)
{
	u64 before = pages_free();
	struct zv_zone_create *create = buf_at(BUF_GPA);
	struct zv_vcpu_state *vcpu = buf_at(BUF_GPA);
	struct zv_zone_info *info = buf_at(BUF2_GPA);
	struct zv_counters *counters = buf_at(BUF2_GPA);
	u64 pa;

	(void)state;
	*create = test_create_args(2);
	memcpy(create->uuid, "0123456789abcdef", 16);
	create->event_index = 1;
	assert_int_equal(hv(ZV_HC_ZONE_CREATE, BUF_GPA, sizeof(*create), 0, 0),
			 0);
	assert_int_equal(hv_result.out[0], 1);
	assert_int_equal(hv(ZV_HC_ZONE_NEXT, 1, 0, 0, 0), 0);
	assert_int_equal(hv_result.out[0], 1);
	assert_int_equal(hv(ZV_HC_ZONE_NEXT, 2, 0, 0, 0), -ESRCH);
	assert_int_equal(hv(ZV_HC_MEM_POPULATE, 1, RAM_GPA, MIB(4), 0), 0);
	assert_int_equal(hv_result.out[0], MIB(4));
	assert_int_equal(hv(ZV_HC_MEM_GRANT, 1, RAM_GPA, 0, 0), 0);
	pa = hv_result.out[0];
	assert_int_equal(hv(ZV_HC_MEM_GRANT, 1, RAM_GPA, 0, 0), -EEXIST);
	assert_int_equal(hv_result.out[0], pa);
	assert_int_equal(hv(ZV_HC_MEM_NEXT, 1, 0, 0, 0), 0);
	assert_int_equal(hv_result.out[0], RAM_GPA);
	assert_int_equal(hv_result.out[1], MIB(4));
	assert_int_equal(hv(ZV_HC_SHADOW_CREATE, 1, SHADOW_GPA, 0, 0), 0);
	assert_int_equal(hv_result.out[0], 0);
	assert_int_equal(hv(ZV_HC_SHADOW_CREATE, 1, 0x0b000000, 1ull << 32, 0),
			 -EINVAL);
	memset(vcpu, 0, sizeof(*vcpu));
	vcpu->pc = RAM_GPA;
	vcpu->x[0] = 77;
	vcpu->flags = ZV_VCPU_ON;
	assert_int_equal(hv(ZV_HC_VCPU_SET, 1, 0, BUF_GPA, sizeof(*vcpu)), 0);
	assert_int_equal(
		hv(ZV_HC_VCPU_SET, 1, 1ull << 32, BUF_GPA, sizeof(*vcpu)),
		-EINVAL);
	assert_int_equal(hv(ZV_HC_ZONE_START, 1, 0, 0, 0), 0);
	fake_run_all(8);
	assert_int_equal(hv(ZV_HC_IRQ_INJECT, 1, 48, 0, 1), 0);
	assert_int_equal(hv(ZV_HC_IRQ_INJECT, 1, 48 | (5ull << 32), 0, 0),
			 -EINVAL);
	assert_int_equal(hv(ZV_HC_IRQ_INJECT, 1, 48, 1ull << 32, 1), -EINVAL);
	assert_int_equal(hv(ZV_HC_IRQ_INJECT, 1, 48, 0, 1ull << 32), -EINVAL);
	assert_int_equal(hv(ZV_HC_IO_RING_KICK, 1, 0, 0, 0), 0);
	fake_run_all(8);
	assert_int_equal(hv(ZV_HC_ZONE_PAUSE, 1, 0, 0, 0), 0);
	assert_int_equal(hv(ZV_HC_VCPU_GET, 1, 0, BUF_GPA, sizeof(*vcpu)), 0);
	assert_int_equal(vcpu->x[0], 77);
	assert_int_equal(vcpu->flags, ZV_VCPU_ON);
	assert_int_equal(hv(ZV_HC_ZONE_RESUME, 1, 0, 0, 0), 0);
	fake_run_all(8);
	assert_int_equal(hv(ZV_HC_ZONE_INFO, 1, BUF2_GPA, sizeof(*info), 0), 0);
	assert_int_equal(info->event_index, 1);
	assert_int_equal(info->id, 1);
	assert_int_equal(info->state, ZV_ZONE_RUNNING);
	assert_int_equal(info->vcpu_count, 2);
	assert_int_equal(info->vcpus_on, 1);
	assert_int_equal(info->pages, MIB(4) / PAGE_SIZE);
	assert_int_equal(info->pages_granted, 512);
	assert_int_equal(info->map_2m, 2);
	assert_int_equal(info->map_4k, 1);
	assert_int_equal(info->shadow_count, 1);
	assert_memory_equal(info->uuid, "0123456789abcdef", 16);
	assert_string_equal(info->name, "test");
	assert_int_equal(hv(ZV_HC_COUNTERS, 1, BUF2_GPA, sizeof(*counters), 0),
			 0);
	assert_int_equal(counters->exits[ZV_EXIT_IDLE], 2);
	assert_int_equal(counters->vcpu_count, 2);
	/* Who knows the first version only gets no more than that. */
	memset(counters, 0x5a, sizeof(*counters));
	assert_int_equal(
		hv(ZV_HC_COUNTERS, 1, BUF2_GPA, ZV_COUNTERS_SIZE_V0, 0), 0);
	assert_int_equal(counters->exits[ZV_EXIT_IDLE], 2);
	assert_int_equal(counters->vcpu_count, 0x5a5a5a5a5a5a5a5a);
	assert_int_equal(hv(ZV_HC_ZONE_STOP, 1, 0, 0, 0), 0);
	assert_int_equal(hv(ZV_HC_ZONE_RESET, 1, 0, 0, 0), 0);
	assert_int_equal(hv(ZV_HC_ZONE_DESTROY, 1, 0, 0, 0), -EBUSY);
	assert_int_equal(hv(ZV_HC_MEM_REVOKE, 1, RAM_GPA, 0, 0), 0);
	while (hv(ZV_HC_ZONE_DESTROY, 1, 0, 0, 0) == -EAGAIN) {}
	assert_int_equal(hv_result.ret, 0);
	assert_int_equal(hv(ZV_HC_ZONE_DESTROY, 1, 0, 0, 0), -ESRCH);
	assert_int_equal(pages_free(), before);
}

/* The guest's hypercall instruction, through the main loop. */
static void call_version(struct vcpu *v, struct vcpu_exit *e)
{
	e->kind = VCPU_EXIT_IDLE;
	if (v->zone != zone0 && v->arch.hypercalls == 0) {
		e->kind = VCPU_EXIT_HYPERCALL;
		e->hypercall.nr = ZV_HC_VERSION;
	}
}

static void test_from_a_guest(void **state)
{
	struct zone *z = test_zone(1, NULL, 8);

	(void)state;
	fake_guest = call_version;
	test_start(z, 1);
	fake_run_all(8);
	assert_int_equal(z->vcpus[0]->arch.hypercalls, 1);
	assert_int_equal(z->vcpus[0]->arch.hypercall_ret, 0);
	assert_int_equal(z->vcpus[0]->arch.hypercall_out[0], ZV_ABI_VERSION);
	zone_put(z);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		core_test(test_unknown_numbers),
		core_test(test_who_may_call),
		core_test(test_which_zone),
		core_test(test_version),
		core_test(test_info),
		core_test(test_buffer_placement),
		core_test(test_output_sizes),
		core_test(test_input_sizes),
		core_test(test_log_read),
		core_test(test_a_life_by_hypercalls),
		core_test(test_from_a_guest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
