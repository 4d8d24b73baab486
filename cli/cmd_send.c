/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `holdfast send`: one event from options, or lines of JSON from a file or stdin. One event goes
 * the same way as a million: it is written into a file in memory and read back as input.
 */
#include "cli/cli.h"
#include "cli/draft.h"
#include "cli/progress.h"
#include "cli/sender.h"
#include "common/core/clock.h"
#include "common/core/id.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum option { FILE_NAME = DRAFT_END, BATCH, PARALLEL, INPUT_NAME, TIMEOUT, URL, JSON, QUIET, HELP };

static const struct options_row rows[] = {
#define X(symbol, option, letter, field, value, help) {DRAFT_##symbol, option, letter, value, help},
    EVENT_OPTIONS(X)
#undef X
        {FILE_NAME, "file", 'f', "FILE", "send its lines, one JSON event each; - is stdin"},
    {BATCH, "batch", 0, "N", "most events in one request (500)"},
    {PARALLEL, "parallel", 0, "N", "concurrent requests (4); 1 keeps the order of the lines"},
    {INPUT_NAME, "input-name", 0, "NAME", "makes equal lines of two inputs different events"},
    {TIMEOUT, "timeout", 0, "SECONDS", "give up after so long without progress (60)"},
    {URL, "url", 0, "URL", "the producer (HOLDFAST_URL, else http://127.0.0.1:8001)"},
    {JSON, "json", 0, NULL, "print the result as JSON"},
    {QUIET, "quiet", 'q', NULL, "print errors only"},
    {HELP, "help", 'h', NULL, "this text"},
};
#define ROW_COUNT (sizeof rows / sizeof rows[0])

static const char help_text[] =
    "Send events: one from options, or NDJSON from a file or stdin.\n"
    "\n"
    "  holdfast send -t deploy_started -s warning -p version=1.4.2 -p nodes=3 --tag blue\n"
    "  holdfast send -f events.ndjson\n"
    "  journalctl -o json | to-events | holdfast send -\n"
    "\n"
    "Usage: holdfast send -t TYPE [OPTION]…\n"
    "       holdfast send [-f FILE|FILE|-] [OPTION]…\n"
    "\n"
    "It returns when the producer has answered for every event: durably queued, or why not.\n"
    "A line without an event_id gets one made of its content and line number: after an "
    "interruption\n"
    "send the same file again, and nothing is stored twice. Refused lines are named on stderr by\n"
    "number, the good ones beside them are stored, and the exit code is 6.\n";

struct job {
    struct config config;
    struct draft draft;
    struct gate *gate;
    const char *file, *url; /* lent by argv; NULL = not given */
    const char *input_name;
    uint64_t batch_lines, lanes;
    int64_t patience_ns;
    bool json, quiet;
};

static struct progress progress;

static void on_refused(uint64_t number, const char *text)
{
    progress_clear(&progress);
    cli_say("line %llu: %s", (unsigned long long)number, text);
}

static void on_progress(const struct delivery *d, const struct input *in)
{
    const struct progress_state state = {.events = d->accepted + d->refused,
                                         .done_bytes = in->taken,
                                         .all_bytes = in->size,
                                         .note = d->reason};
    progress_show(&progress, &state);
}

static void no_progress(const struct delivery *d, const struct input *in)
{
    (void)d;
    (void)in;
}

static int exit_code_of(const struct delivery *d)
{
    if (d->exit_code != CLI_OK)
        return d->exit_code;
    return d->refused > 0 ? CLI_PARTLY : CLI_OK;
}

static void say_json(const struct delivery *d)
{
    struct buffer out = {0};
    buffer_printf(&out, "{\"accepted\":%llu,\"refused\":%llu,\"seconds\":%.3f",
                  (unsigned long long)d->accepted, (unsigned long long)d->refused,
                  (double)progress_elapsed_ns(&progress) / (double)CLOCK_S);
    if (d->event_id[0]) {
        buffer_add_text(&out, ",\"event_id\":");
        buffer_add_json_string(&out, slice_of(d->event_id));
    }
    if (d->exit_code != CLI_OK) {
        buffer_add_text(&out, ",\"stopped\":");
        buffer_add_json_string(&out, slice_of(d->reason));
    }
    printf("%.*s}\n", SLICE_ARGS(buffer_slice(&out)));
    buffer_finish(&out);
}

static void say_summary(const struct delivery *d)
{
    char accepted[32], rate[32], refused[32];
    const double seconds = (double)progress_elapsed_ns(&progress) / (double)CLOCK_S;
    fprintf(stderr, "%s events accepted in %.1f s (%s/s)", progress_number(d->accepted, accepted),
            seconds, progress_number((uint64_t)((double)d->accepted / seconds), rate));
    if (d->refused > 0)
        fprintf(stderr, ", %s refused", progress_number(d->refused, refused));
    fputc('\n', stderr);
}

static int run(struct job *job, int fd, bool single)
{
    struct delivery d = {.url = job->url ? job->url : job->config.url,
                         .patience_ns = job->patience_ns,
                         .on_refused = on_refused};
    const struct sender_options options = {.batch_lines = (size_t)job->batch_lines,
                                           .lanes = single ? 1 : (unsigned)job->lanes,
                                           .input_name = job->input_name,
                                           .on_progress = job->quiet ? no_progress : on_progress};
    struct input in;
    const char *fault = http_url_fault(d.url);
    if (fault) {
        cli_say("%s %s: %s", job->url ? "--url" : "HOLDFAST_URL", d.url, fault);
        return job->url ? CLI_USAGE : CLI_CONFIG;
    }
    d.http = http_client_create(job->config.ca_file);
    if (!d.http) {
        cli_say("out of memory");
        return CLI_FAILED;
    }
    input_init(&in, fd);
    progress_start(&progress);
    sender_run(&d, &in, &options);
    progress_clear(&progress);
    input_finish(&in);
    http_client_destroy(d.http);
    if (d.exit_code != CLI_OK)
        cli_say("stopped: %s%s", d.reason,
                single ? "" : "; send the same input again to go on, nothing is stored twice");
    if (job->json)
        say_json(&d);
    else if (single && d.accepted == 1 && !job->quiet)
        puts(d.event_id);
    else if (!single && !job->quiet)
        say_summary(&d);
    return exit_code_of(&d);
}

/* A new event each time the command is run, and the same one each time a try is repeated. */
static bool add_event_id(struct job *job)
{
    char text[ID_TEXT_SIZE + 1], fault[256];
    struct id id;
    id_make(&id);
    id_format(&id, text);
    const struct options_found option = {.id = DRAFT_ID, .value = text};
    return job->draft.has[DRAFT_ID] || draft_set(&job->draft, job->gate, &option, fault);
}

static int send_one(struct job *job)
{
    struct buffer line = {0};
    char fault[256] = "out of memory";
    int exit_code = CLI_FAILED;
    if (!add_event_id(job) || !draft_write(&job->draft, job->gate, &line, fault)) {
        buffer_finish(&line);
        return cli_usage("send", "%s", fault);
    }
    const int fd = memfd_create("event", MFD_CLOEXEC);
    if (fd >= 0 && write(fd, line.data, line.size) == (ssize_t)line.size &&
        lseek(fd, 0, SEEK_SET) == 0)
        exit_code = run(job, fd, true);
    else
        cli_say("no memory for the event: %s", strerror(errno));
    if (fd >= 0)
        close(fd);
    buffer_finish(&line);
    return exit_code;
}

static int send_lines(struct job *job)
{
    if (!job->file && isatty(STDIN_FILENO))
        return cli_usage("send", "nothing to send: give -t TYPE, a FILE, or - for stdin");
    if (!job->file || strcmp(job->file, "-") == 0)
        return run(job, STDIN_FILENO, false);
    const int fd = open(job->file, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        cli_say("cannot open %s: %s", job->file, strerror(errno));
        return CLI_FAILED;
    }
    const int exit_code = run(job, fd, false);
    close(fd);
    return exit_code;
}

static int take_file(struct job *job, const char *name)
{
    if (job->file)
        return cli_usage("send", "one input at a time: %s and %s", job->file, name);
    job->file = name;
    return -1;
}

static int take_number(uint64_t *out, const struct options_found *found, const char *name,
                       uint64_t max)
{
    if (!slice_to_u64(slice_of(found->value), max, out) || *out == 0)
        return cli_usage("send", "%s takes a number from 1 to %llu, not '%s'", name,
                         (unsigned long long)max, found->value);
    return -1;
}

static int take_other(struct job *job, const struct options_found *found)
{
    switch ((enum option)found->id) {
    case FILE_NAME:
        return take_file(job, found->value);
    case BATCH:
        return take_number(&job->batch_lines, found, "--batch", 10000);
    case PARALLEL:
        return take_number(&job->lanes, found, "--parallel", SENDER_LANES_MAX);
    case INPUT_NAME:
        job->input_name = found->value;
        return -1;
    case TIMEOUT:
        if (!cli_seconds(found->value, &job->patience_ns))
            return cli_usage("send", "--timeout takes seconds, not '%s'", found->value);
        return -1;
    case URL:
        job->url = found->value;
        return -1;
    case JSON:
        job->json = true;
        return -1;
    case QUIET:
        job->quiet = true;
        return -1;
    case HELP:
        cli_help(help_text, rows, ROW_COUNT);
        return CLI_OK;
    }
    return -1;
}

/* -1 to go on, else the exit code. */
static int take(void *arg, const struct options_found *found)
{
    struct job *job = arg;
    char fault[256];
    if (found->kind == OPTIONS_FAULT)
        return cli_usage("send", "%s", found->fault);
    if (found->kind == OPTIONS_ARGUMENT)
        return take_file(job, found->value);
    if (found->id >= DRAFT_END)
        return take_other(job, found);
    return draft_set(&job->draft, job->gate, found, fault) ? -1 : cli_usage("send", "%s", fault);
}

static int take_all(struct job *job, int argc, char **argv)
{
    struct options options;
    options_init(&options, rows, ROW_COUNT, argc, argv);
    const int exit_code = options_take_all(&options, take, job);
    if (exit_code >= 0)
        return exit_code;
    if (job->file && !draft_is_empty(&job->draft))
        return cli_usage("send", "either one event from options or the lines of %s, not both",
                         job->file);
    return -1;
}

int cmd_send(int argc, char **argv)
{
    static const struct gate_limits limits = {.depth = 64, .members = 100000, .digits = 131072};
    struct job job = {.input_name = "",
                      .batch_lines = 500,
                      .lanes = 4,
                      .patience_ns = 60 * CLOCK_S,
                      .gate = gate_create(&limits)};
    int exit_code = job.gate ? take_all(&job, argc, argv) : CLI_FAILED;
    if (exit_code < 0 && !cli_load_config(&job.config))
        exit_code = CLI_CONFIG;
    if (exit_code < 0)
        exit_code = draft_is_empty(&job.draft) ? send_lines(&job) : send_one(&job);
    config_finish(&job.config);
    draft_finish(&job.draft);
    gate_destroy(job.gate);
    return exit_code;
}
