"""The tables of cost: the arithmetic by hand, and what they count."""

import cost
import pytest
from evaluated import stack


def test_the_page_has_the_tables_of_now():
    page = cost.PAGE.read_text()
    assert cost.written(page) == page, "run `make generate`"


def test_the_arithmetic_by_hand():
    # Three calls: (15 + 3 x 20) ms x 0.125 GB = 0.009375 GB-seconds, one request, one read, 2 KB.
    use = cost.EVENTS["definition"][1]
    assert use.usd("invocations") == pytest.approx(0.2e-6)
    assert use.usd("seconds") == pytest.approx(0.009375 * 0.0000133334)
    assert use.usd("reads") == pytest.approx(0.125e-6)
    assert use.usd("logs") == pytest.approx(2 / 1024**2 * 0.5)
    assert use.usd() == pytest.approx(0.2e-6 + 0.125e-6 + 1.25e-7 + 9.54e-7, rel=0.01)
    assert cost.EVENTS["run"][1].usd() == 0


def test_a_thousand_denials_by_hand():
    use = cost.EVENTS["deregistered"][1] * 1000
    told = 1000 * 0.5 / 1e6 + 1000 * 2 / 1e5
    assert use.usd("publishes", "mails") == pytest.approx(told)
    assert use.usd("writes") == pytest.approx(9000 * 0.625 / 1e6)


def test_every_kind_of_event_counts_in_every_account():
    for account in cost.ACCOUNTS:
        assert account.counts.keys() == cost.EVENTS.keys()
    months = [cost.month(account).usd() for account in cost.ACCOUNTS]
    assert months == sorted(months)


def test_what_stands_is_what_the_template_has():
    deployed = stack(Mode="audit")
    fixed = cost.standing()
    assert fixed.alarms == len(deployed.of_type("AWS::CloudWatch::Alarm"))
    assert fixed.keys == len(deployed.of_type("AWS::KMS::Key"))
    assert fixed.dashboards == len(deployed.of_type("AWS::CloudWatch::Dashboard"))
    mappings = deployed.of_type("AWS::Lambda::EventSourceMapping")
    assert fixed.requests == pytest.approx(len(mappings) * 5 * 3 * 60 * 24 * cost.DAYS)
    for function in deployed.of_type("AWS::Lambda::Function").values():
        assert function["MemorySize"] / 1024 == cost.MEMORY
