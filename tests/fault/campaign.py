# SPDX-License-Identifier: Apache-2.0
"""Rounds of random faults on servers of their own, until the time is up or a round is not clean.

Each round is a fresh virtual host and database, a fresh seed (the first one plus its number), ten
faults, in the second half of the campaign two at a time, and a judgement. The journal and logs of
a round that is not clean are kept and named.
"""
import argparse
import secrets
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

# The paths above must be there first.
from checker import Verdict  # noqa: E402
from faults import FAULTS, Run  # noqa: E402
from rig.database import remove_folder  # noqa: E402
from rig.servers import Servers  # noqa: E402
from rig.stack import Stack  # noqa: E402

# What can happen to a link whatever else is being killed, frozen or restarted meanwhile.
TOGETHER = ["blackhole", "cut_in_the_middle", "cut_links", "refuse", "slow_link"]
FAULTS_A_ROUND = 10


def one_round(servers: Servers, seed: int, pairs: bool, done: Counter) -> tuple[Verdict, Run]:
    folder = Path(tempfile.mkdtemp(prefix=f"round-{seed}-"))
    vhost, database = servers.broker.create_vhost(), servers.create_database(secrets.token_hex(4))

    def make_stack(**_: object) -> Stack:
        return Stack(folder, vhost, database)

    run = Run(make_stack, folder, seed)
    try:
        run.start()
        for _ in range(FAULTS_A_ROUND):
            names = [run.dice.choice(sorted(FAULTS))]
            if pairs:
                names.append(run.dice.choice(TOGETHER))
            with ThreadPoolExecutor(2) as pool:
                list(pool.map(run.inject, names))
            done.update(names)
            run.wait_ready()
            run.wait_accepted(20)
        verdict = run.finish(180)
    finally:
        faults = run.close()
    verdict.answers += faults
    if verdict.ok:
        vhost.drop()
        database.drop()
        remove_folder(folder)
    return verdict, run


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    begin, end = time.monotonic(), time.monotonic() + options.minutes * 60
    done: Counter = Counter()
    accepted = rows = rounds = bad = 0
    with Servers() as servers:
        while time.monotonic() < end and not bad:
            pairs = time.monotonic() - begin > options.minutes * 30
            verdict, run = one_round(servers, options.seed + rounds, pairs, done)
            rounds += 1
            accepted += verdict.accepted
            rows += verdict.rows
            bad += not verdict.ok
            print(f"round {rounds} seed {options.seed + rounds - 1}: "
                  f"{'clean' if verdict.ok else 'NOT CLEAN, see ' + str(run.journal.path)}; "
                  f"{sum(done.values())} faults, {accepted} accepted so far", flush=True)
    print(f"{rounds} rounds, {sum(done.values())} faults, {accepted} events accepted, {rows} rows")
    for name, times in sorted(done.items()):
        print(f"  {name:20} {times}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
