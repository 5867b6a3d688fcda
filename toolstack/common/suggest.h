/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The nearest of some words to one that was mistyped: what to answer with "did
 * you mean …?".
 *
 *	suggest_start(&s, "lsit");
 *	suggest_offer(&s, "list");	for each word there is
 *	suggest_best(&s)		"list", or NULL if nothing is near
 */
#ifndef ZV_TOOLSTACK_COMMON_SUGGEST_H
#define ZV_TOOLSTACK_COMMON_SUGGEST_H

#include <stddef.h>

#define SUGGEST_LEN_MAX 63u /* longer words are like nothing else */

struct suggest {
	const char *word;
	size_t limit; /* a word is near up to this distance */
	size_t best_distance;
	char best[SUGGEST_LEN_MAX + 1];
	char whole[SUGGEST_LEN_MAX + 1]; /* the word is a part of it */
};

/* word must outlive *ret_suggest. */
void suggest_start(struct suggest *ret_suggest, const char *word);
void suggest_offer(struct suggest *s, const char *candidate);
/* Of words equally near, the one offered first. */
const char *suggest_best(const struct suggest *s);
/*
 * Another one, if a word of three letters or more is a part of it: "vcpus"
 * besides "cpus" for "cpu".  NULL: there is none, or no best one.
 */
const char *suggest_second(const struct suggest *s);

/*
 * How many characters must be put in, left out, exchanged or swapped with their
 * neighbour to make b of a; letters of either case are the same.  Neither may be
 * longer than SUGGEST_LEN_MAX.
 */
size_t suggest_distance(const char *a, const char *b);

#endif /* ZV_TOOLSTACK_COMMON_SUGGEST_H */
