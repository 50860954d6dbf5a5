"""The sections of the page: each makes tables of what one part measured."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

GUARD = "task-definition-guard"
DECISIONS = ("decide-restricted", "decide-default")


@dataclass(frozen=True)
class Part:
    """A part of the benchmark and its section."""

    name: str
    verb: str
    title: str
    write: Callable[[dict[str, Any]], list[str]]


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    """A Markdown table whose first column is text and whose others are figures."""
    head = list(head)
    lines = [
        f"| {' | '.join(head)} |",
        "| --- |" + " ---: |" * (len(head) - 1),
    ]
    for row in rows:
        cells = list(row)
        if len(cells) != len(head) or not all(cells[1:]):
            raise ValueError(f"a cell is missing in {cells}")
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def ratio(value: float, base: float) -> str:
    """How many times the base, in three digits."""
    times = value / base
    return f"{times:.0f}" if times >= 100 else f"{times:.3g}"


def _pair(both: dict[str, float], digits: int) -> str:
    return f"{both['median']:.{digits}f} / {both['p90']:.{digits}f}"


def decide(figures: dict[str, Any]) -> list[str]:
    """What decisions take beside parsing."""
    rows = []
    for name, of in figures.items():
        parse = of["parse"]["ns"]
        row = [name, str(of["containers"]), f"{of['bytes']:,}", f"{parse:,.0f}"]
        for decision in DECISIONS:
            row += [f"{of[decision]['ns']:,.0f}", ratio(of[decision]["ns"], parse)]
        rows.append(row)
    head = ["Definition", "containers", "bytes", "parse ns"]
    for decision in DECISIONS:
        head += [f"{decision} ns", "of parse"]
    counted = [
        [
            name,
            *(
                f"{of[measured][what]:,}"
                for measured in ("parse", *DECISIONS)
                for what in ("allocations", "bytes")
            ),
        ]
        for name, of in figures.items()
    ]
    return [
        (
            "Every rule passes small, medium and large, which are one definition with 1, 2 and 10 containers: their decision is the way to a pass. Medium is laid out with less white space than the other two, so it has fewer bytes than small. The others have findings. "
            "Medians of criterion, in one thread; `restricted` denies by every rule."
        ),
        "",
        *table(head, rows),
        "",
        "Allocations, and bytes of all of them together, of one time each:",
        "",
        *table(
            [
                "Definition",
                *(
                    f"{measured} {what}"
                    for measured in ("parse", *DECISIONS)
                    for what in ("allocations", "bytes")
                ),
            ],
            counted,
        ),
    ]


def instructions(figures: dict[str, Any]) -> list[str]:
    """Instructions beside their ceilings."""
    rows = []
    for name, ceilings in figures["ceilings"].items():
        counted = figures["counted"][name]
        if counted.keys() != ceilings.keys():
            raise ValueError(f"{name} is counted as {[*counted]}")
        for what, ceiling in ceilings.items():
            count = counted[what]
            rows.append(
                [
                    f"{name}, {what}",
                    f"{count:,.0f}",
                    ratio(count, counted["parse"]),
                    f"{ceiling:,}",
                    f"{count / ceiling:.2f}",
                ]
            )
    return [
        (
            "Counted by callgrind, and the same in each run of a build: the figure to hold a change against. `make bench-instructions` fails above a ceiling "
            "(`benches/instructions/ceilings.json`)."
        ),
        "",
        *table(["", "instructions", "of parse", "ceiling", "of ceiling"], rows),
    ]


def check(figures: dict[str, Any]) -> list[str]:
    """Files a second of the command line, beside Checkov."""
    lines = [
        f"Whole processes from start to end, their output thrown away; medians of {figures['runs']} runs. Checkov reads no plain task definitions."
    ]
    for of in figures["tables"]:
        base = of["subjects"][0]["seconds"]
        rows = []
        for subject in of["subjects"]:
            rows.append(
                [
                    subject["name"],
                    f"{of['files'] / subject['seconds']:,.0f}",
                    ratio(base, subject["seconds"]),
                    f"{subject['seconds']:.2f}",
                    f"{subject['mebibytes']:.0f}",
                    ratio(subject["mebibytes"], of["subjects"][0]["mebibytes"]),
                ]
            )
        lines += [
            "",
            f"{of['files']:,} {of['title']}, {of['mebibytes']:.1f} MiB:",
            "",
            *table(
                [
                    "",
                    "files a second",
                    "to one thread",
                    "seconds",
                    "peak MiB",
                    "to one thread",
                ],
                rows,
            ),
        ]
    return lines


def cold(figures: dict[str, Any]) -> list[str]:
    """Starts, events and memory."""
    subjects = figures["subjects"]
    noop = subjects["noop"]

    def named(name: str) -> str:
        return (
            f"Cloud Custodian {figures['custodian']}"
            if name == "Cloud Custodian"
            else name
        )

    def columns(what: str, digits: int) -> list[list[str]]:
        return [
            [
                named(name),
                _pair(of[what], digits),
                ratio(of[what]["median"], noop[what]["median"]),
                ratio(of[what]["median"], subjects[GUARD][what]["median"]),
            ]
            for name, of in subjects.items()
        ]

    def against(unit: str) -> list[str]:
        return ["", f"{unit}, median / p90", "to noop", f"to {GUARD}"]

    events = [
        [
            named(name),
            _pair(of["first_ms"], 1),
            _pair(of["first_aws_ms"], 1),
            _pair(of["first_own_ms"], 1),
            ratio(of["first_ms"]["median"], subjects[GUARD]["first_ms"]["median"]),
            _pair(of["warm_ms"], 2),
            _pair(of["warm_aws_ms"], 2),
            ratio(of["warm_ms"]["median"], subjects[GUARD]["warm_ms"]["median"]),
        ]
        for name, of in subjects.items()
    ]
    return [
        (
            f"Each function as its own process against a local Runtime API and a local AWS, {figures['runs']} starts in turns. What each does in AWS is checked; the account has no cluster, because listings of one are held to ten calls a second. Not in it: the sandbox, the download of the zip, and "
            "TLS. `noop` is a Rust function that does nothing. boto3 is a handler of some lines that deregisters and tells as the guard does, without policy, ledger and audit mode. Cloud Custodian runs one policy "
            "(deregister what is privileged, notify), packed by its own packer; it imports its modules from caches that its zip has not. Both run on CPython and on boto3 as installed by pip."
        ),
        "",
        "From the start of the process until it asks for an event:",
        "",
        *table(against("start ms"), columns("init_ms", 1)),
        "",
        "From the start of the process to the end of its first event (Custodian reads its policy only then):",
        "",
        *table(against("start and first event ms"), columns("answered_ms", 1)),
        "",
        (
            f"Events, in ms, median / p90. `AWS` is the time that the local AWS took to answer the calls of the event; a warm event is the median of {figures['warm_events']} further ones. "
            f"The first event of {GUARD}, boto3 and Custodian is a privileged definition. The warm ones of the first two are of a definition that is told of and not denied, because the guard deregisters no more than "
            "once in two seconds; Custodian's are privileged again, and so one call more than boto3's."
        ),
        "",
        *table(
            [
                "",
                "first event",
                "of it AWS",
                "its own",
                f"to {GUARD}",
                "warm event",
                "of it AWS",
                f"to {GUARD}",
            ],
            events,
        ),
        "",
        "Peak of resident memory after all events:",
        "",
        *table(against("MiB"), columns("rss_mib", 1)),
    ]


def zips(figures: dict[str, Any]) -> list[str]:
    """What Lambda downloads."""
    sizes = figures["sizes"]
    noop, guard = sizes["noop"]["zip"], sizes[GUARD]["zip"]
    rows = [
        [
            name,
            f"{size['zip']:,}",
            ratio(size["zip"], noop),
            ratio(size["zip"], guard),
            f"{size['unpacked']:,}",
        ]
        for name, size in sizes.items()
    ]
    return [
        f"As `make package` packs them, which fails above {figures['limit']:,} bytes. Custodian's is what it packs for a policy: it takes Python and boto3 from Lambda's runtime.",
        "",
        *table(["", "zip bytes", "to noop", f"to {GUARD}", "unpacked bytes"], rows),
    ]


def _latencies(named: dict[str, tuple[dict[str, float], int, str]]) -> list[str]:
    return table(
        ["", "events", "p50", "p90", "p99", "most", "p99 / p50"],
        (
            [
                name,
                f"{of['count']}",
                *(
                    f"{of[which]:,.{digits}f} {unit}"
                    for which in ("p50", "p90", "p99", "most")
                ),
                ratio(of["p99"], of["p50"]),
            ]
            for name, (of, digits, unit) in named.items()
        ),
    )


def latency(figures: dict[str, Any]) -> list[str]:
    """Events to actions on the local AWS."""
    burst = figures["burst"]
    kinds, alerts = burst["kinds"], burst["alerts"]
    return [
        (
            "From the moment at which the local AWS takes RegisterTaskDefinition until the call of the function reaches it. In it: the answer to the registration, 20 ms that the local AWS waits before it sends an event, "
            "rule and asynchronous invocation, the function as it is deployed, and its calls to the ledger under the roles of the template. Not in it: what CloudTrail takes to deliver a record in AWS, which is seconds, "
            "and TLS. One event at a time; denied definitions in five Regions in turn, so that none waits for the pace of deregistrations."
        ),
        "",
        *_latencies(
            {
                "weak definition, until Publish": (figures["told"], 0, "ms"),
                "privileged definition, until DeregisterTaskDefinition": (
                    figures["deregistered"],
                    0,
                    "ms",
                ),
            }
        ),
        "",
        (
            f"A burst of {burst['count']:,} registrations at once, of which {kinds['privileged']} are denied, {kinds['weak']} are told of and {kinds['hardened']} are well, with one concurrent execution as the template "
            "reserves it. DeregisterTaskDefinition is paced at one call in two seconds, so that deployments of the account keep half of ECS's rate; while a call waits, so does everything behind it, "
            f"which makes {2 * (kinds['privileged'] - 1)} s at the least. AWS itself lets an account register one definition a second, after a burst of 20: a thousand would take it a quarter of an hour."
        ),
        "",
        *table(
            ["", "figure"],
            [
                ["registered in", f"{burst['registering_s']:.1f} s"],
                [
                    "all dealt with, from the first registration",
                    f"{burst['drained_s']:.1f} s",
                ],
                [
                    "ended rightly (status, judged once, alerts)",
                    f"{burst['right']} of {burst['count']}",
                ],
                [
                    "alerts",
                    f"{alerts['opened']} opened, {alerts['resolved']} resolved",
                ],
                [
                    "invocations that Lambda put off, one a second and event",
                    f"{burst['lambda_throttles']:,}",
                ],
                ["calls that AWS throttled", f"{burst['throttled_calls']}"],
                ["events handed back to be tried again", f"{burst['retries']}"],
            ],
        ),
        "",
        *_latencies(
            {
                "in the burst: weak, until Publish": (burst["told_s"], 1, "s"),
                "in the burst: privileged, until DeregisterTaskDefinition": (
                    burst["deregistered_s"],
                    1,
                    "s",
                ),
            }
        ),
    ]


PARTS = (
    Part("decide", "bench-decide", "Deciding", decide),
    Part(
        "instructions",
        "bench-instructions",
        "Instructions of a decision",
        instructions,
    ),
    Part("check", "bench-check", "The command line", check),
    Part("cold", "bench-cold", "Cold starts", cold),
    Part("zips", "bench-zips", "Zips", zips),
    Part("latency", "bench-latency", "From the event to the action", latency),
)
