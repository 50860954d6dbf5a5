use super::{
    super::tests::{commands, lines},
    *,
};

const ARN: &str = "arn:aws:cloudtrail:eu-west-1:111122223333:trail/main";

fn trail(name: &str, is_logging: bool, selectors: Value) -> Trail {
    Trail {
        name: name.to_owned(),
        arn: ARN.to_owned(),
        status: Ok(json!({ "IsLogging": is_logging })),
        selectors: Ok(selectors),
    }
}

fn basic(kind: &str, management: bool) -> Value {
    json!({"EventSelectors": [{"ReadWriteType": kind, "IncludeManagementEvents": management,
        "DataResources": [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3"]}]}]})
}

fn fields(fields: &Value) -> Value {
    json!({"AdvancedEventSelectors": [{"Name": "a", "FieldSelectors": fields}]})
}

#[test]
fn writes_are_logged_where_one_selector_of_either_form_lets_them_through() {
    let management = json!({"Field": "eventCategory", "Equals": ["Management"]});
    let table = [
        (basic("All", true), Logging::Yes),
        (basic("WriteOnly", true), Logging::Yes),
        (basic("ReadOnly", true), Logging::No),
        (basic("All", false), Logging::No),
        (json!({}), Logging::No),
        (fields(&json!([management])), Logging::Yes),
        (
            fields(&json!([management, {"Field": "readOnly", "Equals": ["false"]}])),
            Logging::Yes,
        ),
        (
            fields(&json!([management, {"Field": "readOnly", "Equals": ["true"]}])),
            Logging::No,
        ),
        (
            fields(
                &json!([management, {"Field": "eventSource", "NotEquals": ["kms.amazonaws.com"]}]),
            ),
            Logging::Yes,
        ),
        (
            fields(&json!([management, {"Field": "eventSource", "NotStartsWith": ["ecs."]}])),
            Logging::No,
        ),
        (
            fields(
                &json!([{"Field": "eventCategory", "Equals": ["Data"]}, {"Field": "resources.type", "Equals": ["x"]}]),
            ),
            Logging::No,
        ),
        (
            fields(&json!([management, {"Field": "eventName", "Equals": ["RunTask"]}])),
            Logging::Unclear("eventName".to_owned()),
        ),
    ];
    for (selectors, expected) in table {
        assert_eq!(writes(&selectors), expected, "{selectors}");
    }
}

#[test]
fn one_trail_that_logs_is_enough() {
    let trails = [
        trail("stopped", false, basic("All", true)),
        trail("reads", true, basic("ReadOnly", true)),
        trail("main", true, basic("All", true)),
    ];
    let checks = judge(&trails, &commands());
    assert_eq!(lines(checks), ["ok main: logs management write events"]);
}

#[test]
fn every_trail_that_could_is_told_with_what_makes_it() {
    let advanced = fields(&json!([{"Field": "eventCategory", "Equals": ["Data"]}]));
    let trails = [
        trail("stopped", false, basic("All", true)),
        trail("reads", true, basic("ReadOnly", true)),
        trail("data", true, advanced),
    ];
    insta::assert_snapshot!(lines(judge(&trails, &commands())).join("\n"));
}

#[test]
fn without_a_trail_there_is_one_to_make() {
    insta::assert_snapshot!(lines(judge(&[], &commands())).join("\n"));
}
