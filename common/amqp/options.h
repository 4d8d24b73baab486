/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOLDFAST_AMQP_OPTIONS_H
#define HOLDFAST_AMQP_OPTIONS_H

#include "common/amqp/link.h"

struct config;

struct link_options link_options_of(const struct config *c, const char *name); /* both lent */

#endif
