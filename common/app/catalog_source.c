/* SPDX-License-Identifier: Apache-2.0 */
#include "common/app/catalog_source.h"

#include <stdio.h>
#include <string.h>

#include "common/app/log.h"
#include "common/app/metrics.h"

static void log_faults(const struct buffer *faults)
{
    char line[512];
    const char *end = faults->data + faults->size;
    for (const char *p = faults->data; p < end;) {
        const char *stop = memchr(p, '\n', (size_t)(end - p));
        snprintf(line, sizeof line, "%.*s", (int)((stop != NULL ? stop : end) - p), p);
        log_error("catalog_fault", "a fault in the catalogue", LOG_TEXT("fault", line));
        p = stop != NULL ? stop + 1 : end;
    }
}

static struct catalog *load(const struct catalog_source *s)
{
    struct buffer faults = {0};
    struct catalog *c = s->folder[0] == '\0' ? catalog_create(s->builtin, s->builtin_count, &faults)
                                             : catalog_create_from_folder(s->folder, &faults);
    if (c == NULL && faults.size > 0)
        log_faults(&faults);
    buffer_finish(&faults);
    return c;
}

bool catalog_source_open(struct catalog_source *s)
{
    s->choice.types = load(s);
    return s->choice.types != NULL;
}

void catalog_source_finish(struct catalog_source *s)
{
    catalog_destroy(s->choice.types);
    s->choice.types = NULL;
}

void catalog_source_reload(struct catalog_source *s)
{
    if (s->folder[0] == '\0') {
        log_info("catalog_kept", "the catalogue is the built-in one, there is nothing to read");
        metrics_config_read(true);
        return;
    }
    struct catalog *c = load(s);
    metrics_config_read(c != NULL);
    if (c == NULL) {
        log_error("catalog_kept", "the catalogue is faulty; the one before stays in force",
                  LOG_TEXT("folder", s->folder));
        return;
    }
    catalog_destroy(s->choice.types);
    s->choice.types = c;
    log_info("catalog_reloaded", "the catalogue was read again", LOG_TEXT("folder", s->folder),
             LOG_INT("types", (int64_t)catalog_type_count(c)));
}
