"""What is wanted, beside what is measured."""

from __future__ import annotations

from typing import Any

from sections import DECISIONS, GUARD, ratio, table


def goals(measured: dict[str, dict[str, Any]]) -> list[str]:
    """What is wanted, beside what is measured."""
    subjects = measured["cold"]["figures"]["subjects"]
    functions = {name: of for name, of in subjects.items() if of["kind"] == "function"}
    init = {name: of["init_ms"]["median"] for name, of in subjects.items()}
    slowest = max(functions, key=lambda name: init[name])
    own = max(functions, key=lambda name: functions[name]["first_own_ms"]["median"])
    rss = max(functions, key=lambda name: functions[name]["rss_mib"]["median"])
    definitions = measured["decide"]["figures"]
    of_parse = {
        (name, decision): of[decision]["ns"] / of["parse"]["ns"]
        for name, of in definitions.items()
        for decision in DECISIONS
    }
    found = {at: of for at, of in of_parse.items() if at[0] in ("typical", "weak")}
    passed = {at: of for at, of in of_parse.items() if at not in found}
    most_passed = max(passed, key=lambda at: passed[at])
    most_found = max(found, key=lambda at: found[at])
    first = functions[own]["first_own_ms"]["median"]
    mib = functions[rss]["rss_mib"]["median"]
    rows = [
        (
            f"start at most 1.5 times `noop`: {GUARD}",
            init[GUARD] / init["noop"],
            1.5,
            -1,
            "",
        ),
        (
            f"the same of the slowest, {slowest}",
            init[slowest] / init["noop"],
            1.5,
            -1,
            "",
        ),
        (
            "start at least 25 times sooner than boto3",
            init["boto3"] / init[GUARD],
            25,
            1,
            "",
        ),
        (
            "start at least 35 times sooner than Cloud Custodian",
            init["Cloud Custodian"] / init[GUARD],
            35,
            1,
            "",
        ),
        (
            f"first event at most 7 ms over AWS's own time: the longest, {own}",
            first,
            7,
            -1,
            " ms",
        ),
        (f"peak memory at most 16 MB: the most, {rss}", mib * 1.048576, 16, -1, " MB"),
        (
            f"decide at most half of parse: the most of what passes, {', '.join(most_passed)}",
            passed[most_passed],
            0.5,
            -1,
            "",
        ),
        (
            f"the same with findings to be written: the most, {', '.join(most_found)}",
            found[most_found],
            0.5,
            -1,
            "",
        ),
    ]
    return table(
        ["Goal", "measured", "of the goal", "met"],
        (
            [
                goal,
                f"{value:.3g}{unit}",
                ratio(value, bound),
                "yes" if (value - bound) * sign >= 0 else "**no**",
            ]
            for goal, value, bound, sign, unit in rows
        ),
    )
