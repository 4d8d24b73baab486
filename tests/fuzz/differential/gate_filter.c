/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate as a filter: documents on stdin, each after its size as four bytes in network order;
 * for each a byte on stdout: the number of the gate's fault, 0 for an accepted one.
 *
 *     gate_filter DEPTH MEMBERS DIGITS
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/json/gate.h"

static bool read_document(char **data, size_t *capacity, size_t *out_size)
{
    unsigned char head[4];
    if (fread(head, 1, sizeof head, stdin) != sizeof head)
        return false;
    const size_t size =
        (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
    if (size > *capacity || *data == NULL) {
        free(*data);
        *capacity = size + 1;
        *data = malloc(*capacity);
    }
    if (*data == NULL || fread(*data, 1, size, stdin) != size)
        return false;
    *out_size = size;
    return true;
}

int main(int argc, char **argv)
{
    char *data = NULL;
    size_t capacity = 0, size = 0;
    if (argc != 4) {
        fprintf(stderr, "usage: gate_filter DEPTH MEMBERS DIGITS\n");
        return 2;
    }
    const struct gate_limits limits = {strtoul(argv[1], NULL, 10), strtoul(argv[2], NULL, 10),
                                       strtoul(argv[3], NULL, 10)};
    struct gate *gate = gate_create(&limits);
    while (gate != NULL && read_document(&data, &capacity, &size)) {
        struct gate_value value;
        struct gate_verdict verdict;
        const bool accepted = gate_scan_whole(gate, (struct slice){data, size}, &value, &verdict);
        putchar(accepted ? GATE_FAULT_NONE : (int)verdict.fault);
    }
    const bool good = gate != NULL && fflush(stdout) == 0 && feof(stdin);
    gate_destroy(gate);
    free(data);
    return good ? 0 : 1;
}
