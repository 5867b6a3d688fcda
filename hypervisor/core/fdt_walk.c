/* SPDX-License-Identifier: BSD-2-Clause */
#include <zv/fdt_walk.h>
#include <zv/string.h>

/* Cells of an address or size that fit 64 bits. */
#define CELLS_MAX 2
#define ADDRESS_CELLS_DEFAULT 2
#define SIZE_CELLS_DEFAULT 1

bool fdt_is_valid(const void *fdt, u64 size)
{
	/*
	 * fdt_check_full() of libfdt 1.6 follows a null pointer in trees before
	 * version 16, which named nodes otherwise; nobody has written those for
	 * decades.
	 */
	return size >= sizeof(struct fdt_header) &&
	       fdt_magic(fdt) == FDT_MAGIC && fdt_totalsize(fdt) <= size &&
	       fdt_totalsize(fdt) <= INT32_MAX &&
	       fdt_version(fdt) >= FDT_LAST_SUPPORTED_VERSION &&
	       fdt_check_full(fdt, (size_t)fdt_totalsize(fdt)) == 0;
}

u64 fdt_cells_get(const fdt32_t *cell, u32 count)
{
	u64 v = 0;

	for (u32 i = 0; i < count; i++) {
		v = v << 32 | fdt32_ld(&cell[i]);
	}
	return v;
}

const fdt32_t *fdt_cells_prop(const void *fdt, int node, const char *name,
			      u32 *ret_count)
{
	int len;
	const fdt32_t *p = fdt_getprop(fdt, node, name, &len);

	*ret_count = p == NULL ? 0 : (u32)len / sizeof(fdt32_t);
	return p;
}

u32 fdt_u32_prop(const void *fdt, int node, const char *name, u32 absent)
{
	u32 count;
	const fdt32_t *p = fdt_cells_prop(fdt, node, name, &count);

	return count == 1 ? fdt32_ld(p) : absent;
}

const char *fdt_string_prop(const void *fdt, int node, const char *name)
{
	int len;
	const char *s = fdt_getprop(fdt, node, name, &len);

	if (s == NULL || len <= 0 || memchr(s, '\0', (size_t)len) == NULL) {
		return NULL;
	}
	return s;
}

bool fdt_prop_equals(const void *fdt, int node, const char *name,
		     const char *value)
{
	const char *s = fdt_string_prop(fdt, node, name);

	return s != NULL && strcmp(s, value) == 0;
}

bool fdt_is_compatible(const void *fdt, int node, const char *name)
{
	return fdt_node_check_compatible(fdt, node, name) == 0;
}

bool fdt_is_enabled(const void *fdt, int node)
{
	return fdt_getprop(fdt, node, "status", NULL) == NULL ||
	       fdt_prop_equals(fdt, node, "status", "okay") ||
	       fdt_prop_equals(fdt, node, "status", "ok");
}

/* Through one bus: its `ranges` are (child, parent, size) each. */
static bool translate_once(const struct fdt_bus *bus, u64 addr, u64 size,
			   u64 *ret)
{
	u32 entry = bus->address_cells + bus->parent_cells + bus->size_cells;

	if (bus->ranges == NULL) {
		*ret = addr;
		return true;
	}
	for (u32 i = 0; i < bus->range_count; i++) {
		const fdt32_t *c = &bus->ranges[i * entry];
		u64 child = fdt_cells_get(c, bus->address_cells);
		u64 parent = fdt_cells_get(c + bus->address_cells,
					   bus->parent_cells);
		u64 length = fdt_cells_get(c + bus->address_cells +
						   bus->parent_cells,
					   bus->size_cells);

		if (addr >= child && size <= length &&
		    addr - child <= length - size) {
			*ret = parent + (addr - child);
			return true;
		}
	}
	return false;
}

bool fdt_walk_translate(const struct fdt_bus *bus, u64 addr, u64 size, u64 *ret)
{
	for (; bus != NULL; bus = bus->parent) {
		if (bus->opaque || !translate_once(bus, addr, size, &addr)) {
			return false;
		}
	}
	*ret = addr;
	return true;
}

bool fdt_walk_reg(const void *fdt, int node, const struct fdt_bus *bus,
		  u32 index, struct mem_range *ret)
{
	u32 entry = bus->address_cells + bus->size_cells;
	u32 count;
	const fdt32_t *p = fdt_cells_prop(fdt, node, "reg", &count);
	u64 addr, size;

	if (bus->opaque || entry == 0 || index >= count / entry) {
		return false;
	}
	addr = fdt_cells_get(&p[index * entry], bus->address_cells);
	size = fdt_cells_get(&p[index * entry + bus->address_cells],
			     bus->size_cells);
	if (addr + size < addr || !fdt_walk_translate(bus, addr, size, &addr)) {
		return false;
	}
	*ret = (struct mem_range){ addr, size };
	return true;
}

/* The bus that `node` is for its children. */
static struct fdt_bus bus_of(const void *fdt, int node,
			     const struct fdt_bus *parent)
{
	struct fdt_bus bus = {
		.parent = parent,
		.address_cells = fdt_u32_prop(fdt, node, "#address-cells",
					      ADDRESS_CELLS_DEFAULT),
		.size_cells = fdt_u32_prop(fdt, node, "#size-cells",
					   SIZE_CELLS_DEFAULT),
	};
	u32 entry, count;

	if (bus.address_cells == 0 || bus.address_cells > CELLS_MAX ||
	    bus.size_cells == 0 || bus.size_cells > CELLS_MAX) {
		bus.opaque = true;
		return bus;
	}
	if (parent == NULL) {
		return bus;
	}
	bus.ranges = fdt_cells_prop(fdt, node, "ranges", &count);
	if (bus.ranges == NULL || parent->opaque) {
		bus.opaque = true;
		return bus;
	}
	bus.parent_cells = parent->address_cells;
	entry = bus.address_cells + bus.parent_cells + bus.size_cells;
	bus.range_count = count / entry;
	if (count == 0) {
		bus.ranges = NULL;
	}
	return bus;
}

static bool walk_children(const void *fdt, int parent,
			  const struct fdt_bus *bus, u32 depth, fdt_walk_fn fn,
			  void *ctx)
{
	int node;

	fdt_for_each_subnode(node, fdt, parent)
	{
		enum fdt_walk_next next = fn(fdt, node, bus, ctx);

		if (next == FDT_WALK_STOP) {
			return false;
		}
		if (next == FDT_WALK_CHILDREN && depth < FDT_WALK_DEPTH_MAX) {
			struct fdt_bus child = bus_of(fdt, node, bus);

			if (!walk_children(fdt, node, &child, depth + 1, fn,
					   ctx)) {
				return false;
			}
		}
	}
	return true;
}

void fdt_walk(const void *fdt, fdt_walk_fn fn, void *ctx)
{
	struct fdt_bus root = bus_of(fdt, 0, NULL);

	walk_children(fdt, 0, &root, 0, fn, ctx);
}
