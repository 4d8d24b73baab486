/* SPDX-License-Identifier: Apache-2.0 */
#include "common/core/process.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

/* proc(5): the 14th and 15th are the times, the 23rd the bytes, the 24th the pages; the 2nd is our
 * own name. */
static bool add_stat(struct process_usage *sum, int64_t pid)
{
    char path[64];
    long long user = 0, system = 0, bytes = 0, pages = 0;
    snprintf(path, sizeof path, "/proc/%" PRId64 "/stat", pid);
    FILE *stat = fopen(path, "re");
    if (stat == NULL)
        return false;
    const int found =
        fscanf(stat,
               "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lld %lld %*d %*d %*d %*d "
               "%*d %*d %*u %lld %lld",
               &user, &system, &bytes, &pages);
    fclose(stat);
    if (found != 4)
        return false;
    sum->cpu_ticks += user + system;
    sum->virtual_bytes += bytes;
    sum->resident_pages += pages;
    return true;
}

static int64_t count_files(int64_t pid)
{
    char path[64];
    int64_t count = 0;
    snprintf(path, sizeof path, "/proc/%" PRId64 "/fd", pid);
    DIR *folder = opendir(path);
    if (folder == NULL)
        return 0;
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

void process_add_usage(struct process_usage *sum, int64_t pid)
{
    struct rlimit limit = {0};
    if (!add_stat(sum, pid))
        return;
    getrlimit(RLIMIT_NOFILE, &limit); /* the workers have it from the same parent */
    sum->files += count_files(pid);
    sum->files_max += (int64_t)limit.rlim_cur;
}

static void render(struct buffer *out, const char *name, const char *type, const char *help)
{
    buffer_printf(out, "# HELP %s %s\n# TYPE %s %s\n%s ", name, help, name, type, name);
}

static void render_gauge(struct buffer *out, const char *name, const char *help, int64_t value)
{
    render(out, name, "gauge", help);
    buffer_printf(out, "%" PRId64 "\n", value);
}

void process_render(const struct process_usage *sum, int64_t started_us, struct buffer *out)
{
    render_gauge(out, "process_resident_memory_bytes", "Resident memory of all workers.",
                 sum->resident_pages * sysconf(_SC_PAGESIZE));
    render_gauge(out, "process_virtual_memory_bytes", "Virtual memory of all workers.",
                 sum->virtual_bytes);
    render_gauge(out, "process_open_fds", "Open files and sockets of all workers.", sum->files);
    render_gauge(out, "process_max_fds", "How many they may have open.", sum->files_max);
    render(out, "process_cpu_seconds_total", "counter", "User and system time of all workers.");
    buffer_printf(out, "%.2f\n", (double)sum->cpu_ticks / (double)sysconf(_SC_CLK_TCK));
    render(out, "process_start_time_seconds", "gauge",
           "Start time since the Unix epoch in seconds.");
    buffer_printf(out, "%.3f\n", (double)started_us * 1e-6);
}
