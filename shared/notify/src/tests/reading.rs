//! What comes from the queue.

use super::*;
use tidewaiter_report::Change;

use crate::Summary;

#[test]
fn an_alert_that_says_neither_key_nor_change_is_opened_under_its_subject() {
    let alert = read(
        "m-1",
        &json!({
            "version": 1, "kind": "decision", "severity": "high", "account": "111122223333", "region": "eu-west-1",
            "headline": "h", "mode": "audit", "subject": { "kind": "image", "id": "app@sha256:1" }, "findings": [],
        }),
    );
    assert_eq!(alert.key, "app@sha256:1");
    assert_eq!((alert.id.as_str(), alert.change), ("m-1", Change::Opened));
}

#[test]
fn an_alarm_of_the_stack_is_told_and_resolved_under_one_key() {
    let alarm = |state: &str| {
        read(
            "m",
            &json!({
                "AlarmName": "NotifyDeadLettersAlarm", "AlarmDescription": "Alerts could not be delivered.",
                "AWSAccountId": "111122223333", "NewStateValue": state, "NewStateReason": "Threshold Crossed",
                "StateChangeTime": "2026-11-25T09:00:00.000+0000",
                "AlarmArn": "arn:aws:cloudwatch:eu-west-1:111122223333:alarm:NotifyDeadLettersAlarm",
            }),
        )
    };
    let (rings, well) = (alarm("ALARM"), alarm("OK"));
    assert_eq!(
        (rings.change, well.change),
        (Change::Opened, Change::Resolved)
    );
    assert_eq!(rings.key, well.key);
    assert_eq!(rings.region, "eu-west-1");
    assert_eq!(
        serde_json::from_str::<Value>(&rings.json).unwrap()["time"],
        "2026-11-25T09:00:00Z"
    );
    assert_eq!(
        rings.headline,
        "Alarm NotifyDeadLettersAlarm rings: Alerts could not be delivered."
    );
}

#[test]
fn what_is_no_alert_says_why_and_shows_nothing_of_it() {
    for body in [
        "hunter2",
        "{}",
        &envelope("m", &json!("hunter2")),
        &envelope("m", &json!({ "version": 2, "x": "hunter2" })),
        &envelope("m", &json!({ "version": 1, "findings": "hunter2" })),
        &envelope("m", &json!({ "AlarmName": "hunter2" })),
    ] {
        let error = Incoming::read(body).unwrap_err().to_string();
        assert!(
            error.starts_with("the message is no alert: ") && !error.contains("hunter2"),
            "{error}"
        );
    }
}

#[test]
fn a_summary_is_bounded_counts_the_rest_and_begins_with_the_gravest() {
    let kept = (0..100).map(|number| {
        let severity = if number == 70 { "critical" } else { "low" };
        image(&number.to_string(), severity, &"x".repeat(5000), &[]).brief()
    });
    let summary = Summary::of_kept(kept);
    assert_eq!(summary.title, "100 alerts that waited, the worst critical");
    assert_eq!((summary.lines.len(), summary.more), (20, 80));
    assert_eq!(summary.lines[0].severity.name(), "critical");
    assert!(
        summary
            .lines
            .iter()
            .all(|line| line.headline.chars().count() <= 200)
    );
}
