# SPDX-License-Identifier: Apache-2.0
"""Rounds of random faults on servers of their own, until the time is up or a round is not clean.

Each round is a fresh virtual host and database, a fresh seed (the first one plus its number), ten
faults, in the second half of the campaign two at a time, and a judgement. With two installations of
the broker each round begins on a new node of the first one, which in its middle is upgraded to the
second. A fault that did not happen makes its round unclean as well as an event that is missing. The
journal and logs of a round that is not clean are kept and named.
"""
import argparse
import secrets
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

# The paths above must be there first.
from checker import Verdict  # noqa: E402
from faults import LINK_FAULTS, LOST_ANSWERS, PROCESS_FAULTS  # noqa: E402
from rig.database import remove_folder  # noqa: E402
from rig.roots import sharing  # noqa: E402
from rig.servers import Servers  # noqa: E402
from rig.stack import Stack  # noqa: E402
from run import Run  # noqa: E402
from state_faults import CLOCK_FAULTS, STATE_FAULTS, upgrade_broker  # noqa: E402

Fault = Callable[[Run], None]
FAULTS = (*PROCESS_FAULTS, *LOST_ANSWERS, *LINK_FAULTS, *STATE_FAULTS, *CLOCK_FAULTS)
# Links may fail whatever else is being killed, frozen or restarted meanwhile.
TOGETHER = LINK_FAULTS
FAULTS_A_ROUND = 10


class Campaign:
    def __init__(self, servers: Servers, options: argparse.Namespace):
        self.servers, self.options = servers, options
        self.happened: Counter = Counter()
        self.found: Counter = Counter()
        self.rounds = 0
        self._begin = time.monotonic()

    @property
    def minutes(self) -> float:
        return (time.monotonic() - self._begin) / 60

    def round(self) -> bool:
        """Whether it was clean."""
        seed = self.options.seed + self.rounds
        self.rounds += 1
        if self.options.brokers and self.rounds > 1:
            self.servers.broker.root = self.options.brokers[0]
            self.servers.broker.replace()
        folder = Path(tempfile.mkdtemp(prefix=f"round-{seed}-"))
        vhost = self.servers.broker.create_vhost()
        database = self.servers.create_database(secrets.token_hex(4))

        def make_stack(**_: object) -> Stack:
            return Stack(folder, vhost, database)

        run = Run(make_stack, folder, seed, clocks=True)
        verdict, wrong = Verdict(), []
        try:
            run.start()
            for faults in self._faults(run):
                self._inject(run, faults)
            verdict = run.finish(180)
        except Exception as error:  # whatever it was, the round is not clean and the figures are told
            wrong.append(repr(error))
        finally:
            wrong += run.close()
        self._note(verdict)
        clean = verdict.ok and not wrong
        print(f"round {self.rounds} seed {seed}: "
              f"{'clean' if clean else f'NOT CLEAN, see {run.journal.path}'}; "
              f"{self.happened.total()} faults, {self.found['accepted']} accepted so far", flush=True)
        if not clean:
            print("\n".join(wrong), flush=True)
        else:
            vhost.drop()
            database.drop()
            remove_folder(folder)
        return clean

    def _faults(self, run: Run) -> list[list[Fault]]:
        """What is to happen, step by step."""
        in_pairs = self.minutes > self.options.minutes / 2
        steps = [[run.dice.choice(FAULTS)] for _ in range(FAULTS_A_ROUND)]
        if in_pairs:
            steps = [[*step, run.dice.choice(TOGETHER)] for step in steps]
        if self.options.brokers:
            run.upgrade_to = self.options.brokers[1]
            steps.insert(FAULTS_A_ROUND // 2, [upgrade_broker])
        return steps

    def _inject(self, run: Run, faults: list[Fault]) -> None:
        with ThreadPoolExecutor(len(faults)) as pool:
            list(pool.map(run.inject, faults))
        self.happened.update(fault.__name__ for fault in faults)
        run.wait_ready()
        run.wait_accepted(20)

    def _note(self, verdict: Verdict) -> None:
        self.found.update(accepted=verdict.accepted, rows=verdict.rows)
        self.found.update({kind: len(getattr(verdict, kind)) for kind in Verdict.KINDS})

    def report(self) -> str:
        counts = ", ".join(f"{self.found[kind]} {kind}" for kind in Verdict.KINDS)
        faults = [f"  {name:26} {n}\n" for name, n in sorted(self.happened.items())]
        return (f"{''.join(faults)}{self.rounds} rounds in {self.minutes:.0f} minutes, "
                f"{self.happened.total()} faults, {self.found['accepted']} events accepted, "
                f"{self.found['rows']} rows: {counts}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--brokers", type=Path, nargs=2, metavar=("OLD", "NEW"),
                        help="roots of two Debians with the broker before and after an upgrade; "
                             "/ is this one")
    options = parser.parse_args()
    with ExitStack() as held:
        servers = Servers()
        if options.brokers:
            servers.broker.root = options.brokers[0]
            roots = [root for root in options.brokers if root != Path("/")]
            held.enter_context(sharing(servers.folder, roots))
        held.enter_context(servers)
        campaign = Campaign(servers, options)
        clean = True
        while clean and campaign.minutes < options.minutes:
            clean = campaign.round()
    print(campaign.report())
    return 0 if clean else 1


if __name__ == "__main__":
    sys.exit(main())
