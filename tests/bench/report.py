# SPDX-License-Identifier: Apache-2.0
"""The figures of a run as text: Markdown tables, for the terminal and for docs/benchmarks.md alike.
Everything is the median over the rounds with the least and the greatest behind it."""
import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from measurements import MEASUREMENTS
from targets import TARGETS, Figure, Target

BEGIN = "<!-- Written by tests/bench/run --write; begin -->"
END = "<!-- Written by tests/bench/run --write; end -->"


@dataclass(frozen=True)
class Spread:
    median: float
    least: float
    greatest: float

    def text(self, scale: float = 1.0) -> str:
        middle, *ends = (short(v * scale) for v in (self.median, self.least, self.greatest))
        return middle if self.least == self.greatest else f"{middle} ({ends[0]}–{ends[1]})"


def short(value: float) -> str:
    """Three digits are what such figures are worth; rates keep their thousands."""
    if abs(value) >= 100:
        return f"{float(f'{value:.4g}'):,.0f}"
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"


class Run:
    """The records of a run, asked by measurement and figure."""

    def __init__(self, report: dict):
        self.report = report
        self._figures = {(r["measurement"], r["round"]): r["figures"]
                         for r in report["records"] if "figures" in r}

    def rounds(self, figure: Figure) -> dict[int, float]:
        name, key = figure
        return {number: figures[key] for (n, number), figures in self._figures.items()
                if n == name and key in figures}

    def spread(self, figure: Figure) -> Spread | None:
        return spread_of(self.rounds(figure).values())

    def ratio(self, figure: Figure, against: Figure) -> Spread | None:
        """Made within rounds; of the rounds that have both."""
        ours, other = self.rounds(figure), self.rounds(against)
        return spread_of([ours[n] / other[n] for n in ours if other.get(n)])

    def figures_of(self, name: str) -> list[dict[str, float]]:
        return [figures for (n, _), figures in self._figures.items() if n == name]


def spread_of(values: Iterable[float]) -> Spread | None:
    values = list(values)
    return Spread(statistics.median(values), min(values), max(values)) if values else None


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    if not rows:
        return []
    return ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)] + \
        ["| " + " | ".join(row) + " |" for row in rows] + [""]


def with_unit(spread: Spread, unit: str) -> str:
    return f"{spread.text()} {unit}" if unit and unit != "/s" else spread.text()


def target_row(run: Run, target: Target) -> list[str] | None:
    ours = run.spread(target.figure)
    judged = run.ratio(target.figure, target.against) if target.against else ours
    if ours is None or judged is None:
        return None
    other = run.spread(target.against) if target.against else None
    limit = f"≥ {target.at_least:g}" if target.at_least is not None else f"≤ {target.at_most:,g}"
    return [target.what, with_unit(ours, target.unit), with_unit(other, target.unit) if other else "",
            judged.text() if target.against else "", limit,
            "yes" if target.is_reached(judged.median) else "**no**"]


def targets(run: Run) -> list[str]:
    rows = [row for row in (target_row(run, t) for t in TARGETS) if row]
    return table(["what", "Holdfast", "against", "ratio", "target", "reached"], rows)


def figure_table(run: Run, heads: list[tuple[str, str, float]], needs: str) -> list[str]:
    """A row for each measurement that has the figure `needs`; heads: title, figure, factor."""
    rows = []
    for measurement in MEASUREMENTS:
        if run.spread((measurement.name, needs)) is None:
            continue
        spreads = [run.spread((measurement.name, key)) for _, key, _ in heads]
        rows.append([measurement.what] + [s.text(factor) if s else ""
                                          for s, (_, _, factor) in zip(spreads, heads)])
    return table(["load"] + [title for title, _, _ in heads], rows)


def stored(run: Run) -> list[str]:
    rows = []
    for measurement in MEASUREMENTS:
        rate = run.spread((measurement.name, "stored_per_s"))
        if rate is None:
            continue
        all_figures = run.figures_of(measurement.name)
        sums = [sum(f.get(key, 0) for f in all_figures) for key in ("stored", "lost", "duplicated", "bad")]
        p99 = run.spread((measurement.name, "p99_us"))
        accepted = run.spread((measurement.name, "accepted_per_s"))
        rows.append([measurement.what, rate.text(), accepted.text() if accepted else "",
                     p99.text(1e-3) if p99 else "",
                     *(f"{int(n):,}" for n in sums)])
    return table(["load", "stored/s", "accepted/s", "answer p99, ms", "events stored", "lost", "duplicated",
                  "refused"], rows)


def bare_limits(run: Run) -> list[str]:
    rows = []
    for name, key, what in (
            ("http", "answered_per_s", "evhttp answering 202, 64 connections, requests/s"),
            ("batch_100", "copy_1_per_s", "COPY of the rows of batches of 100, 1 connection, rows/s"),
            ("batch_100", "copy_2_per_s", "the same over 2 connections"),
            ("batch_100", "copy_in_use_per_s", "the same over 1, naming only the columns in use"),
            ("batch_mixed", "copy_1_per_s", "COPY of the rows of all five systems, rows/s"),
            ("drain", "copy_1_per_s", "COPY of the rows of the backlog, rows/s"),
            ("insert", "inserted_per_s", "pgbench, one INSERT a transaction, 16 clients, rows/s"),
            ("confirm_1", "confirmed_per_s", "confirms, window 1, 1 event a message, messages/s"),
            ("confirm_1", "p50_us", "its round trip, p50, µs"),
            ("confirm_1", "p99_us", "its round trip, p99, µs"),
            ("confirm_1_of_100", "confirmed_per_s", "confirms, window 1, 100 events, messages/s"),
            ("confirm_1024", "confirmed_per_s", "confirms, window 1,024, 1 event, messages/s"),
            ("confirm_1024_of_100", "confirmed_per_s", "confirms, window 1,024, 100 events, messages/s"),
            ("confirm_1024", "consumed_per_s", "deliveries of 1 event acknowledged, messages/s")):
        spread = run.spread((name, key))
        if spread:
            rows.append([what, spread.text()])
    return table(["bare limit", "figure"], rows)


def latency(run: Run) -> list[str]:
    return figure_table(run, [
        ("202 p50, ms", "answer_p50_us", 1e-3), ("p99", "answer_p99_us", 1e-3),
        ("p99.9", "answer_p999_us", 1e-3), ("row visible p50, ms", "visible_p50_us", 1e-3),
        ("p99", "visible_p99_us", 1e-3), ("longest look, ms", "longest_between_looks_us", 1e-3),
        ("client late p99, ms", "client_late_p99_us", 1e-3)], "answer_p50_us")


def costs(run: Run) -> list[str]:
    return figure_table(run, [
        ("producer", "cpu_us.producer", 1), ("consumer", "cpu_us.consumer", 1),
        ("RabbitMQ", "cpu_us.rabbitmq", 1), ("PostgreSQL", "cpu_us.postgres", 1),
        ("client", "cpu_us.client", 1)], "cpu_us.producer")


def written(run: Run) -> list[str]:
    return figure_table(run, [
        ("RabbitMQ", "rabbitmq_bytes", 1), ("PostgreSQL's WAL", "wal_bytes", 1),
        ("its pages", "page_bytes", 1)], "wal_bytes")


def memory(run: Run) -> list[str]:
    return figure_table(run, [
        ("producer, MiB", "rss_mib.producer", 1), ("most ever", "peak_mib.producer", 1),
        ("consumer, MiB", "rss_mib.consumer", 1), ("most ever", "peak_mib.consumer", 1)],
        "rss_mib.producer")


def machine(report: dict) -> list[str]:
    m, scale = report["machine"], report["scale"]
    load = m["load_average_before"]
    lines = [
        f"{m['processors']} processors ({m['processor']}), {m['memory_gib']} GiB, Linux {m['kernel']}; "
        f"8 KiB appended and flushed (fdatasync) take {m['fdatasync_us']:,} µs. Load average before: "
        f"{load}" + (" - **others were at work here**, take the ratios, not the rates." if load > 1
                     else "."),
        "Versions: " + ", ".join(f"{k} {v}" for k, v in m["versions"].items()) + ".",
        "PostgreSQL: " + ", ".join(f"{k} {v}" for k, v in m["postgresql_settings"].items())
        + ". Quorum queues of one node; the daemons' settings are their defaults.",
        f"{report['rounds']} rounds at most, {report.get('minutes', 0)} minutes; closed loops over 64 "
        f"connections, {scale['single_seconds']:g} s of single POSTs, {scale['batch_seconds']:g} s of "
        f"batches; open loops of {scale['open_seconds']:g} s; a backlog of {scale['drain_events']:,}; "
        f"{scale['prefilled_rows']:,} rows filled before; {scale['soak_seconds']:g} s of batches, each "
        f"{scale['batch_seconds']:g} s until all is stored, for the memory."]
    return [line for text in lines for line in (text, "")]


def failures(report: dict) -> list[str]:
    return [f"- {r['measurement']}, round {r['round']}, failed: {r['error']}"
            for r in report["records"] if "error" in r]


SECTIONS = (
    ("Targets", targets), ("Stored", stored), ("Bare limits", bare_limits),
    ("Latency at a fixed rate, from the moment a request was due", latency),
    ("Processor time per event, µs", costs), ("Bytes written per event", written),
    ("Resident memory", memory))


def render(report: dict) -> str:
    run = Run(report)
    lines = machine(report)
    for title, make in SECTIONS:
        body = make(run)
        if body:
            lines += [f"### {title}", "", *body]
    failed = failures(report)
    if failed:
        lines += ["### What failed", "", *failed, ""]
    return "\n".join(lines)


def write_section(path: Path, report: dict) -> None:
    """Replaces what stands between the marks; the rest is written by hand."""
    before, begin, rest = path.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    assert begin and end, f"{path} has no marks"
    path.write_text(f"{before}{BEGIN}\n\n{render(report)}\n{END}{after}")
