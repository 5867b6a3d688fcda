/* SPDX-License-Identifier: BSD-2-Clause */
/* cmocka with the headers it wants before it. */
#ifndef ZV_TESTS_UNIT_TOOLSTACK_CMOCKA_ALL_H
#define ZV_TESTS_UNIT_TOOLSTACK_CMOCKA_ALL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#endif /* ZV_TESTS_UNIT_TOOLSTACK_CMOCKA_ALL_H */
