/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two loops for zone0: one bound by the CPU, one by memory.  Prints the ticks
 * of the virtual counter each pass took.
 *
 * usage: loops PASSES
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define CPU_STEPS 20000000u
#define WORDS (8u << 20) /* 64 MiB */

static uint64_t now(void)
{
	uint64_t v;

	__asm__ volatile("isb; mrs %0, cntvct_el0" : "=r"(v)::"memory");
	return v;
}

static uint64_t cpu_loop(void)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (uint32_t i = 0; i < CPU_STEPS; i++) {
		h = (h ^ i) * 0x100000001b3u;
	}
	return h;
}

/* Each word names the next: a full cycle in an order caches cannot guess. */
static uint64_t memory_loop(const uint32_t *next)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < WORDS / 8; i++) {
		at = next[at];
	}
	return at;
}

int main(int argc, char **argv)
{
	long passes = argc > 1 ? strtol(argv[1], NULL, 10) : 3;
	uint32_t *next = malloc((size_t)WORDS * sizeof(*next));
	uint64_t sink = 0;

	if (!next) {
		perror("loops");
		return 1;
	}
	/* x -> a x + c modulo a power of two visits everything once. */
	for (uint32_t i = 0; i < WORDS; i++) {
		next[i] = (1664525u * i + 1013904223u) % WORDS;
	}
	for (long p = 0; p < passes; p++) {
		uint64_t t0 = now();
		uint64_t t1;
		uint64_t t2;

		sink += cpu_loop();
		t1 = now();
		sink += memory_loop(next);
		t2 = now();
		printf("loops %llu %llu\n", (unsigned long long)(t1 - t0),
		       (unsigned long long)(t2 - t1));
	}
	free(next);
	return sink == 42;
}
