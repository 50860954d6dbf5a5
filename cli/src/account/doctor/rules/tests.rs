use serde_json::json;

use super::{
    super::tests::{commands, lines, wanted},
    *,
};

fn rule() -> Wanted {
    let properties = json!({"State": "ENABLED", "Description": "It's pushed",
        "EventPattern": {"source": ["aws.ecr"], "detail": {"x": [{"exists": false}]}},
        "Targets": [{"Id": "guard", "Arn": "arn:function", "DeadLetterConfig": {"Arn": "arn:dead"},
            "RetryPolicy": {"MaximumRetryAttempts": 185}}]});
    wanted(
        "AWS::Events::Rule",
        "ImagePushed",
        "guard-ImagePushed-A1",
        properties,
    )
}

fn live(state: &str, exists: &Value) -> Value {
    let pattern = json!({"detail": {"x": [{"exists": exists}]}, "source": ["aws.ecr"]});
    json!({"State": state, "EventPattern": pattern.to_string()})
}

fn target(id: &str, arn: &str) -> Value {
    json!({"Id": id, "Arn": arn, "DeadLetterConfig": {"Arn": "arn:dead"}, "RetryPolicy": {"MaximumRetryAttempts": 185}})
}

fn judged(live: Option<Value>, targets: Vec<Value>) -> Vec<String> {
    lines(judge(&rule(), Ok(live), Ok(targets), &commands()))
}

#[test]
fn a_rule_that_is_as_in_the_template_is_well() {
    let well = judged(
        Some(live("ENABLED", &json!(false))),
        vec![target("guard", "arn:function")],
    );
    assert_eq!(well, [format!("ok ImagePushed: {WELL}")]);
}

#[test]
fn every_change_of_a_rule_has_a_name_and_a_way_back() {
    let guard = || target("guard", "arn:function");
    let well = || Some(live("ENABLED", &json!(false)));
    let told = [
        judged(Some(live("DISABLED", &json!(false))), vec![guard()]),
        // A text in place of a boolean matches nothing.
        judged(Some(live("ENABLED", &json!("false"))), vec![guard()]),
        judged(well(), vec![]),
        judged(well(), vec![target("guard", "arn:other")]),
        judged(well(), vec![guard(), target("spy", "arn:other")]),
        judged(None, vec![]),
    ];
    insta::assert_snapshot!(told.concat().join("\n"));
}
