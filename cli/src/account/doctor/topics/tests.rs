use super::{
    super::tests::{commands, lines, wanted},
    *,
};

const ARN: &str = "arn:aws:sns:eu-west-1:111122223333:guard-AlertTopic-A1";

fn topic() -> Wanted {
    wanted(
        "AWS::SNS::Topic",
        "AlertTopic",
        ARN,
        json!({"KmsMasterKeyId": "key-1"}),
    )
}

fn subscription() -> Wanted {
    let properties = json!({"TopicArn": ARN, "Protocol": "sqs", "Endpoint": "arn:q", "RawMessageDelivery": true});
    wanted(
        "AWS::SNS::Subscription",
        "AlertsSubscription",
        "s",
        properties,
    )
}

fn listener(protocol: &str, endpoint: &str, arn: Option<&str>) -> Subscription {
    Subscription {
        arn: arn.map(str::to_owned),
        protocol: protocol.to_owned(),
        endpoint: endpoint.to_owned(),
    }
}

fn judged(listeners: Vec<Subscription>) -> Vec<String> {
    lines(judge_listeners(
        &topic(),
        &[&subscription()],
        &Ok(listeners),
        &commands(),
    ))
}

#[test]
fn who_listens_is_counted_and_who_has_not_confirmed_is_named() {
    let queue = || listener("sqs", "arn:q", Some("arn:s"));
    assert_eq!(
        judged(vec![queue()]),
        ["ok AlertTopic (subscriptions): 1 listens"]
    );
    assert_eq!(
        judged(vec![queue(), listener("email", "a@example.com", None)]),
        ["warning AlertTopic: email `a@example.com` has not confirmed"]
    );
}

#[test]
fn a_topic_without_anybody_is_a_problem() {
    insta::assert_snapshot!(judged(vec![listener("email", "a@example.com", None)]).join("\n"));
}

#[test]
fn a_subscription_has_the_form_of_the_template() {
    let live = |raw: &str| {
        let attributes = [("RawMessageDelivery", raw)];
        Ok(attributes
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into())
    };
    assert_eq!(
        judge_form(&subscription(), "arn:s", live("true"), &commands()),
        None
    );
    let check = judge_form(&subscription(), "arn:s", live("false"), &commands());
    assert_eq!(
        lines(check),
        [
            "problem AlertsSubscription: its RawMessageDelivery is not that of the template [aws sns \
          set-subscription-attributes --subscription-arn arn:s --attribute-name RawMessageDelivery --attribute-value true]"
        ]
    );
}

#[test]
fn a_topic_has_the_policy_and_the_key_of_the_template() {
    let says = |who: &str| json!({"Statement": [{"Effect": "Allow", "Principal": {"Service": who}, "Action": "sns:Publish"}]});
    let policy = json!({"PolicyDocument": says("cloudwatch.amazonaws.com")});
    let policy = wanted("AWS::SNS::TopicPolicy", "P", "p", policy);
    let judged = |who: &str, key: &str| {
        let live = [
            ("Policy", says(who).to_string()),
            ("KmsMasterKeyId", key.to_owned()),
        ];
        let live = live.map(|(name, value)| (name.to_owned(), value)).into();
        lines(judge(&topic(), Some(&policy), Ok(Some(live)), &commands()))
    };
    assert_eq!(
        judged("cloudwatch.amazonaws.com", "key-1"),
        ["ok AlertTopic: open to whom the template says"]
    );
    insta::assert_snapshot!(judged("events.amazonaws.com", "key-2").join("\n"));
}
