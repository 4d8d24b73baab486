# SPDX-License-Identifier: Apache-2.0
"""Each style check must be able to fail."""
import os
from pathlib import Path

import pytest

import checks
from source import Function, code_of


@pytest.mark.parametrize("version", ["19.1.7 (3+b1)", "21.1.8 (13)", "140.0", "unknown"])
def test_another_formatter_is_a_check_left_out_and_said(
        version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture) -> None:
    formatter = tmp_path / "clang-format"
    formatter.write_text(f"#!/bin/sh\necho 'Debian clang-format version {version}'\n")
    formatter.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(checks, "checks", lambda: {
        "formatting": lambda: checks.formatted(["a.c"]), "other": lambda: []})
    assert checks.main() == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("SKIPPED formatting: ") and version in said[0]
    assert said[-1] == "1 passed, 0 failed"


@pytest.mark.parametrize("code", ["sprintf(a, b);", "x = atoi (s);", "if (system(c))"])
def test_a_banned_call_is_found(code: str) -> None:
    assert list(checks.calls_in("common/core/a.c", code, checks.BANNED))


@pytest.mark.parametrize("code", ["snprintf(a, 1, b);", "/* sprintf(a) */", 'log("system(c)");',
                                  "event->signal(1);", "my_system(c);"])
def test_other_calls_are_not(code: str) -> None:
    assert not list(checks.calls_in("common/core/a.c", code, checks.BANNED))


@pytest.mark.parametrize("name,include", [
    ("common/core/a.c", '"common/json/gate.h"'), ("common/json/a.c", '"common/event/event.h"'),
    ("common/event/a.c", '"common/app/log.h"'), ("common/app/a.c", '"common/net/loop.h"'),
    ("common/core/a.c", "<event2/event.h>"), ("common/core/a.c", '"common/net/loop.h"'),
    ("producer/a.c", '"common/pg/session.h"'), ("producer/a.c", "<rabbitmq-c/amqp.h>"),
    ("consumer/a.c", "<libpq-fe.h>"), ("consumer/a.c", '"producer/outbox.h"'),
    ("common/amqp/a.c", "<amqp.h>"), ("common/pg/a.c", "<rabbitmq-c/framing.h>"),
    ("producer/a.c", '"common/amqp/codec.h"'), ("cli/a.c", '"common/amqp/wire.h"'),
    ("consumer/a.c", "<curl/curl.h>")])
def test_a_broken_layer_is_found(name: str, include: str) -> None:
    assert list(checks.layering_of(name, f"#include {include}\n"))


def test_kept_layers_are_not() -> None:
    assert not list(checks.layering_of("consumer/a.c", '#include "common/pg/session.h"\n'))
    assert not list(checks.layering_of("common/amqp/a.c", '#include "common/amqp/codec.h"\n'))
    assert not list(checks.layering_of(checks.CODEC, "#include <rabbitmq-c/amqp.h>\n"))


def test_shapes_over_the_budget_are_found() -> None:
    assert checks.function_lengths([Function("a.c", "f", 81)])
    assert not checks.function_lengths([Function("a.c", "f", 80)])
    assert checks.shape_budget([Function("a.c", "f", 16)] * 3)
    assert checks.shape_budget([Function("a.c", "f", 5)] * 8 + [Function("a.c", "g", 46)] * 2)
    assert not checks.shape_budget([Function("a.c", "f", 15)] * 9 + [Function("a.c", "g", 80)])


@pytest.mark.parametrize("text", ["int x; \n", "/* TO" "DO: later */", "/* FIX" "ME */"])
def test_forbidden_words_are_found(text: str) -> None:
    assert list(checks.words_in("a.c", text))


def test_an_open_end_with_its_issue_may_stay() -> None:
    assert not list(checks.words_in("a.c", "/* TO" "DO(#12): ranges */\n"))


def test_the_licence_line_is_asked_for() -> None:
    assert checks.is_licensed("/* SPDX-License-Identifier: Apache-2.0 */\nint x;\n")
    assert checks.is_licensed("#!/usr/bin/env bash\n# SPDX-License-Identifier: Apache-2.0\n")
    assert not checks.is_licensed("int x;\n/* SPDX-License-Identifier: Apache-2.0 */\n")


def test_comments_and_strings_are_no_code() -> None:
    assert code_of('a("b\\"c"); /* d */ e // f\n').split() == ['a("', '");', "e"]
