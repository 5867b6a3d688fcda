/* SPDX-License-Identifier: BSD-2-Clause */
#include "image.h"

#include "cmocka_all.h"
#include "placement.h"

#define M (1ull << 20)

static void put_le64(uint8_t *p, uint64_t value)
{
	for (int i = 0; i < 8; i++) {
		p[i] = (uint8_t)(value >> 8 * i);
	}
}

static void make_image(uint8_t head[IMAGE_HEADER_SIZE], uint64_t text_offset,
		       uint64_t image_size)
{
	memset(head, 0, IMAGE_HEADER_SIZE);
	memcpy(head, "MZ", 2);
	put_le64(head + 8, text_offset);
	put_le64(head + 16, image_size);
	memcpy(head + 56, "ARM\x64", 4);
}

static void test_linux_image(void **state)
{
	uint8_t head[IMAGE_HEADER_SIZE];
	struct image_kernel kernel;
	const char *hint;

	(void)state;
	make_image(head, 0x1000, 45 * M);
	assert_null(image_parse(head, sizeof(head), 40 * M, &kernel, &hint));
	assert_int_equal(kernel.text_offset, 0x1000);
	assert_int_equal(kernel.size, 45 * M);
	/* an image_size that hides part of the file is not believed */
	make_image(head, 0, M);
	assert_null(image_parse(head, sizeof(head), 40 * M, &kernel, &hint));
	assert_int_equal(kernel.size, 40 * M);
	/* before Linux 3.17 */
	make_image(head, 0x123, 0);
	assert_null(image_parse(head, sizeof(head), 5 * M, &kernel, &hint));
	assert_int_equal(kernel.text_offset, 0x80000);
}

static void test_flat_binary(void **state)
{
	uint8_t head[IMAGE_HEADER_SIZE] = { 1, 2, 3 };
	struct image_kernel kernel;
	const char *hint;

	(void)state;
	assert_null(image_parse(head, sizeof(head), 1000, &kernel, &hint));
	assert_int_equal(kernel.text_offset, 0);
	assert_int_equal(kernel.size, 1000);
	assert_null(image_parse(head, 4, 4, &kernel, &hint));
	assert_int_equal(kernel.size, 4);
	assert_non_null(image_parse(head, 0, 0, &kernel, &hint));
}

static void test_refused_formats(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *says;
	} cases[] = {
		{ "\x1f\x8b\x08", 3, "gzip" },
		{ "\xfd"
		  "7zXZ\0",
		  6, "xz" },
		{ "\x28\xb5\x2f\xfd", 4, "zstd" },
		{ "MZ\0\0zimg", 8, "EFI" },
		{ "\x7f"
		  "ELF",
		  4, "ELF" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct image_kernel kernel;
		const char *hint = NULL;
		const char *wrong =
			image_parse((const uint8_t *)cases[i].bytes,
				    cases[i].len, cases[i].len, &kernel, &hint);

		assert_non_null(wrong);
		assert_non_null(strstr(wrong, cases[i].says));
		assert_non_null(hint);
	}
}

static void test_plan(void **state)
{
	struct image_kernel kernel = { .text_offset = 0, .size = 45 * M + 1 };
	struct image_plan plan;
	uint64_t need;

	(void)state;
	assert_null(image_plan(256 * M, &kernel, 5 * M, &plan, &need));
	assert_int_equal(plan.dtb, 0x40000000);
	assert_int_equal(plan.kernel, 0x40200000);
	assert_int_equal(plan.initrd, 0x40200000 + 46 * M);
	assert_int_equal(plan.initrd_size, 5 * M);
	assert_int_equal(need, (2 + 46 + 6) * M);
	assert_null(image_plan(need, &kernel, 5 * M, &plan, &need));
	assert_non_null(image_plan(need - 2 * M, &kernel, 5 * M, &plan, &need));
	assert_int_equal(need, 54 * M);
	assert_null(image_plan(48 * M, &kernel, 0, &plan, &need));
	assert_int_equal(plan.initrd, 0);
	kernel.text_offset = 0x80000;
	assert_null(image_plan(256 * M, &kernel, 0, &plan, &need));
	assert_int_equal(plan.kernel, 0x40280000);
}

static void test_absurd_numbers(void **state)
{
	static const uint64_t absurd[] = { UINT64_MAX, UINT64_MAX - 0x40200000,
					   UINT64_MAX - 0x401fffff,
					   1ull << 63 };
	struct image_plan plan;
	uint64_t need;

	(void)state;
	for (size_t i = 0; i < COUNT(absurd); i++) {
		struct image_kernel kernel = { absurd[i], M };

		assert_non_null(image_plan(256 * M, &kernel, 0, &plan, &need));
		kernel = (struct image_kernel){ 0, absurd[i] };
		assert_non_null(image_plan(256 * M, &kernel, 0, &plan, &need));
		kernel = (struct image_kernel){ 0, M };
		assert_non_null(
			image_plan(256 * M, &kernel, absurd[i], &plan, &need));
	}
}

static void choose(const uint32_t *load, uint32_t pcpus, uint32_t vcpus,
		   uint32_t *ret_pcpu)
{
	for (uint32_t i = 0; i < vcpus; i++) {
		ret_pcpu[i] = ZV_PCPU_ANY;
	}
	placement_choose(load, pcpus, vcpus, ret_pcpu);
}

static void test_placement(void **state)
{
	uint32_t load[ZV_PCPUS_MAX] = { 0 };
	uint32_t pcpu[ZV_VCPUS_MAX];

	(void)state;
	/* one CPU only */
	choose(load, 1, 2, pcpu);
	assert_int_equal(pcpu[0], 0);
	assert_int_equal(pcpu[1], 0);
	/* away from CPU 0, even if it is idle */
	load[1] = 5;
	load[2] = 1;
	load[3] = 2;
	choose(load, 4, 2, pcpu);
	assert_int_equal(pcpu[0], 2);
	assert_int_equal(pcpu[1], 3);
	/* but better CPU 0 than two on one */
	choose(load, 4, 4, pcpu);
	assert_int_equal(pcpu[2], 1);
	assert_int_equal(pcpu[3], 0);
	/* and more vCPUs than CPUs are spread evenly */
	choose(load, 4, 8, pcpu);
	assert_int_equal(pcpu[4], 2);
	assert_int_equal(pcpu[7], 0);
	/* those that are pinned stay, and others keep away from them */
	pcpu[0] = pcpu[2] = ZV_PCPU_ANY;
	pcpu[1] = 2;
	pcpu[3] = 7; /* is not there: somebody else refuses it */
	placement_choose(load, 4, 4, pcpu);
	assert_int_equal(pcpu[0], 3);
	assert_int_equal(pcpu[1], 2);
	assert_int_equal(pcpu[2], 1);
	assert_int_equal(pcpu[3], 7);
}

static void test_placement_of_events(void **state)
{
	static const uint32_t pcpu[] = { 1, 2, 0 };

	(void)state;
	/* the first that is asked for, and the next after the last */
	assert_int_equal(placement_event(pcpu, 1, 3, 4), 3);
	assert_int_equal(placement_event(pcpu, 1, 4, 4), 0);
	/* but not where a vCPU of the zone runs */
	assert_int_equal(placement_event(pcpu, 1, 1, 4), 2);
	assert_int_equal(placement_event(pcpu, 2, 5, 4), 3);
	assert_int_equal(placement_event(pcpu, 3, 4, 4), 3);
	/* unless there is no other */
	assert_int_equal(placement_event(pcpu, 3, 4, 3), 1);
	/* zone0 has none */
	assert_int_equal(placement_event(pcpu, 3, 4, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_linux_image),
		cmocka_unit_test(test_flat_binary),
		cmocka_unit_test(test_refused_formats),
		cmocka_unit_test(test_plan),
		cmocka_unit_test(test_absurd_numbers),
		cmocka_unit_test(test_placement),
		cmocka_unit_test(test_placement_of_events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
