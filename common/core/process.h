/* SPDX-License-Identifier: Apache-2.0 */
/* What processes use of the machine, summed up: the process_* metrics every Prometheus client has.
 */
#ifndef HOLDFAST_CORE_PROCESS_H
#define HOLDFAST_CORE_PROCESS_H

#include "common/core/buffer.h"

struct process_usage { /* all zero at the start */
    int64_t cpu_ticks; /* user and system */
    int64_t resident_pages, virtual_bytes;
    int64_t files, files_max;
};

void process_add_usage(struct process_usage *sum, int64_t pid); /* nothing when it is gone */
void process_render(const struct process_usage *sum, int64_t started_us, struct buffer *out);

#endif
