/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Walks a device tree with the translation of addresses (Devicetree
 * specification 2.3.8).  The tree has passed fdt_is_valid(), so offsets hold;
 * nothing else about its content is relied on.
 */
#ifndef ZV_FDT_WALK_H
#define ZV_FDT_WALK_H

#include <libfdt.h>
#include <zv/mm.h>
#include <zv/types.h>

#define FDT_WALK_DEPTH_MAX 16

/*
 * Whether the tree is sound and lies in the `size` bytes at fdt.  Everything
 * else here wants that first.
 */
bool fdt_is_valid(const void *fdt, u64 size);

/* The bus a node's `reg` is an address of; the root's parent is NULL. */
struct fdt_bus {
	const struct fdt_bus *parent;
	const fdt32_t *ranges; /* NULL: addresses equal the parent's */
	u32 range_count;
	u32 parent_cells; /* of `ranges`: cells of a parent address */
	u32 address_cells;
	u32 size_cells;
	bool opaque; /* its addresses are no memory addresses */
};

enum fdt_walk_next {
	FDT_WALK_CHILDREN,
	FDT_WALK_SKIP,
	FDT_WALK_STOP
};

typedef enum fdt_walk_next (*fdt_walk_fn)(const void *fdt, int node,
					  const struct fdt_bus *bus, void *ctx);

/* Every node below the root, parents first. */
void fdt_walk(const void *fdt, fdt_walk_fn fn, void *ctx);

/* Entry `index` of reg as an address of the machine; false if there is none. */
bool fdt_walk_reg(const void *fdt, int node, const struct fdt_bus *bus,
		  u32 index, struct mem_range *ret);
bool fdt_walk_translate(const struct fdt_bus *bus, u64 addr, u64 size,
			u64 *ret);

/* Small readers: the value, or what stands for absence. */
u64 fdt_cells_get(const fdt32_t *cell, u32 count);
const fdt32_t *fdt_cells_prop(const void *fdt, int node, const char *name,
			      u32 *ret_count);
u32 fdt_u32_prop(const void *fdt, int node, const char *name, u32 absent);
const char *fdt_string_prop(const void *fdt, int node, const char *name);
bool fdt_prop_equals(const void *fdt, int node, const char *name,
		     const char *value);
bool fdt_is_compatible(const void *fdt, int node, const char *name);
/* No status, or "okay". */
bool fdt_is_enabled(const void *fdt, int node);

#endif /* ZV_FDT_WALK_H */
