"""What a stack costs, worked out from counts and list prices.

    python infra/cost.py [--write]

prints the tables that stand in docs/operations.md between their marks, or writes them there; a test
compares. Prices are those that AWS publishes for us-east-1, without free tiers and discounts. What an
event takes is what ARCHITECTURE.md says of its calls; how long a call takes is an assumption, on the
high side. No bill was looked at.
"""

import argparse
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

INFRA = Path(__file__).resolve().parent
PAGE = INFRA.parent / "docs" / "operations.md"
BEGIN, END = "<!-- cost: begin, by infra/cost.py -->", "<!-- cost: end -->"
MEMORY = 128 / 1024  # GB of a function, as in the template
OWN = 15  # milliseconds of a function itself, above what README.md measured
CALL = 20  # milliseconds of a call to AWS
ALERT_WRITE = 3  # write units of an entry that holds an alert: some 3 KB
LOG = (
    2 / 1024 / 1024
)  # GB of the lines of an event: `handled`, `metrics` and those of Lambda
DAYS = 30.4


@dataclass(frozen=True)
class Price:
    """What AWS takes for one of something, in USD."""

    what: str
    usd: float
    each: int
    unit: str
    page: str

    def of(self, count: float) -> float:
        """USD for that many."""
        return self.usd * count / self.each


PRICES = {
    "invocations": Price("Lambda, requests", 0.20, 1_000_000, "requests", "lambda"),
    "seconds": Price("Lambda, arm64", 0.0000133334, 1, "GB-second", "lambda"),
    "requests": Price("SQS, standard", 0.40, 1_000_000, "requests", "sqs"),
    "reads": Price("DynamoDB, on demand", 0.125, 1_000_000, "read units", "dynamodb"),
    "writes": Price("DynamoDB, on demand", 0.625, 1_000_000, "write units", "dynamodb"),
    "publishes": Price("SNS", 0.50, 1_000_000, "publishes", "sns"),
    "mails": Price("SNS, e-mail", 2.00, 100_000, "deliveries", "sns"),
    "logs": Price("CloudWatch Logs", 0.50, 1, "GB taken in", "cloudwatch"),
    "metrics": Price(
        "CloudWatch, custom metrics", 0.30, 1, "metric a month", "cloudwatch"
    ),
    "alarms": Price("CloudWatch, alarms", 0.10, 1, "alarm a month", "cloudwatch"),
    "dashboards": Price(
        "CloudWatch, dashboards", 3.00, 1, "dashboard a month", "cloudwatch"
    ),
    "keys": Price("KMS", 1.00, 1, "key a month", "kms"),
}


@dataclass(frozen=True)
class Use:
    """How much of each is used; the names are those of the prices."""

    invocations: float = 0
    seconds: float = 0
    requests: float = 0
    reads: float = 0
    writes: float = 0
    publishes: float = 0
    mails: float = 0
    logs: float = 0
    metrics: float = 0
    alarms: float = 0
    dashboards: float = 0
    keys: float = 0

    def __add__(self, other: "Use") -> "Use":
        return self._each(lambda name: getattr(self, name) + getattr(other, name))

    def __mul__(self, count: float) -> "Use":
        return self._each(lambda name: getattr(self, name) * count)

    def _each(self, value: Callable[[str], float]) -> "Use":
        return Use(**{each.name: value(each.name) for each in fields(Use)})

    def usd(self, *names: str) -> float:
        """USD of these, or of all."""
        named = names or tuple(PRICES)
        return sum(PRICES[name].of(getattr(self, name)) for name in named)


def event(calls: int, share: float = 1, **more: float) -> Use:
    """One event that takes `calls` calls to AWS, of an invocation that deals with 1 / `share` of them."""
    seconds = (OWN * share + CALL * calls) / 1000 * MEMORY
    return Use(invocations=share, seconds=seconds, logs=LOG * share, **more)


# Calls as ARCHITECTURE.md lists them: G a read, U a write, Publish a publish and an e-mail.
EVENTS: dict[str, tuple[str, Use]] = {
    "definition": ("A definition is registered and allowed", event(3, reads=1)),
    "deregistered": (
        "A definition is denied, deregistered and told",
        event(11, reads=2, writes=3 + 2 * ALERT_WRITE, publishes=1, mails=1),
    ),
    "run": ("A run that overrides nothing", Use()),
    "scan": ("An image is scanned and allowed", event(5, reads=1)),
    "archived": (
        "An image is denied, archived, told and resolved",
        event(22, reads=4, writes=4 + 4 * ALERT_WRITE, publishes=2, mails=2),
    ),
    "finding": (
        "A finding of Amazon Inspector, fifty in a batch",
        event(0, 1 / 50, requests=3) + Use(seconds=CALL * 14 / 33 / 1000 * MEMORY),
    ),
    "push": ("An image is pushed", event(3, reads=1)),
    "deployment": ("A deployment begins", event(6, reads=3)),
    "task": (
        "A task changes its state, ten in a batch",
        event(1, 1 / 10, requests=3, writes=1),
    ),
}


@dataclass(frozen=True)
class Account:
    """An account: how much happens in it in a month."""

    name: str
    tasks: int  # that run at a time; a listing writes each, four times a day
    counts: dict[str, int]


ACCOUNTS = [
    Account(
        "small", 50,
        {"definition": 300, "deregistered": 5, "run": 2_000, "scan": 300, "archived": 5, "finding": 0, "push": 300, "deployment": 300, "task": 15_000},
    ),
    Account(
        "medium", 1_000,
        {"definition": 5_000, "deregistered": 50, "run": 100_000, "scan": 5_000, "archived": 50, "finding": 20_000, "push": 5_000, "deployment": 5_000, "task": 300_000},
    ),
    Account(
        "large", 10_000,
        {"definition": 50_000, "deregistered": 500, "run": 2_000_000, "scan": 50_000, "archived": 500, "finding": 500_000, "push": 50_000, "deployment": 50_000, "task": 5_000_000},
    ),
]  # fmt: skip


def alarms() -> int:
    """The alarms of a stack without channels and without a hub."""
    text = (INFRA / "template.yaml").read_text()
    found = re.findall(r"Type: AWS::CloudWatch::Alarm\n(    Condition: (\w+)\n)?", text)
    return sum(condition in ("", "WatchQuiet") for _, condition in found)


def standing() -> Use:
    """What a stack in daily use takes in a month, whatever happens."""
    fixed = Use(metrics=30, alarms=alarms(), dashboards=1, keys=2)
    # Lambda asks each of the two queues with five long polls of 20 seconds, also when nothing comes.
    polls = Use(requests=2 * 5 * 86_400 / 20 * DAYS)
    # Two reviews a day and four listings.
    return fixed + polls + event(5) * (2 * DAYS) + event(20) * (4 * DAYS)


def month(account: Account) -> Use:
    """What happens in an account in a month, with the listings of what runs."""
    listings = Use(writes=1, seconds=CALL / 50 / 1000 * MEMORY) * (
        account.tasks * 4 * DAYS
    )
    total = listings
    for kind, count in account.counts.items():
        total += EVENTS[kind][1] * count
    return total


def table(head: list[str], rows: list[list[str]]) -> str:
    """A table in Markdown, numbers to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def plain(value: float) -> str:
    """A number without more digits than it needs."""
    return f"{value:,.10f}".rstrip("0").rstrip(".") or "0"


GROUPS = {
    "Lambda": ("invocations", "seconds"),
    "DynamoDB": ("reads", "writes"),
    "SQS": ("requests",),
    "SNS": ("publishes", "mails"),
    "logs": ("logs",),
}


def tables() -> str:
    """All that stands between the marks."""
    prices = table(
        ["Price", "USD", "for", "published at"],
        [
            [each.what, plain(each.usd), f"{each.each:,} {each.unit}", f"aws.amazon.com/{each.page}/pricing"]
            for each in PRICES.values()
        ],
    )  # fmt: skip
    of_events = table(
        ["1,000 times", *GROUPS, "USD"],
        [
            [text, *(f"{(use * 1000).usd(*names):.4f}" for names in GROUPS.values()), f"{(use * 1000).usd():.4f}"]
            for text, use in EVENTS.values()
        ],
    )  # fmt: skip
    kinds = [
        [text, *(f"{each.counts[kind]:,}" for each in ACCOUNTS)]
        for kind, (text, _) in EVENTS.items()
    ]
    fixed = standing()
    sums = [
        ["tasks that run at a time", *(f"{each.tasks:,}" for each in ACCOUNTS)],
        ["**standing**, USD a month", *[f"{fixed.usd():.2f}"] * len(ACCOUNTS)],
        ["**events and listings**, USD a month", *(f"{month(each).usd():.2f}" for each in ACCOUNTS)],
        ["**together**, USD a month", *(f"{(fixed + month(each)).usd():.2f}" for each in ACCOUNTS)],
    ]  # fmt: skip
    accounts = table(["A month", *(each.name for each in ACCOUNTS)], kinds + sums)
    parts = [
        f"{plain(fixed.metrics)} metrics x 0.30 = {fixed.usd('metrics'):.2f}",
        f"{plain(fixed.alarms)} alarms x 0.10 = {fixed.usd('alarms'):.2f}",
        f"a dashboard {fixed.usd('dashboards'):.2f}",
        f"{plain(fixed.keys)} keys {fixed.usd('keys'):.2f}",
        f"{fixed.requests:,.0f} polls of two queues x 0.40 / 1,000,000 = {fixed.usd('requests'):.2f}",
        f"reviews and listings of nothing {fixed.usd('invocations', 'seconds', 'logs'):.2f}",
    ]
    shown = EVENTS["deregistered"][1]
    worked = (
        "An example, a thousand definitions that are denied: invocations 1,000 x 0.20 / 1,000,000; time "
        f"1,000 x ({OWN} + 11 x {CALL}) ms x 0.125 GB = {shown.seconds * 1000:.2f} GB-seconds x 0.0000133334; "
        f"{plain(shown.reads * 1000)} reads and {plain(shown.writes * 1000)} write units; 1,000 publishes and e-mails; "
        f"{shown.logs * 1000:.4f} GB of logs x 0.50."
    )
    return "\n\n".join(
        [prices, f"Standing: {'; '.join(parts)}.", of_events, worked, accounts]
    )


def written(page: str) -> str:
    """The page with the tables of now."""
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n\n{tables()}\n\n{END}{after}"


def main(arguments: list[str]) -> int:
    """Prints the tables or writes them."""
    parser = argparse.ArgumentParser(description="work out what a stack costs")
    parser.add_argument("--write", action="store_true", help=f"into {PAGE.name}")
    if parser.parse_args(arguments).write:
        PAGE.write_text(written(PAGE.read_text()))
    else:
        print(tables())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
