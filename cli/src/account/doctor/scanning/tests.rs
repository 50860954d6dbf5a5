use serde_json::json;

use super::{
    super::tests::{commands, lines},
    *,
};

fn registry(kind: &str, frequency: &str) -> Value {
    json!({"scanningConfiguration": {"scanType": kind, "rules": [{"scanFrequency": frequency}]}})
}

fn repository(name: &str, frequency: &str, on_push: bool) -> Value {
    json!({"repositoryName": name, "scanFrequency": frequency, "scanOnPush": on_push})
}

fn judged(registry: Value, repositories: Vec<Value>) -> Vec<String> {
    lines(judge(Ok(registry), Ok((repositories, false)), &commands()))
}

#[test]
fn a_repository_is_scanned_by_a_rule_or_by_its_own_setting() {
    let repositories = vec![
        repository("a", "SCAN_ON_PUSH", false),
        repository("b", "MANUAL", true),
        repository("c", "CONTINUOUS_SCAN", false),
    ];
    assert_eq!(
        judged(registry("BASIC", "MANUAL"), repositories),
        ["ok repositories: basic scans on push, 3 repositories"]
    );
    assert_eq!(
        judged(registry("BASIC", "SCAN_ON_PUSH"), vec![]),
        ["ok repositories: basic scans on push, 0 repositories"]
    );
    assert_eq!(
        judged(registry("ENHANCED", "CONTINUOUS_SCAN"), vec![]).len(),
        2
    );
}

#[test]
fn repositories_without_are_named_but_not_all_of_many() {
    let many = |count| {
        let one = |number| repository(&format!("team/app-{number}"), "MANUAL", false);
        (0..count).map(one).collect::<Vec<_>>()
    };
    let told = [
        judged(registry("BASIC", "MANUAL"), vec![]),
        judged(registry("BASIC", "SCAN_ON_PUSH"), many(2)),
        judged(registry("ENHANCED", "SCAN_ON_PUSH"), many(12)),
    ];
    insta::assert_snapshot!(told.concat().join("\n"));
}
