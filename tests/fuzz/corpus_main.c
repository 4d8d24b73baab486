/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a fuzz target over the files of the folders given: the corpus as a test, with any compiler.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void run_file(const char *folder, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "rb");
    uint8_t *data = malloc(1 << 20);
    if (f == NULL || data == NULL) {
        fprintf(stderr, "cannot read %s\n", path);
        exit(1);
    }
    const size_t size = fread(data, 1, 1 << 20, f);
    fclose(f);
    uint8_t *exact = realloc(data, size > 0 ? size : 1); /* so that a read beyond is seen */
    LLVMFuzzerTestOneInput(exact != NULL ? exact : data, size);
    free(exact != NULL ? exact : data);
}

static size_t run_folder(const char *folder)
{
    DIR *d = opendir(folder);
    size_t count = 0;
    if (d == NULL) {
        fprintf(stderr, "no folder %s\n", folder);
        exit(1);
    }
    for (struct dirent *entry; (entry = readdir(d)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        run_file(folder, entry->d_name);
        count++;
    }
    closedir(d);
    return count;
}

int main(int argc, char **argv)
{
    size_t count = 0;
    for (int i = 1; i < argc; i++)
        count += run_folder(argv[i]);
    printf("%zu inputs\n", count);
    return count > 0 ? 0 : 1;
}
