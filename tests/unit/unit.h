/* SPDX-License-Identifier: Apache-2.0 */
/* What every unit test includes: cmocka with the headers it wants before it. */
#ifndef HOLDFAST_TESTS_UNIT_H
#define HOLDFAST_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#ifndef assert_int_in_range /* the name since cmocka 2.0, where the older one warns */
#define assert_int_in_range assert_in_range
#endif

#endif
