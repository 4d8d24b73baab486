/* SPDX-License-Identifier: Apache-2.0 */
#include "common/event/catalog_load.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

struct catalog_block {
    struct catalog_block *next;
    max_align_t bytes[];
};

void *catalog_take(struct catalog_load *l, size_t size)
{
    struct catalog_block *block = calloc(1, sizeof *block + size);
    if (block == NULL) {
        l->faulty = true;
        buffer_add_text(l->faults, "out of memory\n");
        return NULL;
    }
    block->next = l->catalog->blocks;
    l->catalog->blocks = block;
    return block->bytes;
}

void catalog_destroy(struct catalog *c)
{
    if (c == NULL)
        return;
    while (c->blocks != NULL) {
        struct catalog_block *next = c->blocks->next;
        free(c->blocks);
        c->blocks = next;
    }
    free(c->types);
    free(c);
}

size_t catalog_line(const struct catalog_load *l, const char *at)
{
    size_t line = 1;
    for (const char *p = l->text.data; p < at; p++)
        line += *p == '\n';
    return line;
}

void catalog_say(struct catalog_load *l, const char *at, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    l->faulty = true;
    buffer_printf(l->faults, "%s:%zu: ", l->file_name, catalog_line(l, at));
    if (l->type != NULL)
        buffer_printf(l->faults, "%.*s: ", SLICE_ARGS(l->type->name));
    buffer_add_text(l->faults, text);
    buffer_add_byte(l->faults, '\n');
}
