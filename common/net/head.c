/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RFC 9112 without its allowances for senders of another age: lines end in CRLF only, one space
 * between the parts of the request line, no folding, no space before a colon, no body without
 * exactly one Content-Length. Each of these is read differently by some proxy in front of us,
 * and a request that two hops understand differently can carry another one inside (smuggling).
 *
 * Every refusal here ends the connection: behind a head we do not trust there is no next request.
 */
#include "common/net/head.h"

#include <string.h>

enum { TOKEN = 1, TARGET = 2, VALUE = 4 };

static bool is_token_mark(unsigned char c)
{
    return c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

static bool is_alphanumeric(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* Classes of all bytes, worked out once: heads are read byte by byte for every request. */
static const uint8_t *classes(void)
{
    static uint8_t table[256];
    if (table['A'] != 0)
        return table;
    for (int i = 0; i < 256; i++) {
        const unsigned char c = (unsigned char)i;
        if (is_alphanumeric(c) || is_token_mark(c))
            table[i] |= TOKEN;
        if (c > ' ' && c < 0x7f && c != '#')
            table[i] |= TARGET;
        if (c == '\t' || (c >= ' ' && c != 0x7f))
            table[i] |= VALUE;
    }
    return table;
}

static bool all_of(struct slice s, uint8_t class)
{
    const uint8_t *table = classes();
    for (size_t i = 0; i < s.size; i++) {
        if ((table[(unsigned char)s.data[i]] & class) == 0)
            return false;
    }
    return true;
}

/* At a line feed: what the line that ends here means. */
static enum head_progress end_line(struct head_scanner *s, char before)
{
    const bool empty = s->line_size == 2;
    if (before != '\r')
        return HEAD_BARE_LF;
    if (empty && s->in_head)
        return HEAD_ENDED;
    s->in_head = s->in_head || !empty; /* empty lines before the request line are skipped */
    s->line_size = 0;
    return HEAD_MORE;
}

enum head_progress head_scan(struct head_scanner *s, struct slice bytes, size_t *out_used)
{
    enum head_progress progress = HEAD_MORE;
    size_t used = 0;
    while (progress == HEAD_MORE && used < bytes.size) {
        const char *at = bytes.data + used;
        const char *lf = memchr(at, '\n', bytes.size - used);
        const size_t run = lf != NULL ? (size_t)(lf - at) + 1 : bytes.size - used;
        const char before = run > 1 ? at[run - 2] : s->last;
        used += run;
        s->size += run;
        s->line_size += run;
        s->last = at[run - 1];
        if (s->size > HEAD_SIZE_MAX)
            progress = HEAD_TOO_LARGE;
        else if (lf != NULL)
            progress = end_line(s, before);
    }
    *out_used = used;
    return progress;
}

/* The judgement of one head. */
struct parser {
    struct head head;
    struct head_fault fault;
    size_t fields, hosts, lengths, encodings; /* how many of each there were */
};

static bool refuse(struct parser *p, int status, const char *slug, const char *detail)
{
    p->fault = (struct head_fault){status, slug, detail};
    return false;
}

static bool bad(struct parser *p, const char *detail)
{
    return refuse(p, 400, "bad-request", detail);
}

/* Cuts what stands before `at` off *rest and `mark_size` more bytes behind it. */
static void take(struct slice *rest, const char *at, size_t mark_size, struct slice *out)
{
    const size_t size = (size_t)(at - rest->data);
    *out = (struct slice){rest->data, size};
    rest->data = at + mark_size;
    rest->size -= size + mark_size;
}

static bool cut(struct slice *rest, char mark, struct slice *out)
{
    const char *at = rest->size == 0 ? NULL : memchr(rest->data, mark, rest->size);
    if (at == NULL)
        return false;
    take(rest, at, 1, out);
    return true;
}

/* Looks for line feeds, as head_scan does: memmem compares byte by byte. */
static bool cut_line(struct slice *rest, struct slice *out)
{
    const char *lf;
    for (size_t used = 0; used < rest->size; used = (size_t)(lf - rest->data) + 1) {
        lf = memchr(rest->data + used, '\n', rest->size - used);
        if (lf == NULL)
            return false;
        if (lf > rest->data && lf[-1] == '\r') {
            take(rest, lf - 1, 2, out);
            return true;
        }
    }
    return false;
}

static bool parse_version(struct parser *p, struct slice version)
{
    p->head.old = slice_equals(version, SLICE("HTTP/1.0"));
    p->head.keep_alive = !p->head.old;
    if (p->head.old || slice_equals(version, SLICE("HTTP/1.1")))
        return true;
    if (version.size == 8 && memcmp(version.data, "HTTP/", 5) == 0 && version.data[6] == '.')
        return refuse(p, 505, "version-not-supported", "this server speaks HTTP/1.1 and HTTP/1.0");
    return bad(p, "the request line does not end in HTTP/1.1 or HTTP/1.0");
}

static bool parse_target(struct parser *p, struct slice target)
{
    struct head *head = &p->head;
    if (target.size > HEAD_TARGET_MAX)
        return refuse(p, 414, "target-too-long", "the request target is longer than 8000 bytes");
    const bool asterisk =
        slice_equals(target, SLICE("*")) && slice_equals(head->method, SLICE("OPTIONS"));
    if (!asterisk && (target.size == 0 || target.data[0] != '/'))
        return bad(p, "the request target must be a path that begins with /");
    if (!all_of(target, TARGET))
        return bad(p, "the request target holds a character that must be percent-encoded");
    head->path = head->query = target;
    if (!cut(&head->query, '?', &head->path))
        head->query = (struct slice){0};
    return true;
}

static bool parse_request_line(struct parser *p, struct slice line)
{
    struct slice target;
    if (!cut(&line, ' ', &p->head.method) || !cut(&line, ' ', &target))
        return bad(p, "the request line is not: method, target, version");
    const struct slice method = p->head.method;
    if (method.size == 0 || method.size > HEAD_METHOD_MAX || !all_of(method, TOKEN))
        return bad(p, "the method is not a token");
    return parse_version(p, line) && parse_target(p, target);
}

static void parse_connection(struct parser *p, struct slice value)
{
    struct slice part;
    bool more = true;
    while (more) {
        more = cut(&value, ',', &part);
        const struct slice option = slice_trim(more ? part : value);
        if (slice_equals_nocase(option, SLICE("close")))
            p->head.keep_alive = false;
        else if (slice_equals_nocase(option, SLICE("keep-alive")) && p->head.old)
            p->head.keep_alive = true;
    }
}

static bool parse_length(struct parser *p, struct slice value)
{
    p->lengths++;
    for (size_t i = 0; i < value.size; i++) {
        if (value.data[i] < '0' || value.data[i] > '9')
            return bad(p, "Content-Length must be digits only");
    }
    if (value.size == 0)
        return bad(p, "Content-Length is empty");
    if (!slice_to_u64(value, UINT64_MAX, &p->head.content_length))
        return bad(p, "Content-Length is a larger number than there are bytes");
    p->head.has_length = true;
    return true;
}

static bool parse_expect(struct parser *p, struct slice value)
{
    p->head.expects_continue = slice_equals_nocase(value, SLICE("100-continue"));
    return p->head.expects_continue ||
           refuse(p, 417, "expectation-failed", "only 100-continue can be expected");
}

static bool parse_encoding(struct parser *p, struct slice value)
{
    p->encodings++;
    p->head.chunked = slice_equals_nocase(value, SLICE("chunked"));
    return true;
}

static bool parse_field(struct parser *p, struct slice name, struct slice value)
{
    if (slice_equals_nocase(name, SLICE("content-length")))
        return parse_length(p, value);
    if (slice_equals_nocase(name, SLICE("expect")))
        return parse_expect(p, value);
    if (slice_equals_nocase(name, SLICE("transfer-encoding")))
        return parse_encoding(p, value);
    if (slice_equals_nocase(name, SLICE("host")))
        p->hosts++;
    else if (slice_equals_nocase(name, SLICE("connection")))
        parse_connection(p, value);
    return true;
}

static bool parse_line(struct parser *p, struct slice line)
{
    struct slice name, value = line;
    if (++p->fields > HEAD_FIELDS_MAX)
        return refuse(p, 431, "headers-too-large", "there are more than 64 header fields");
    if (line.data[0] == ' ' || line.data[0] == '\t')
        return bad(p, "a header field may not be folded over lines");
    if (!cut(&value, ':', &name) || name.size == 0 || !all_of(name, TOKEN))
        return bad(p, "the name of a header field must be a token directly before its colon");
    if (!all_of(value, VALUE))
        return bad(p, "the value of a header field holds a control character");
    return parse_field(p, name, slice_trim(value));
}

/* What only the whole head can tell. */
static bool check_framing(struct parser *p)
{
    if (p->encodings > 0 && p->lengths > 0)
        return bad(p, "Content-Length and Transfer-Encoding exclude each other");
    if (p->encodings > 1 || (p->encodings > 0 && p->head.old))
        return bad(p, "Transfer-Encoding may appear once, in HTTP/1.1");
    if (p->encodings > 0 && !p->head.chunked)
        return refuse(p, 411, "length-required",
                      "no Transfer-Encoding but chunked is supported: send a Content-Length");
    if (p->lengths > 1)
        return bad(p, "Content-Length appears more than once");
    if (p->hosts > 1 || (p->hosts == 0 && !p->head.old))
        return bad(p, "exactly one Host is required");
    if (!p->head.has_length && !p->head.chunked && slice_equals(p->head.method, SLICE("POST")))
        return refuse(p, 411, "length-required", "a POST needs a Content-Length");
    return true;
}

static bool parse(struct parser *p, struct slice text)
{
    struct slice line = {0};
    while (cut_line(&text, &line) && line.size == 0)
        continue;
    if (!parse_request_line(p, line))
        return false;
    p->head.fields = text;
    while (cut_line(&text, &line) && line.size > 0) {
        if (!parse_line(p, line))
            return false;
    }
    return check_framing(p);
}

bool head_parse(struct slice text, struct head *out, struct head_fault *out_fault)
{
    struct parser p = {0};
    if (!parse(&p, text)) {
        *out_fault = p.fault;
        return false;
    }
    *out = p.head;
    return true;
}

bool head_next(struct slice *fields, struct slice *out_name, struct slice *out_value)
{
    struct slice line = {0};
    if (!cut_line(fields, &line) || !cut(&line, ':', out_name))
        return false;
    *out_value = slice_trim(line);
    return true;
}
