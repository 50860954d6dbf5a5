//! What must hold for every alert, whatever was put into the names.

use proptest::prelude::*;
use serde_json::{Value, json};
use tidewaiter_events::{Event, Parsed, parse};
use tidewaiter_rules::{
    Decision, Effect, Mode, Policy, Verdict, decide,
    names::{Place, is_inert},
    plan,
    policy::Profile,
};

use crate::{Alert, Message};

fn home() -> Place {
    Place::of_region("eu-west-1", "111122223333").unwrap()
}

fn event(json: &Value) -> Event {
    match parse(json.to_string().as_bytes()).unwrap() {
        Parsed::Event(event) => event,
        Parsed::Ignored(reason) => panic!("{reason}"),
    }
}

fn registered(definition: &Value, identity: &Value, agent: &str) -> Event {
    event(&json!({
        "detail-type": "AWS API Call via CloudTrail", "source": "aws.ecs",
        "account": "111122223333", "region": "eu-west-1", "time": "2026-10-05T06:07:08Z",
        "detail": {
            "eventSource": "ecs.amazonaws.com", "eventName": "RegisterTaskDefinition",
            "eventID": agent, "userIdentity": identity, "userAgent": agent, "sourceIPAddress": agent,
            "responseElements": {"taskDefinition": definition},
        },
    }))
}

fn alert(event: &Event, effect: Effect) -> Option<Alert> {
    let facts = event.facts().unwrap();
    let decision = decide(&facts, &Policy::of_profile(Profile::Restricted));
    let plan = plan(&decision, &facts, Mode::Enforce, None);
    let effects = vec![effect; plan.steps.len()];
    Alert::of_decision(event, &facts, &decision, &plan, &effects, &home())
}

/// SNS: "Publish" in its API reference; 256 KiB with the attributes.
fn is_within_limits(message: &Message) -> Result<(), TestCaseError> {
    prop_assert!(message.subject.chars().count() < 100);
    prop_assert!(!message.subject.is_empty());
    prop_assert!(message.subject.chars().all(is_inert));
    let attributes: usize = message
        .attributes
        .iter()
        .map(|attribute| attribute.name.len() + attribute.data_type.len() + attribute.value.len())
        .sum();
    prop_assert!(
        message.body.len() + attributes < 256 * 1024,
        "{}",
        message.body.len()
    );
    prop_assert!(message.attributes.len() <= 10);
    let body: Value = serde_json::from_str(&message.body).unwrap();
    let email = body["email"].as_str().unwrap();
    prop_assert!(email.chars().all(|c| c == '\n' || is_inert(c)), "{email:?}");
    prop_assert!(body["sms"].as_str().unwrap().chars().count() <= 140);
    let machine: Value = serde_json::from_str(body["default"].as_str().unwrap()).unwrap();
    prop_assert_eq!(&machine["version"], 1);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn hostile_names_come_out_inert_and_within_limits(
        text in prop_oneof![
            "[\\s\\S]{0,60}",
            "[\\s\\S]{1,20}".prop_map(|part| part.repeat(300)),
            Just("<!channel> *bold* `code` \u{202e}evil\u{1b}[31m\r\nSubject: forged".to_owned()),
        ],
        count in 1usize..30,
    ) {
        let container = json!({"name": text, "user": text, "image": text, "privileged": true,
            "linuxParameters": {"capabilities": {"add": [text, text, "ALL"]}}});
        let definition = json!({
            "family": text, "taskDefinitionArn": "arn:aws:ecs:eu-west-1:111122223333:task-definition/web:7",
            "networkMode": "host", "containerDefinitions": vec![container; count],
        });
        let identity = json!({"type": "AssumedRole", "arn": format!("arn:x/{text}"), "invokedBy": text,
            "sessionContext": {"sessionIssuer": {"userName": text}}});
        let event = registered(&definition, &identity, &text);
        let effect = Effect::Failed { error: text.clone(), will_retry: false };
        is_within_limits(&alert(&event, effect).unwrap().message())?;
    }

    #[test]
    fn hostile_tags_and_scan_states_come_out_inert(text in "[\\s\\S]{0,80}", repeat in 1usize..300) {
        let digest = format!("sha256:{}", "ab".repeat(32));
        let event = event(&json!({
            "detail-type": "ECR Image Scan", "source": "aws.ecr", "account": "111122223333",
            "region": "eu-west-1",
            "detail": {"repository-name": "team/app", "scan-status": text.repeat(repeat),
                "image-digest": digest, "image-tags": vec![text.clone(); 50],
                "finding-severity-counts": {text.clone(): 3}},
        }));
        is_within_limits(&alert(&event, Effect::Done).unwrap().message())?;
    }
}

#[test]
fn an_alert_says_in_which_console_to_look() {
    for (region, partition, host) in [
        (
            "eu-west-1",
            "aws",
            "https://eu-west-1.console.aws.amazon.com/",
        ),
        ("cn-north-1", "aws-cn", "https://console.amazonaws.cn/"),
        (
            "us-gov-west-1",
            "aws-us-gov",
            "https://console.amazonaws-us-gov.com/",
        ),
    ] {
        let arn = format!("arn:{partition}:ecs:{region}:111122223333:task-definition/web:7");
        let definition = json!({"family": "web", "taskDefinitionArn": arn,
            "containerDefinitions": [{"name": "a", "privileged": true}]});
        let alert = alert(&registered(&definition, &json!({}), "x"), Effect::Done).unwrap();
        let machine = json!(alert);
        let link = machine["subject"]["link"].as_str().unwrap();
        assert!(link.starts_with(host), "{link}");
        assert!(link.ends_with(&format!(
            "/ecs/v2/task-definitions/web/7/containers?region={region}"
        )));
    }
}

#[test]
fn a_definition_without_a_finding_raises_no_alert() {
    let definition = json!({"family": "web", "containerDefinitions": [{"name": "a"}]});
    let event = registered(&definition, &json!({}), "x");
    let facts = event.facts().unwrap();
    let fine = Decision {
        verdict: Verdict::Allow,
        findings: Vec::new(),
        waived: Vec::new(),
    };
    let plan = plan(&fine, &facts, Mode::Enforce, None);
    assert_eq!(
        Alert::of_decision(&event, &facts, &fine, &plan, &[], &home()),
        None
    );
}
