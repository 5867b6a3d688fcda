/* SPDX-License-Identifier: BSD-2-Clause */
#include "fdt_edit.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <zv/fdt_walk.h>

#define ROOM 8192
#define EDITS_MAX 64

struct script {
	const uint8_t *at;
	size_t left;
};

static uint8_t next(struct script *s)
{
	if (s->left == 0) {
		return 0;
	}
	s->left--;
	return *s->at++;
}

/* The node that comes n-th in the tree, the root for 0 and beyond the end. */
static int nth_node(const void *fdt, unsigned n)
{
	int node = 0;
	int depth = 0;

	while (n-- > 0 && node >= 0 && depth >= 0) {
		node = fdt_next_node(fdt, node, &depth);
	}
	return node >= 0 && depth >= 0 ? node : 0;
}

/* Cells, since that is what most values are; each small or one of the ends. */
static void set_cells(void *fdt, int node, const char *name, struct script *s)
{
	static const uint32_t edge[] = { 0,	     1,		 0xfff,
					 0x1000,     0x7fffffff, 0x80000000,
					 0xfffff000, 0xffffffff };
	fdt32_t cell[16];
	int count = next(s) % 16;

	for (int i = 0; i < count; i++) {
		uint8_t v = next(s);

		cell[i] = cpu_to_fdt32(v < 128 ? v : edge[v % 8]);
	}
	fdt_setprop(fdt, node, name, cell, count * 4);
}

static void set_bytes(void *fdt, int node, const char *name, struct script *s)
{
	uint8_t value[32];
	int count = next(s) % 33;

	for (int i = 0; i < count; i++) {
		value[i] = next(s);
	}
	fdt_setprop(fdt, node, name, value, count);
}

static void edit_once(void *fdt, struct script *s, const char *const *names,
		      size_t name_count)
{
	uint8_t op = next(s);
	int node = nth_node(fdt, next(s));
	const char *name = names[next(s) % name_count];
	const char *other = names[next(s) % name_count];

	switch (op % 6) {
	case 0:
		set_cells(fdt, node, name, s);
		break;
	case 1:
		set_bytes(fdt, node, name, s);
		break;
	case 2:
		fdt_setprop_string(fdt, node, name, other);
		break;
	case 3:
		fdt_delprop(fdt, node, name);
		break;
	case 4:
		fdt_add_subnode(fdt, node, name);
		break;
	default:
		if (node != 0) {
			fdt_del_node(fdt, node);
		}
		break;
	}
}

void *fdt_edit(const uint8_t *data, size_t size, const char *const *names,
	       size_t name_count, size_t *ret_size)
{
	size_t tree_size;
	void *tree, *big, *ret;
	struct script s;

	if (size < sizeof(struct fdt_header)) {
		return NULL;
	}
	tree = malloc(size);
	memcpy(tree, data, size);
	fdt_set_magic(tree, FDT_MAGIC);
	if (fdt_totalsize(tree) > size) {
		fdt_set_totalsize(tree, (uint32_t)size);
	}
	tree_size = fdt_totalsize(tree);
	s = (struct script){ data + tree_size, size - tree_size };
	big = malloc(size + ROOM);
	if (s.left > 0 && fdt_is_valid(tree, tree_size) &&
	    fdt_open_into(tree, big, (int)(size + ROOM)) == 0) {
		for (int i = 0; i < EDITS_MAX && s.left > 0; i++) {
			edit_once(big, &s, names, name_count);
		}
		fdt_pack(big);
		tree_size = fdt_totalsize(big);
		ret = malloc(tree_size);
		memcpy(ret, big, tree_size);
	} else {
		ret = malloc(size);
		memcpy(ret, tree, size);
		tree_size = size;
	}
	free(big);
	free(tree);
	*ret_size = tree_size;
	return ret;
}
