# SPDX-License-Identifier: Apache-2.0
"""A session's pipelines and COPY against a real server: session_check.c, a case a test."""
import signal
from collections.abc import Sequence

import pytest

from rig.database import Database
from rig.process import run
from rig.stack import base_env, build_folder

CASES = (
    "a_pipeline_answers_with_its_last_command",
    "rows_of_an_earlier_command_stay_with_the_answer",
    "what_fails_in_a_pipeline_keeps_those_behind_it_from_running",
    "commit_of_a_failed_transaction_says_rollback",
    "a_deferred_constraint_fails_the_commit_of_a_pipeline",
    "a_copy_that_fails_early_in_its_stream_leaves_the_session_usable",
    "a_stream_whose_memory_runs_out_fails_the_copy_and_leaves_the_session_usable",
    "a_backend_ended_in_a_pipeline_is_told_as_lost_and_the_session_comes_back",
    "a_pipeline_whose_first_call_cannot_be_sent_ends_the_session",
    "a_pipeline_whose_second_call_cannot_be_sent_ends_the_session",
)


def check(arguments: Sequence[str], **env: str) -> str:
    program = build_folder() / "tests/integration/session_check"
    done = run([str(program), *arguments], base_env(**env))
    text = done.stdout + done.stderr
    assert done.returncode != -signal.SIGALRM, f"it did not come back to its loop\n{text}"
    assert done.returncode == 0, text
    return done.stdout


@pytest.mark.asan
@pytest.mark.parametrize("case", CASES)
def test_session(empty_database: Database, case: str) -> None:
    check([case], **empty_database.env())


def test_every_case_is_run() -> None:
    assert tuple(check([]).split()) == CASES
