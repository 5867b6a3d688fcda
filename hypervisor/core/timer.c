// SPDX-License-Identifier: BSD-2-Clause
/* Software timers: a sorted list per pCPU. */
#include <zv/arch/cpu.h>
#include <zv/arch/time.h>
#include <zv/atomic.h>
#include <zv/percpu.h>
#include <zv/time.h>

/* One timer_run() runs at most so many; the rest a new interrupt. */
#define TIMER_RUN_MAX 64

static struct timer *timer_of(struct list *node)
{
	return container_of(node, struct timer, node);
}

static void program_locked(struct percpu *cpu)
{
	u64 deadline = list_empty(&cpu->timers)
			       ? UINT64_MAX
			       : timer_of(cpu->timers.next)->deadline;

	arch_timer_set(deadline);
}

void timer_cpu_init(u32 cpu)
{
	struct percpu *p = percpu_get(cpu);

	spin_init(&p->timer_lock);
	list_init(&p->timers);
}

void timer_init(struct timer *t, void (*fn)(struct timer *))
{
	*t = (struct timer){ .fn = fn };
	list_init(&t->node);
}

void timer_cancel(struct timer *t)
{
	while (atomic_load_acquire(&t->queued)) {
		struct percpu *cpu = percpu_get(atomic_load_relaxed(&t->cpu));

		spin_lock(&cpu->timer_lock);
		/* It may have moved to another pCPU in between: look again. */
		if (t->queued && t->cpu == cpu->id) {
			list_remove(&t->node);
			atomic_store_release(&t->queued, false);
		}
		spin_unlock(&cpu->timer_lock);
		/* The hardware may fire for nothing once; that is harmless. */
	}
}

void timer_cancel_wait(struct timer *t)
{
	struct percpu *cpu;

	timer_cancel(t);
	/* Off the list, it can only be what that pCPU runs right now. */
	cpu = percpu_get(atomic_load_relaxed(&t->cpu));
	while (atomic_load_acquire(&cpu->timer_running) == t) {
		arch_cpu_relax();
	}
}

void timer_arm(struct timer *t, u64 deadline_ns)
{
	struct percpu *cpu = this_cpu();
	struct list *at;

	timer_cancel(t);
	spin_lock(&cpu->timer_lock);
	t->deadline = deadline_ns;
	at = cpu->timers.next;
	while (at != &cpu->timers && timer_of(at)->deadline <= deadline_ns) {
		at = at->next;
	}
	list_insert_before(at, &t->node);
	atomic_store_relaxed(&t->cpu, cpu->id);
	atomic_store_release(&t->queued, true);
	if (cpu->timers.next == &t->node) {
		program_locked(cpu);
	}
	spin_unlock(&cpu->timer_lock);
}

void timer_run(void)
{
	struct percpu *cpu = this_cpu();
	u64 now = arch_time_ns();

	spin_lock(&cpu->timer_lock);
	for (u32 i = 0; i < TIMER_RUN_MAX && !list_empty(&cpu->timers); i++) {
		struct timer *t = timer_of(cpu->timers.next);

		if (t->deadline > now) {
			break;
		}
		list_remove(&t->node);
		atomic_store_relaxed(&cpu->timer_running, t);
		atomic_store_release(&t->queued, false);
		spin_unlock(&cpu->timer_lock);
		t->fn(t);
		/* From here on it may be gone. */
		atomic_store_release(&cpu->timer_running, NULL);
		spin_lock(&cpu->timer_lock);
	}
	program_locked(cpu);
	spin_unlock(&cpu->timer_lock);
}
