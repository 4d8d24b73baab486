/* SPDX-License-Identifier: Apache-2.0 */
#include "common/event/catalog.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_BYTES_MAX = 4 * 1024 * 1024 };

static int is_wanted(const struct dirent *entry)
{
    const size_t size = strlen(entry->d_name);
    return entry->d_name[0] != '.' && size > 5 && strcmp(entry->d_name + size - 5, ".json") == 0;
}

static bool read_stream(FILE *stream, struct buffer *out)
{
    char bytes[16384];
    size_t got;
    while ((got = fread(bytes, 1, sizeof bytes, stream)) > 0 && out->size <= FILE_BYTES_MAX)
        buffer_add(out, bytes, got);
    return ferror(stream) == 0 && out->size <= FILE_BYTES_MAX && !out->failed;
}

static bool read_file(const char *folder, const char *name, struct buffer *out,
                      struct buffer *faults)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *stream = fopen(path, "re");
    const bool good = stream != NULL && read_stream(stream, out);
    if (stream == NULL)
        buffer_printf(faults, "%s:1: %s\n", name, strerror(errno));
    else if (!good)
        buffer_printf(faults, "%s:1: cannot be read, or is larger than %d bytes\n", name,
                      FILE_BYTES_MAX);
    if (stream != NULL)
        fclose(stream);
    return good;
}

static struct catalog *create(const char *path, struct dirent **entries, size_t count,
                              struct buffer *faults)
{
    struct catalog *c = NULL;
    struct catalog_file *files = calloc(count, sizeof *files);
    struct buffer *texts = calloc(count, sizeof *texts);
    bool good = files != NULL && texts != NULL;
    for (size_t i = 0; good && i < count; i++) {
        good = read_file(path, entries[i]->d_name, &texts[i], faults);
        files[i] = (struct catalog_file){entries[i]->d_name, buffer_slice(&texts[i])};
    }
    if (good)
        c = catalog_create(files, count, faults);
    for (size_t i = 0; texts != NULL && i < count; i++)
        buffer_finish(&texts[i]);
    free(texts);
    free(files);
    return c;
}

struct catalog *catalog_create_from_folder(const char *path, struct buffer *faults)
{
    struct dirent **entries = NULL;
    struct catalog *c = NULL;
    const int count = scandir(path, &entries, is_wanted, alphasort);
    if (count < 0)
        buffer_printf(faults, "%s: %s\n", path, strerror(errno));
    else if (count == 0)
        buffer_printf(faults, "%s: there is no .json file in this folder\n", path);
    else
        c = create(path, entries, (size_t)count, faults);
    for (int i = 0; i < count; i++)
        free(entries[i]);
    free(entries);
    return c;
}
