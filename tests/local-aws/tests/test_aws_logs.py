"""Amazon CloudWatch Logs: metrics in log events, and saved queries."""

from __future__ import annotations

import datetime
import json
import time
from typing import Any

import pytest
from aws_helpers import function_zip
from local_aws.process import LocalAws
from test_aws_cloudformation import deploy

PRINTING = """
import json
def handler(event):
    print(json.dumps(event), flush=True)
"""


@pytest.fixture
def logs(aws: LocalAws) -> Any:
    client = aws.client("logs")
    client.create_log_group(logGroupName="group")
    client.create_log_stream(logGroupName="group", logStreamName="stream")
    return client


def document(*dimensions: list[str], **members: Any) -> dict[str, Any]:
    """A log event whose metric is `Denied`."""
    metrics = [{"Name": "Denied", "Unit": "Count"}]
    directive = {
        "Namespace": "Guard",
        "Dimensions": list(dimensions),
        "Metrics": metrics,
    }
    now = int(time.time() * 1000)
    return {"_aws": {"Timestamp": now, "CloudWatchMetrics": [directive]}, **members}


def put(logs: Any, *messages: Any) -> None:
    now = int(time.time() * 1000)
    texts = [m if isinstance(m, str) else json.dumps(m) for m in messages]
    logs.put_log_events(
        logGroupName="group",
        logStreamName="stream",
        logEvents=[{"timestamp": now, "message": text} for text in texts],
    )


def total(aws: LocalAws, **dimensions: str) -> float:
    """The sum of `Denied` of the last minutes."""
    now = datetime.datetime.now(datetime.UTC)
    minutes = datetime.timedelta(minutes=5)
    answer = aws.client("cloudwatch").get_metric_statistics(
        Namespace="Guard",
        MetricName="Denied",
        Dimensions=[{"Name": n, "Value": v} for n, v in dimensions.items()],
        StartTime=now - minutes,
        EndTime=now + minutes,
        Period=60,
        Statistics=["Sum"],
    )
    return sum(point["Sum"] for point in answer["Datapoints"])


def test_log_event_in_the_embedded_metric_format_becomes_metrics(
    aws: LocalAws, logs: Any
) -> None:
    sets = (["stack", "function"], ["stack"])
    put(logs, document(*sets, stack="s", function="f", Denied=2))
    put(logs, document(*sets, stack="s", function="g", Denied=[1, 3]))
    assert total(aws, stack="s", function="f") == 2
    assert total(aws, stack="s", function="g") == 4
    assert total(aws, stack="s") == 6


@pytest.mark.parametrize(
    "message",
    [
        "Denied: 1",
        json.dumps({"Denied": 1, "stack": "s"}),
        "INFO " + json.dumps(document(["stack"], stack="s", Denied=1)),
        document(["stack"], Denied=1),
        document(["stack"], stack="", Denied=1),
        document(["stack"], stack="s"),
        document(["stack"], stack="s", Denied="1"),
        document(["stack"], stack="s", Denied=[1] * 101),
        {"_aws": {"CloudWatchMetrics": []}, "stack": "s", "Denied": 1},
    ],
    ids=lambda message: str(message)[:40],
)
def test_other_log_events_are_kept_and_make_no_metrics(
    aws: LocalAws, logs: Any, message: Any
) -> None:
    put(logs, message)
    assert total(aws, stack="s") == 0
    (event,) = logs.filter_log_events(logGroupName="group")["events"]
    assert event["message"] == (
        message if isinstance(message, str) else json.dumps(message)
    )


def test_line_of_a_function_becomes_metrics(aws: LocalAws) -> None:
    functions = aws.client("lambda")
    functions.create_function(
        FunctionName="f",
        Runtime="provided.al2023",
        Handler="bootstrap",
        Role=f"arn:aws:iam::{aws.account}:role/f",
        Code={"ZipFile": function_zip(PRINTING)},
        LoggingConfig={"LogFormat": "JSON"},
    )
    line = document(["stack"], stack="s", Denied=1)
    functions.invoke(FunctionName="f", Payload=json.dumps(line))
    end = time.monotonic() + 10
    while total(aws, stack="s") != 1:
        assert time.monotonic() < end
        time.sleep(0.05)


def test_query_definition_is_listed_by_the_start_of_its_name(
    aws: LocalAws, logs: Any
) -> None:
    kept = logs.put_query_definition(
        name="guard/denied", queryString="fields a", logGroupNames=["group"]
    )["queryDefinitionId"]
    logs.put_query_definition(name="other", queryString="fields b")
    found = logs.describe_query_definitions(queryDefinitionNamePrefix="guard/")
    (only,) = found["queryDefinitions"]
    assert (only["queryDefinitionId"], only["queryString"]) == (kept, "fields a")
    assert only["logGroupNames"] == ["group"]
    logs.delete_query_definition(queryDefinitionId=kept)
    found = logs.describe_query_definitions(queryDefinitionNamePrefix="guard/")
    assert found["queryDefinitions"] == []


def test_stack_creates_query_definitions_dashboards_and_alarms(aws: LocalAws) -> None:
    body = json.dumps({"widgets": []})
    resources = {
        "Query": {
            "Type": "AWS::Logs::QueryDefinition",
            "Properties": {"Name": "guard/denied", "QueryString": "fields a"},
        },
        "Dashboard": {
            "Type": "AWS::CloudWatch::Dashboard",
            "Properties": {"DashboardName": "guard", "DashboardBody": body},
        },
        "Alarm": {
            "Type": "AWS::CloudWatch::Alarm",
            "Properties": {
                "Namespace": "AWS/Events",
                "MetricName": "TriggeredRules",
                "Statistic": "Sum",
                "Period": 3600,
                "EvaluationPeriods": "72",
                "ComparisonOperator": "LessThanThreshold",
                "Threshold": 1,
                "TreatMissingData": "breaching",
                "WarmUpConfiguration": {"WarmUpPeriodDurationInMinutes": 2880},
            },
        },
    }
    ids = deploy(aws, resources)
    (query,) = aws.client("logs").describe_query_definitions()["queryDefinitions"]
    assert query["queryDefinitionId"] == ids["Query"]
    cloudwatch = aws.client("cloudwatch")
    dashboard = cloudwatch.get_dashboard(DashboardName="guard")
    assert json.loads(dashboard["DashboardBody"]) == {"widgets": []}
    (alarm,) = cloudwatch.describe_alarms(AlarmNames=[ids["Alarm"]])["MetricAlarms"]
    assert alarm["EvaluationPeriods"] == 72
