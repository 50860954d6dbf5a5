use super::{
    super::tests::{commands, lines, wanted},
    *,
};

const URL: &str = "https://sqs.eu-west-1.amazonaws.com/111122223333/guard-Findings-A1";

fn queue() -> Wanted {
    let properties = json!({"MessageRetentionPeriod": 1_209_600, "SqsManagedSseEnabled": true, "VisibilityTimeout": 365,
        "RedrivePolicy": {"deadLetterTargetArn": "arn:aws:sqs:eu-west-1:111122223333:dead", "maxReceiveCount": 5}});
    wanted("AWS::SQS::Queue", "Findings", URL, properties)
}

fn policy(source: &str) -> Value {
    json!({"Statement": [{"Sid": "Accept", "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage", "Condition": {"ArnEquals": {"aws:SourceArn": source}}}]})
}

fn judged(live: Option<Value>) -> Vec<String> {
    let policy = wanted(
        "AWS::SQS::QueuePolicy",
        "P",
        "p",
        json!({"PolicyDocument": policy("rule")}),
    );
    lines(judge(&queue(), Some(&policy), Ok(live), &commands()))
}

fn attributes_of(visibility: &str, source: &str) -> Value {
    json!({"QueueArn": "arn:aws:sqs:eu-west-1:111122223333:guard-Findings-A1", "MessageRetentionPeriod": "1209600",
        "SqsManagedSseEnabled": "true", "VisibilityTimeout": visibility, "Policy": policy(source).to_string(),
        "RedrivePolicy": r#"{"deadLetterTargetArn":"arn:aws:sqs:eu-west-1:111122223333:dead","maxReceiveCount":"5"}"#})
}

#[test]
fn attributes_are_texts_and_mean_what_the_template_says() {
    assert_eq!(
        judged(Some(attributes_of("365", "rule"))),
        ["ok Findings: set up, and open to whom the template says"]
    );
}

#[test]
fn what_was_changed_is_set_back_and_nothing_else() {
    insta::assert_snapshot!(judged(Some(attributes_of("30", "other"))).join("\n"));
}

#[test]
fn a_queue_that_is_gone_is_made_anew_as_it_was() {
    insta::assert_snapshot!(judged(None).join("\n"));
}

#[test]
fn dead_letter_queues_are_those_that_something_names_so() {
    let rule = json!({"Targets": [{"DeadLetterConfig": {"Arn": "of-rule"}}]});
    let function = json!({"DeadLetterConfig": {"TargetArn": "of-function"}});
    let all = [
        queue(),
        wanted("AWS::Events::Rule", "R", "r", rule),
        wanted("AWS::Lambda::Function", "F", "f", function),
    ];
    let found = dead_letter_arns(&all);
    let found: Vec<&str> = found.iter().map(String::as_str).collect();
    assert_eq!(
        found,
        [
            "arn:aws:sqs:eu-west-1:111122223333:dead",
            "of-function",
            "of-rule"
        ]
    );
}

#[test]
fn messages_count_whether_in_sight_or_not_and_say_how_old_they_are() {
    let live = json!({"ApproximateNumberOfMessages": "2", "ApproximateNumberOfMessagesNotVisible": "1",
        "ApproximateNumberOfMessagesDelayed": "0"});
    assert_eq!(waiting(&live), 3);
    let told = |age| lines([told(&queue(), 3, age, &commands())]).concat();
    assert_eq!(
        told(Some(259_200.0)),
        "problem Findings: 3 events lie in it, the oldest for 3 days [tidewaiter redrive --queue Findings --yes --stack guard]"
    );
    assert!(told(Some(7_300.0)).contains("for 2 hours"));
    assert!(told(Some(120.0)).contains("for 2 minutes"));
    assert!(told(None).contains("lie in it ["));
}
