use super::{
    super::tests::{commands, lines, wanted},
    *,
};

fn function() -> Wanted {
    wanted(
        "AWS::Lambda::Function",
        "Guard",
        "guard-Guard-A1",
        json!({}),
    )
}

fn permission() -> Wanted {
    let properties = json!({"FunctionName": "arn:aws:lambda:eu-west-1:111122223333:function:guard-Guard-A1",
        "Action": "lambda:InvokeFunction", "Principal": "events.amazonaws.com",
        "SourceArn": "arn:aws:events:eu-west-1:111122223333:rule/guard-Rule-B2"});
    wanted("AWS::Lambda::Permission", "RulePermission", "p", properties)
}

fn live(source: &str) -> Value {
    json!({"Sid": "guard-RulePermission-C3", "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"},
        "Action": "lambda:InvokeFunction", "Resource": "arn:aws:lambda:eu-west-1:111122223333:function:guard-Guard-A1",
        "Condition": {"ArnLike": {"aws:SourceArn": source}}})
}

fn judged(statements: &Value) -> Vec<String> {
    let policy = json!({"Version": "2012-10-17", "Statement": statements});
    lines(judge(
        &function(),
        &[&permission()],
        Ok(Some(policy)),
        &commands(),
    ))
}

#[test]
fn a_permission_is_known_by_what_it_says_and_not_by_its_name() {
    assert!(is_of(&permission(), &function()));
    let well = ["ok Guard: who may invoke it is as in the template"];
    let rule = "arn:aws:events:eu-west-1:111122223333:rule/guard-Rule-B2";
    assert_eq!(judged(&json!([live(rule)])), well);
    assert_eq!(judged(&live(rule)), well);
}

#[test]
fn one_that_is_gone_and_one_that_came_are_told() {
    insta::assert_snapshot!(
        judged(&json!([live(
            "arn:aws:events:eu-west-1:111122223333:rule/another"
        )]))
        .join("\n")
    );
    let none = judge(&function(), &[&permission()], Ok(None), &commands());
    assert_eq!(none.len(), 1);
}
