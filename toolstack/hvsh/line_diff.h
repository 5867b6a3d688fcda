/* SPDX-License-Identifier: BSD-2-Clause */
/* The difference of two texts, line by line. */
#ifndef ZV_TOOLSTACK_HVSH_LINE_DIFF_H
#define ZV_TOOLSTACK_HVSH_LINE_DIFF_H

/* Of longer stretches that differ, all is replaced. */
#define LINE_DIFF_MAX 2000u

/*
 * Hunks as of `diff -u`, without the two lines that name files, to be freed;
 * empty if the texts are the same.  NULL: out of memory.
 */
char *line_diff(const char *before, const char *after);

#endif /* ZV_TOOLSTACK_HVSH_LINE_DIFF_H */
