use serde_json::json;

use super::{
    super::tests::{commands, lines, wanted},
    *,
};

fn function() -> Wanted {
    let properties = json!({"Role": "arn:role", "Timeout": 120, "MemorySize": 128, "Layers": ["arn:layer:1"],
        "Code": {"S3Bucket": "bucket", "S3Key": "key"}, "ReservedConcurrentExecutions": "1",
        "LoggingConfig": {"LogFormat": "JSON", "LogGroup": "group"},
        "Environment": {"Variables": {"TIDEWAITER_MODE": "enforce", "TIDEWAITER_LEDGER": "ledger"}}});
    wanted(
        "AWS::Lambda::Function",
        "Guard",
        "guard-Guard-A1",
        properties,
    )
}

fn configuration() -> Value {
    json!({"State": "Active", "LastUpdateStatus": "Successful", "Role": "arn:role", "Timeout": 120, "MemorySize": 128,
        "Layers": [{"Arn": "arn:layer:1", "CodeSize": 5}], "CodeSha256": "AAAA", "Version": "$LATEST",
        "LastModified": "2026-11-25T12:00:00.000+0000",
        "LoggingConfig": {"LogFormat": "JSON", "LogGroup": "group", "SystemLogLevel": "INFO"},
        "Environment": {"Variables": {"TIDEWAITER_MODE": "enforce", "TIDEWAITER_LEDGER": "ledger"}}})
}

fn judged(configuration: Value, concurrency: Option<u64>, code: Option<&str>) -> Vec<String> {
    let live = Live {
        configuration: Ok(Some(configuration)),
        concurrency: Ok(concurrency),
        code: Ok(code.map(str::to_owned)),
    };
    lines(judge(&function(), live, &commands()))
}

#[test]
fn a_function_that_is_as_in_the_template_is_well() {
    assert_eq!(
        judged(configuration(), Some(1), Some("AAAA")),
        [
            "ok Guard: there, and set up as in the template",
            "ok Guard: as deployed (AAAA, version `$LATEST`)"
        ]
    );
}

#[test]
fn every_change_of_a_function_has_a_name_and_a_way_back() {
    let mut changed = configuration();
    changed["Timeout"] = json!(3);
    changed["Layers"] = json!([]);
    changed["LoggingConfig"]["LogFormat"] = json!("Text");
    changed["Environment"]["Variables"] =
        json!({"TIDEWAITER_MODE": "audit", "AWS_SECRET": "wJalrXUtnFEMI"});
    let told = judged(changed, Some(0), Some("BBBB")).join("\n");
    assert!(!told.contains("wJalrXUtnFEMI"), "{told}");
    insta::assert_snapshot!(told);
}

#[test]
fn one_that_is_being_changed_or_cannot_run_says_so() {
    let state = |name: &str, value: &str| {
        let mut changed = configuration();
        changed[name] = json!(value);
        changed[format!("{name}Reason")] = json!("the role is gone");
        judged(changed, Some(1), Some("AAAA"))
    };
    let told = [
        state("LastUpdateStatus", "InProgress"),
        state("LastUpdateStatus", "Failed"),
        state("State", "Failed"),
        // Nobody called it for weeks: it wakes up.
        state("State", "Inactive"),
    ];
    insta::assert_snapshot!(told.concat().join("\n"));
}

#[test]
fn a_mapping_is_known_by_its_queue() {
    let properties = json!({"EventSourceArn": "arn:queue", "BatchSize": 100, "ScalingConfig": {"MaximumConcurrency": 2}});
    let wanted = wanted(
        "AWS::Lambda::EventSourceMapping",
        "Taking",
        "uuid-1",
        properties,
    );
    let judged = |live: Value| {
        let Value::Array(live) = live else { panic!() };
        lines(mapping::judge(
            &[&wanted],
            &function(),
            Ok(live),
            &commands(),
        ))
    };
    let live = |state: &str, queue: &str, size: u64| {
        json!({"UUID": "uuid-2", "State": state, "EventSourceArn": queue, "BatchSize": size,
            "ScalingConfig": {"MaximumConcurrency": 2}})
    };
    assert_eq!(
        judged(json!([live("Enabled", "arn:queue", 100)])),
        ["ok Taking: there, and set up as in the template"]
    );
    let told = [
        judged(json!([live("Disabled", "arn:queue", 100)])),
        judged(json!([live("Enabled", "arn:queue", 1)])),
        judged(json!([live("Enabled", "arn:other", 100)])),
        judged(json!([])),
    ];
    insta::assert_snapshot!(told.concat().join("\n"));
}
