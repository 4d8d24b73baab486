# SPDX-License-Identifier: Apache-2.0
"""How a good client fares beside each abuse, and how long the loop's longest turn was: rounds in which
alone and beside come by turns, the median of them and the spread. The status is 1 when beside one of
them a good client's p99 is more than twice what it is alone, or a turn takes more than 50 ms."""
import argparse
import sys
from statistics import median

from abuse.abuses import ABUSES
from abuse.good import abuse, post
from rig.servers import Servers
from rig.stack import Stack


RATIO_MAX, TURN_MS_MAX = 2.0, 50.0


def measure(stack: Stack, name: str, rounds: int, seconds: float) -> bool:
    """Prints its line; false when a promise is broken."""
    port, ratios, alone, beside, faults = stack.producer.port, [], [], [], []
    for _ in range(rounds):
        alone.append(post(port, seconds).p99)
        with abuse(name, port):
            served = post(port, seconds)
        beside.append(served.p99)
        ratios.append(beside[-1] / alone[-1])
        faults += served.faults
    turn = stack.producer.metric("holdfast_loop_longest_turn_seconds") * 1000
    print(f"| {name} | {median(alone):.1f} | {median(beside):.1f} | {median(ratios):.2f} "
          f"({min(ratios):.2f}-{max(ratios):.2f}) | {turn:.1f} | {len(faults)} |", flush=True)
    return median(ratios) <= RATIO_MAX and turn <= TURN_MS_MAX and not faults


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(ABUSES)}; all when none is given")
    wanted = parser.parse_args()
    print("| abuse | alone p99 ms | beside p99 ms | ratio (spread) | longest turn ms | faults |")
    print("|---|---|---|---|---|---|", flush=True)
    kept = True
    with Servers() as servers:
        for number, name in enumerate(wanted.names or ABUSES):
            vhost = servers.broker.create_vhost()
            folder = servers.folder / f"stack{number}"
            folder.mkdir()
            stack = Stack(folder, vhost, servers.create_database(f"d{number}"))
            stack.add_producer()
            stack.start()
            try:
                kept = measure(stack, name, wanted.rounds, wanted.seconds) and kept
            finally:
                faults = stack.stop()
            if faults:
                kept = False
                print("\n".join(faults), file=sys.stderr)
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
