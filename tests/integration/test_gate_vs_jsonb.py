# SPDX-License-Identifier: Apache-2.0
"""What the gate accepts, jsonb stores and gives back equal; what it refuses, it must."""
import os
import sys
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo

from rig.database import Database

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("HOLDFAST_BUILD", "build")
sys.path.insert(0, str(ROOT / "tests/fuzz/differential"))
import gate_vs_jsonb  # noqa: E402

DOCUMENTS = int(os.environ.get("GATE_DOCUMENTS", "100000"))


def run(database: Database, documents: int, seed: int, gate_filter: Path) -> dict:
    env = database.admin_env()
    dsn = make_conninfo(host=env["DATABASE_HOST"], port=env["DATABASE_PORT"],
                        dbname=env["DATABASE_NAME"], user=env["DATABASE_USER"],
                        password=env["DATABASE_PASSWORD"])
    return gate_vs_jsonb.run(dsn, documents, seed, str(gate_filter))


def test_the_gate_and_jsonb_agree(empty_database: Database) -> None:
    filter_path = BUILD / "tests/fuzz/differential/gate_filter"
    counts = run(empty_database, DOCUMENTS, 20260131, filter_path)
    assert counts["mismatches"] == []
    assert counts["documents"] == DOCUMENTS
    assert counts["stored_equal"] == counts["accepted"] > DOCUMENTS / 3
    assert counts["extra_DUPLICATE"] > 0 and counts["extra_DEPTH"] > 0


@pytest.mark.parametrize("answer", [0, 2], ids=["accepts all", "refuses all"])
def test_a_wrong_gate_is_noticed(empty_database: Database, tmp_path: Path, answer: int) -> None:
    wrong = tmp_path / "wrong_filter"
    wrong.write_text("#!/usr/bin/python3\n"
                     "import sys\n"
                     "data, at = sys.stdin.buffer.read(), 0\n"
                     "while at < len(data):\n"
                     "    at += 4 + int.from_bytes(data[at:at + 4], 'big')\n"
                     f"    sys.stdout.buffer.write(bytes([{answer}]))\n")
    wrong.chmod(0o755)
    assert len(run(empty_database, 200, 1, wrong)["mismatches"]) >= 20
