# SPDX-License-Identifier: Apache-2.0
"""What is to be reached, in one table. A figure is (measurement, name); where it stands against
another the target is about the ratio, made round by round."""
from dataclasses import dataclass

Figure = tuple[str, str]


@dataclass(frozen=True)
class Target:
    what: str
    figure: Figure
    against: Figure | None = None
    at_least: float | None = None
    at_most: float | None = None
    unit: str = "/s"

    def is_reached(self, value: float) -> bool:
        return (self.at_least is None or value >= self.at_least) and \
            (self.at_most is None or value <= self.at_most)


STORED = "stored_per_s"
BATCHES = ("batch_100", STORED)
CONFIRM = ("confirm_1", "p50_us")

TARGETS = (
    Target("single POSTs against the tuned peer", ("single", STORED), ("single_tuned", STORED), 30),
    Target("single POSTs against the plain peer", ("single", STORED), ("single_plain", STORED), 45),
    Target("single POSTs against bare evhttp, which stores nothing", ("single", STORED),
           ("http", "answered_per_s"), 0.5),
    Target("batches of 100 against COPY of the same rows", BATCHES, ("batch_100", "copy_1_per_s"), 0.85),
    Target("drain of a backlog, one consumer, against COPY of the same rows", ("drain", STORED),
           ("drain", "copy_1_per_s"), 0.9),
    Target("at 1,000/s, POST to 202, p50, against a bare confirm", ("open_1000", "answer_p50_us"),
           CONFIRM, at_most=2, unit="µs"),
    Target("at 1,000/s, POST to 202, p99, against a bare confirm (p50)",
           ("open_1000", "answer_p99_us"), CONFIRM, at_most=10, unit="µs"),
    Target("at 1,000/s, POST to row visible, p50", ("open_1000", "visible_p50_us"), at_most=10_000,
           unit="µs"),
    Target("at 1,000/s, POST to row visible, p99", ("open_1000", "visible_p99_us"), at_most=50_000,
           unit="µs"),
    Target("batches of 100, the table filled before, against an empty one",
           ("batch_on_many", STORED), BATCHES, 0.9),
    Target("processor time of producer and consumer per event, batches of 100",
           ("batch_100", "cpu_us.holdfast"), at_most=12, unit="µs"),
    Target("processor time of producer and consumer per event, single POSTs",
           ("single", "cpu_us.holdfast"), at_most=45, unit="µs"),
    Target("memory of the producer after long batches", ("soak", "rss_mib.producer"), at_most=16,
           unit="MiB"),
    Target("memory of the consumer after long batches", ("soak", "rss_mib.consumer"), at_most=16,
           unit="MiB"),
    Target("its growth over the last four fifths of the time, producer", ("soak", "growth.producer"),
           at_most=1.05, unit="×"),
    Target("its growth over the last four fifths of the time, consumer", ("soak", "growth.consumer"),
           at_most=1.05, unit="×"),
    Target("batches of 100, feed on and nobody bound, against feed off", BATCHES,
           ("batch_no_feed", STORED), 0.93),
)
