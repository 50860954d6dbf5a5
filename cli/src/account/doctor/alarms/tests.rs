use serde_json::json;

use super::{
    super::tests::{commands, lines, wanted},
    *,
};

fn properties(threshold: &Value) -> Value {
    json!({"AlarmActions": ["arn:topic"], "Namespace": "AWS/SQS", "MetricName": "Age", "Threshold": threshold,
        "EvaluationPeriods": "72", "AlarmDescription": "It waits. Runbook: docs/operations.md#x", "Tags": []})
}

fn judged(live: Vec<Alarm>) -> Vec<String> {
    let alarm = wanted(
        "AWS::CloudWatch::Alarm",
        "QuietAlarm",
        "guard-Quiet-A1",
        properties(&json!(0)),
    );
    let checks = judge(&[&alarm], Ok(live), &commands());
    lines(checks)
}

fn live(state: &str, threshold: f64, is_enabled: bool) -> Alarm {
    let mut properties = properties(&json!(threshold));
    properties["EvaluationPeriods"] = json!(72);
    properties["ActionsEnabled"] = json!(is_enabled);
    Alarm {
        name: "guard-Quiet-A1".to_owned(),
        state: state.to_owned(),
        properties,
    }
}

#[test]
fn an_alarm_is_there_tells_somebody_and_is_quiet() {
    for state in ["OK", "INSUFFICIENT_DATA"] {
        assert_eq!(
            judged(vec![live(state, 0.0, true)]),
            ["ok QuietAlarm: there, and quiet"]
        );
    }
    assert_eq!(
        judged(vec![live("ALARM", 0.0, true)]),
        ["problem QuietAlarm: it is in ALARM"]
    );
    let told = [
        judged(vec![live("OK", 0.0, false)]),
        judged(vec![live("OK", 1000.0, true)]),
        judged(vec![]),
    ];
    insta::assert_snapshot!(told.concat().join("\n"));
}
