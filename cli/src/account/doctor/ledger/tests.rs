use serde_json::json;

use super::{
    super::tests::{commands, lines, wanted},
    *,
};

fn judged(live: Value) -> Vec<String> {
    let properties = json!({"PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": true},
        "TimeToLiveSpecification": {"AttributeName": "expires", "Enabled": true},
        "SSESpecification": {"SSEEnabled": true, "SSEType": "KMS", "KMSMasterKeyId": "arn:key"}});
    let table = wanted(
        "AWS::DynamoDB::Table",
        "Ledger",
        "guard-Ledger-A1",
        properties,
    );
    lines(judge(&table, Ok(Some(live)), &commands()))
}

fn live(is_on: &str, key: &str) -> Value {
    json!({"Table": {"TableStatus": "ACTIVE", "SSEDescription": {"Status": is_on, "KMSMasterKeyArn": key}},
        "ContinuousBackupsDescription": {"PointInTimeRecoveryDescription": {"PointInTimeRecoveryStatus": is_on}},
        "TimeToLiveDescription": {"TimeToLiveStatus": is_on}})
}

#[test]
fn a_table_keeps_expires_and_hides_what_it_has() {
    assert_eq!(
        judged(live("ENABLED", "arn:key")),
        ["ok Ledger: there, with recovery, expiry and encryption as in the template"]
    );
    let told = [
        judged(live("DISABLED", "arn:key")),
        judged(live("ENABLED", "arn:other")),
    ];
    insta::assert_snapshot!(told.concat().join("\n"));
}

#[test]
fn a_pause_is_a_problem_and_an_end_of_one_is_not() {
    let switch = |is_paused| Switch {
        is_paused,
        by: "ada".to_owned(),
        reason: "a release".to_owned(),
        since: None,
    };
    assert_eq!(
        lines([
            judge_switch(Some(&switch(true)), &commands()),
            judge_switch(Some(&switch(false)), &commands()),
            judge_switch(None, &commands())
        ]),
        [
            "problem kill switch: the functions are paused since an unknown time, says `ada`: `a release` [tidewaiter resume --stack guard]",
            "ok kill switch: the functions act since an unknown time, says `ada`: `a release`",
            "ok kill switch: the functions act; nobody ever paused them"
        ]
    );
}
