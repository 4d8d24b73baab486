# SPDX-License-Identifier: Apache-2.0
"""How a good client fares beside each abuse, and how long the loop's longest turn was: rounds in which
alone and beside come by turns, the median of them and the spread."""
import argparse
import sys
from statistics import median

from abuse.abuses import ABUSES
from abuse.good import abuse, post
from rig.servers import Servers
from rig.stack import Stack


def measure(stack: Stack, name: str, rounds: int, seconds: float) -> str:
    port, ratios, alone, beside, faults = stack.producer.port, [], [], [], []
    for _ in range(rounds):
        alone.append(post(port, seconds).p99)
        with abuse(name, port):
            served = post(port, seconds)
        beside.append(served.p99)
        ratios.append(beside[-1] / alone[-1])
        faults += served.faults
    turn = stack.producer.metric("holdfast_loop_longest_turn_seconds") * 1000
    return (f"| {name} | {median(alone):.1f} | {median(beside):.1f} | {median(ratios):.2f} "
            f"({min(ratios):.2f}-{max(ratios):.2f}) | {turn:.1f} | {len(faults)} |")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(ABUSES)}; all when none is given")
    wanted = parser.parse_args()
    print("| abuse | alone p99 ms | beside p99 ms | ratio (spread) | longest turn ms | faults |")
    print("|---|---|---|---|---|---|", flush=True)
    with Servers() as servers:
        for number, name in enumerate(wanted.names or ABUSES):
            vhost = servers.broker.create_vhost()
            folder = servers.folder / f"stack{number}"
            folder.mkdir()
            stack = Stack(folder, vhost, servers.create_database(f"d{number}"))
            stack.add_producer()
            stack.start()
            try:
                print(measure(stack, name, wanted.rounds, wanted.seconds), flush=True)
            finally:
                faults = stack.stop()
            if faults:
                print("\n".join(faults), file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
