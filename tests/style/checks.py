# SPDX-License-Identifier: Apache-2.0
"""The checks. Each returns what it complains about, a line each; none is a pass."""
import os
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from columns_check import column_faults, event_columns
from source import ROOT, Function, code_of, files, functions, line_of, text_of

# Headers that are one list from which the rest is made, or one contract with its states.
LONGER_HEADERS = {"common/event/event.h": 120, "common/json/gate.h": 100,
                  "common/app/config.h": 80, "common/amqp/link.h": 110, "producer/ingest.h": 65}
# Each major version of clang-format writes some lines otherwise; the code is as this one does.
FORMATTER = "14"
HEADER_LINES, FILE_LINES, FUNCTION_LINES = 60, 400, 80
MEDIAN_LINES, MOST_LINES = 15, 45

BANNED = {
    "sprintf": "snprintf or a buffer", "vsprintf": "vsnprintf", "strcpy": "memcpy with a size",
    "strcat": "a buffer", "strncpy": "memcpy with a size", "strncat": "a buffer", "gets": "getline",
    "strtok": "slices", "atoi": "strtoll with its checks", "atol": "strtoll with its checks",
    "atof": "strtod with its checks", "alloca": "a buffer", "system": "nothing",
    "popen": "nothing", "tmpnam": "mkstemp", "mktemp": "mkstemp",
    "rand": "getrandom", "gmtime": "gmtime_r", "localtime": "localtime_r",
}
# Inside the daemons nothing may wait: no sleep, no call that blocks on a socket.
BLOCKING = {
    "sleep": "a timer", "usleep": "a timer", "nanosleep": "a timer", "gethostbyname": "evdns",
    "PQexec": "PQsendQueryParams", "PQexecParams": "PQsendQueryParams",
    "PQexecPrepared": "PQsendQueryPrepared", "PQconnectdb": "PQconnectStart",
    "PQconnectdbParams": "PQconnectStartParams",
    "amqp_basic_publish": "amqp_encode_method", "amqp_simple_rpc": "a call of the link",
    "amqp_login": "the link", "amqp_login_with_properties": "the link",
    "amqp_basic_ack": "the link", "amqp_queue_declare": "the link",
    "amqp_consume_message": "the link", "amqp_simple_wait_frame": "the link",
    "amqp_simple_wait_frame_noblock": "the link", "amqp_send_method": "the link",
    "amqp_send_frame": "the link", "amqp_socket_open": "the link",
    "amqp_connection_close": "the link", "amqp_channel_open": "the link",
    "amqp_release_buffers": "amqp_maybe_release_buffers",
}
DAEMON_FOLDERS = ("common/", "producer/", "consumer/")

# Not for what does its work without sockets and servers.
OUTSIDE = r"<event2/|<libpq|<curl/|<sys/socket\.h>|<netinet/|producer/|consumer/|cli/"
# folder -> what its files may not include; librabbitmq itself is for one file alone
LAYERS = {
    "": r"<amqp|<rabbitmq-c/",
    "common/core/": r"common/(json|event|app|net|amqp|pg)/|" + OUTSIDE,
    "common/json/": r"common/(event|app|net|amqp|pg)/|" + OUTSIDE,
    "common/event/": r"common/(app|net|amqp|pg)/|" + OUTSIDE,
    "common/app/": r"common/(net|amqp|pg)/|" + OUTSIDE,
    "common/net/": r"common/(amqp|pg)/|<libpq|<curl/|producer/|consumer/|cli/",
    "common/amqp/": r"common/pg/|<libpq|<curl/|producer/|consumer/|cli/",
    "common/pg/": r"common/amqp/|<curl/|producer/|consumer/|cli/",
    "producer/": r"common/pg/|common/amqp/(codec|wire)\.h|<libpq|<curl/|consumer/|cli/",
    "consumer/": r"common/amqp/(codec|wire)\.h|<libpq|<curl/|producer/|cli/",
    "cli/": r"common/amqp/(codec|wire)\.h|\"producer/|\"consumer/",
}
CODEC = "common/amqp/codec.h"
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+([<"][^>"]+[>"])', re.MULTILINE)

WORDS = {
    r"/w[o]rk/|/home/\w+/|/r[o]ot/": "a path of one machine",
    r"\b(T[O]DO|F[I]XME|X[X]X|H[A]CK)\b(?! ?\(?#\d+)": "left open without an issue number",
}
PKG = ["json-c", "libcrypto", "libevent", "librabbitmq", "libpq", "libcurl", "cmocka"]


class Skipped(Exception):
    """A check that cannot be made here; the text says why."""


def c_files() -> list[str]:
    return files("*.c", "*.h")


def product_files() -> list[str]:
    return [n for n in c_files() if not n.startswith("tests/")]


def formatted(names: list[str]) -> list[str]:
    if not names:
        return []
    told = subprocess.run(["clang-format", "--version"], capture_output=True, text=True, check=True)
    version = re.search(r"version (\d+)", told.stdout)
    if not version or version.group(1) != FORMATTER:
        raise Skipped(f"clang-format {FORMATTER} is wanted, here is {told.stdout.strip()}")
    done = subprocess.run(["clang-format", "--dry-run", "-Werror", *names], cwd=ROOT,
                          capture_output=True, text=True, check=False)
    return sorted({line.split(" error: ")[0] + " is not as clang-format writes it"
                   for line in done.stderr.splitlines() if " error: " in line})


def headers_alone(names: list[str]) -> list[str]:
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made) / "schema"
        folder.mkdir()
        event_columns.write_headers(folder, event_columns.read())
        return headers_alone_beside(made, names)


def headers_alone_beside(made: str, names: list[str]) -> list[str]:
    flags = subprocess.run(["pkg-config", "--cflags", *PKG], capture_output=True, text=True,
                           check=True).stdout.split()
    def compiled(job: tuple[str, str]) -> str | None:
        compiler, name = job
        done = subprocess.run([compiler, "-std=gnu11", "-D_GNU_SOURCE", "-Wall", "-Wextra",
                               "-Werror", "-fsyntax-only", "-I.", f"-I{made}", *flags, "-x", "c", "-"],
                              input=f'#include "{name}"\n#include "{name}"\nextern int x;\n',
                              cwd=ROOT, capture_output=True, text=True, check=False)
        return None if done.returncode == 0 else f"{name} with {compiler}: {done.stderr.strip()}"
    jobs = [(c, n) for n in names for c in ("gcc", "clang")]
    with ThreadPoolExecutor(2) as pool:
        return [fault for fault in pool.map(compiled, jobs) if fault]


def function_lengths(found: list[Function]) -> list[str]:
    return [f"{f.path}: {f.name} has {f.lines} lines, at most {FUNCTION_LINES}"
            for f in found if f.lines > FUNCTION_LINES]


def shape_budget(found: list[Function]) -> list[str]:
    lengths = sorted(f.lines for f in found)
    if not lengths:
        return []
    faults = []
    median = statistics.median(lengths)
    if median > MEDIAN_LINES:
        faults.append(f"the median function has {median:g} lines, at most {MEDIAN_LINES}")
    ninth = lengths[max(0, -(-len(lengths) * 9 // 10) - 1)]
    if ninth > MOST_LINES:
        faults.append(f"nine tenths of the functions have up to {ninth} lines, at most {MOST_LINES}")
    return faults


def file_lengths(names: list[str]) -> list[str]:
    faults = []
    for name in names:
        lines = text_of(name).count("\n")
        limit = LONGER_HEADERS.get(name, HEADER_LINES) if name.endswith(".h") else FILE_LINES
        if lines > limit:
            faults.append(f"{name} has {lines} lines, at most {limit}")
    return faults


def calls_in(name: str, text: str, banned: dict[str, str]) -> Iterable[str]:
    code = code_of(text)
    names = "|".join(map(re.escape, banned))
    for match in re.finditer(rf"(?<![\w.>])({names})\s*\(", code):
        instead = banned[match.group(1)]
        yield f"{name}:{line_of(code, match.start())}: {match.group(1)} is banned" + \
            (f", use {instead}" if instead else "")


def banned_calls(names: list[str]) -> list[str]:
    return [fault for n in names for fault in calls_in(n, text_of(n), BANNED)]


def blocking_calls(names: list[str]) -> list[str]:
    return [fault for n in names if n.startswith(DAEMON_FOLDERS)
            for fault in calls_in(n, text_of(n), BLOCKING)]


def layering_of(name: str, text: str) -> Iterable[str]:
    for folder, forbidden in LAYERS.items():
        if name.startswith(folder) and name != CODEC:
            for match in INCLUDE.finditer(text):
                if re.search(forbidden, match.group(1)):
                    yield f"{name}:{line_of(text, match.start())}: {folder or name} must not include " \
                        f"{match.group(1)}"


def layering(names: list[str]) -> list[str]:
    return [fault for n in names for fault in layering_of(n, text_of(n))]


def is_licensed(text: str) -> bool:
    lines = [line for line in text.splitlines()[:2] if not line.startswith("#!")]
    return bool(lines) and bool(
        re.fullmatch(r"(/\* |# |-- |// |<!-- )SPDX-License-Identifier: Apache-2\.0( \*/| -->)?",
                     lines[0]))


def licences(names: list[str]) -> list[str]:
    return [f"{n}: the first line is no SPDX line" for n in names if not is_licensed(text_of(n))]


def words_in(name: str, text: str) -> Iterable[str]:
    for pattern, meaning in WORDS.items():
        for match in re.finditer(pattern, text):
            yield f"{name}:{line_of(text, match.start())}: {match.group(0)!r} is {meaning}"
    for match in re.finditer(r"[ \t]+$", text, re.MULTILINE):
        yield f"{name}:{line_of(text, match.start())}: trailing white space"


def words(names: list[str]) -> list[str]:
    return [fault for n in names for fault in words_in(n, text_of(n))]


def scripts() -> list[str]:
    return [n for n in files() if re.match(r"#!.*\b(ba)?sh\b", text_of(n)[:40])]


def shell(names: list[str]) -> list[str]:
    if not names:
        return []
    done = subprocess.run(["shellcheck", "-x", "-f", "gcc", *names], cwd=ROOT, capture_output=True,
                          text=True, check=False)
    faults = done.stdout.splitlines()
    return faults + [f"{n} has no run bit" for n in names if not os.access(ROOT / n, os.X_OK)]


def licensed_files() -> list[str]:
    return files("*.c", "*.h", "*.py", "*.sql", "*.sh", "*meson.build", "*.lua", "*.columns",
                 "tests/*packages") + scripts()


def text_files() -> list[str]:
    skipped = ("LICENSE", "tests/golden/", "tests/fuzz/corpus/", "tests/fault/mutants/")
    return [n for n in files() if not n.startswith(skipped)
            and not n.endswith((".png", ".gz", ".zst", ".bin", ".patch", ".md", ".svg"))]


def checks() -> dict[str, Callable[[], list[str]]]:
    return {
        "formatting": lambda: formatted(c_files()),
        "headers compile alone": lambda: headers_alone(files("*.h")),
        "function lengths": lambda: function_lengths(functions(c_files())),
        "shape budget": lambda: shape_budget(functions([n for n in product_files()
                                                        if n.endswith(".c")])),
        "file lengths": lambda: file_lengths(c_files()),
        "banned calls": lambda: banned_calls(c_files()),
        "blocking calls": lambda: blocking_calls(product_files()),
        "layering": lambda: layering(product_files()),
        "licences": lambda: licences(licensed_files()),
        "words": lambda: words(text_files()),
        "shell scripts": lambda: shell(scripts()),
        "columns": column_faults,
    }


def main() -> int:
    good = bad = 0
    for name, check in checks().items():
        try:
            faults = check()
        except Skipped as reason:
            print(f"SKIPPED {name}: {reason}")
            continue
        good, bad = (good, bad + 1) if faults else (good + 1, bad)
        print(f"{'FAILED' if faults else 'ok':6} {name}")
        for fault in faults:
            print(f"       {fault}")
    print(f"{good} passed, {bad} failed")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
