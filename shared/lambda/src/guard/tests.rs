//! What a function does about an event, call by call.

mod day;
mod delivery;
mod held;
mod images;
mod ledger;
mod methods;
mod peers;
mod pushes;
mod running;
mod secrets;
mod storm;
mod surroundings;
mod vex;
mod world;

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tidewaiter_aws::wire::{Answer, Call, Table, Wire};
use tidewaiter_rules::{Mode, Policy, facts::SubjectKind, names::Place};

use super::*;

const REGION: &str = "eu-central-1";
const ACCOUNT: &str = "444455556666";

fn event(path: &str) -> String {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../events");
    std::fs::read_to_string(format!("{root}/{path}.json")).unwrap()
}

/// What was done about an event.
struct Done {
    result: Result<(), HandleError>,
    wire: Wire,
}

impl Done {
    /// What was done, without what was read and written in the ledger: `ledger.rs` is about that.
    fn operations(&self) -> Vec<String> {
        self.calls()
            .into_iter()
            .map(|call| call.operation)
            .collect()
    }

    fn calls(&self) -> Vec<Call> {
        beside_the_ledger(&self.wire)
    }

    /// The alerts that went out, as machines read them.
    fn alerts(&self) -> Vec<Value> {
        alerts(&self.wire)
    }

    fn alert(&self) -> Value {
        let mut alerts = self.alerts();
        assert_eq!(alerts.len(), 1, "{alerts:?}");
        alerts.remove(0)
    }

    fn email(&self) -> String {
        let calls = self.wire.calls();
        let call = calls
            .iter()
            .find(|call| call.operation == "Publish")
            .unwrap();
        let message: Value =
            serde_json::from_str(call.parameters["Message"].as_str().unwrap()).unwrap();
        let subject = call.parameters["Subject"].as_str().unwrap();
        format!(
            "Subject: {subject}\n\n{}",
            message["email"].as_str().unwrap()
        )
    }
}

/// The calls that are not about the ledger, nor a look-up of an image that a definition names:
/// `held.rs` is about that.
fn beside_the_ledger(wire: &Wire) -> Vec<Call> {
    let calls = wire.calls().into_iter();
    let is_named =
        |call: &Call| call.operation == "DescribeImages" && call.parameters["imageIds"].is_array();
    calls
        .filter(|call| !is_ledger(call) && !is_named(call) && !is_ending(call))
        .collect()
}

/// Whether it tells that something is over: `ledger/ends.rs` is about that.
fn is_ending(call: &Call) -> bool {
    call.operation == "Publish" && alert_of(call)["change"] == "resolved"
}

/// The alert that a call publishes, as machines read it.
fn alert_of(call: &Call) -> Value {
    let message = call.parameters["Message"].as_str().unwrap();
    let message: Value = serde_json::from_str(message).unwrap();
    serde_json::from_str(message["default"].as_str().unwrap()).unwrap()
}

/// The alerts that went out, but for those that something is over.
fn alerts(wire: &Wire) -> Vec<Value> {
    let calls = wire.calls().into_iter();
    let published = calls.filter(|call| call.operation == "Publish" && !is_ending(call));
    published.map(|call| alert_of(&call)).collect()
}

fn guard(mode: Mode, subject: SubjectKind, wire: &Wire) -> Guard {
    let place = Place::of_region(REGION, ACCOUNT).unwrap();
    let function = Function {
        name: "guard",
        subject,
    };
    Guard::new(
        function,
        Settings {
            mode,
            policy: Policy::default(),
            topic_arn: format!("arn:aws:sns:{REGION}:{ACCOUNT}:alerts"),
            dead_letter_queue_url: format!("https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/dlq"),
            ledger: "ledger".to_owned(),
            clients: wire.clients(place),
            fallback: None,
        },
    )
}

async fn handle(
    mode: Mode,
    payload: &str,
    script: impl Fn(&Call) -> Answer + Send + Sync + 'static,
) -> Done {
    let subject = if payload.contains("Scan\"") {
        SubjectKind::Image
    } else {
        SubjectKind::TaskDefinition
    };
    let wire = with_ledger(Table::default(), script);
    let result = guard(mode, subject, &wire).handle(payload, "r").await;
    Done { result, wire }
}

fn is_ledger(call: &Call) -> bool {
    matches!(call.operation.as_str(), "GetItem" | "Query" | "UpdateItem")
}

/// A wire with a ledger behind it; the script is about all else.
fn with_ledger(table: Table, script: impl Fn(&Call) -> Answer + Send + Sync + 'static) -> Wire {
    Wire::new(move |call| table.answer(call).unwrap_or_else(|| script(call)))
}

fn fine(_: &Call) -> Answer {
    Answer::empty()
}

/// Three pages; only the last has what counts.
fn critical_pages(call: &Call) -> Answer {
    match call.operation.as_str() {
        "DescribeImageScanFindings" => {}
        "DescribeImages" => return surroundings::listed(),
        _ => return Answer::empty(),
    }
    let page = |severity: &str, token: Option<&str>| {
        Answer::json(
            json!({
                "imageScanStatus": {"status": "COMPLETE"},
                "imageScanFindings": {"findings": [{"name": format!("CVE-2026-{severity}"), "severity": severity}]},
                "nextToken": token,
            })
            .to_string(),
        )
    };
    match call.parameters["nextToken"].as_str() {
        None => page("LOW", Some("b")),
        Some("b") => page("MEDIUM", Some("c")),
        Some(_) => page("CRITICAL", None),
    }
}

#[tokio::test(start_paused = true)]
async fn a_privileged_definition_is_deregistered_and_told_once() {
    let payload = event("task-definition-guard/privileged");
    let done = handle(Mode::Enforce, &payload, fine).await;
    assert_eq!(done.result, Ok(()));
    assert_eq!(done.operations(), ["DeregisterTaskDefinition", "Publish"]);
    assert_eq!(
        done.calls()[0].parameters["taskDefinition"],
        "arn:aws:ecs:eu-central-1:444455556666:task-definition/ci-builder:3"
    );
    let alert = done.alert();
    assert_eq!(alert["decision"], "deny");
    assert_eq!(alert["actions"][0]["effect"], "done");
    insta::assert_snapshot!(done.email());
}

#[tokio::test(start_paused = true)]
async fn the_alert_is_what_its_document_says() {
    let payload = event("task-definition-guard/privileged");
    let done = handle(Mode::Enforce, &payload, fine).await;
    let mut alert = done.alert();
    // The ledger's clock is this machine's.
    alert["since"] = json!("2026-11-24T09:00:00Z");
    insta::assert_json_snapshot!(alert);
    let call = done.calls().pop().unwrap();
    // The SDK numbers them in any order.
    let entry = |number: usize, member: &str| {
        call.parameters[format!("MessageAttributes.entry.{number}.{member}")]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let mut attributes: Vec<String> = (1..=10)
        .map(|number| {
            let parts = ["Name", "Value.DataType", "Value.StringValue"];
            parts
                .map(|part| entry(number, part))
                .join(" ")
                .trim()
                .to_owned()
        })
        .filter(|attribute| !attribute.is_empty())
        .collect();
    attributes.sort();
    insta::assert_snapshot!(attributes.join("\n"));
}

#[tokio::test(start_paused = true)]
async fn a_hardened_definition_is_left_in_silence() {
    let payload = event("task-definition-guard/hardened");
    let done = handle(Mode::Enforce, &payload, fine).await;
    assert_eq!(done.result, Ok(()));
    assert_eq!(done.operations(), [] as [&str; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_weak_definition_is_told_and_left() {
    let payload = event("task-definition-guard/weak");
    let done = handle(Mode::Enforce, &payload, fine).await;
    assert_eq!(done.operations(), ["Publish"]);
    assert_eq!(done.alert()["decision"], "warn");
    insta::assert_snapshot!(done.email());
}

#[tokio::test(start_paused = true)]
async fn in_audit_mode_nothing_is_changed_and_what_would_be_is_told() {
    for path in [
        "task-definition-guard/privileged",
        "image-scan-guard/critical",
    ] {
        let done = handle(Mode::Audit, &event(path), critical_pages).await;
        let writes: Vec<String> = done
            .operations()
            .into_iter()
            .filter(|operation| {
                !operation.starts_with("Describe") && !operation.starts_with("List")
            })
            .collect();
        assert_eq!(writes, ["Publish"]);
        let alert = done.alert();
        assert_eq!(alert["mode"], "audit");
        assert_eq!(alert["actions"][0]["effect"], "not-applied");
    }
    let payload = event("task-definition-guard/privileged");
    let done = handle(Mode::Audit, &payload, fine).await;
    insta::assert_snapshot!(done.email());
}

#[tokio::test(start_paused = true)]
async fn what_the_policy_has_in_audit_mode_is_left_in_a_stack_that_enforces() {
    let payload = event("task-definition-guard/privileged");
    for (family, operations) in [
        ("ci-*", &["Publish"][..]),
        ("other", &["DeregisterTaskDefinition", "Publish"]),
    ] {
        let policy =
            format!("version: 1\nscopes:\n- {{match: {{family: '{family}'}}, mode: audit}}\n");
        let wire = with_ledger(Table::default(), fine);
        let mut guard = guard(Mode::Enforce, SubjectKind::TaskDefinition, &wire);
        let today = "2026-11-23T12:00:00Z".parse().unwrap();
        guard.settings.policy = Policy::from_yaml(&policy, today).unwrap();
        let result = guard.handle(&payload, "r").await;
        let done = Done { result, wire };
        assert_eq!(done.operations(), operations, "{family}");
    }
}

#[tokio::test(start_paused = true)]
async fn throttling_is_outlasted() {
    let payload = event("task-definition-guard/privileged");
    let done = handle(Mode::Enforce, &payload, |call| {
        match (call.operation.as_str(), call.earlier) {
            ("DeregisterTaskDefinition", 0 | 1) => Answer::throttled(),
            _ => Answer::empty(),
        }
    })
    .await;
    assert_eq!(done.result, Ok(()));
    assert_eq!(done.operations().len(), 4);
    assert_eq!(done.alert()["actions"][0]["effect"], "done");
}

#[tokio::test(start_paused = true)]
async fn throttling_without_end_is_told_and_tried_again() {
    let payload = event("task-definition-guard/privileged");
    let done = handle(Mode::Enforce, &payload, |call| {
        match call.operation.as_str() {
            "DeregisterTaskDefinition" => Answer::throttled(),
            _ => Answer::empty(),
        }
    })
    .await;
    assert!(
        done.result
            .as_ref()
            .unwrap_err()
            .to_string()
            .contains("Rate exceeded")
    );
    let operations = done.operations();
    assert_eq!(
        operations
            .iter()
            .filter(|o| *o == "DeregisterTaskDefinition")
            .count(),
        5
    );
    assert!(!operations.contains(&"SendMessage".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_refused_action_is_told_with_every_cause_and_its_event_is_put_aside() {
    let payload = event("task-definition-guard/privileged");
    let done = handle(Mode::Enforce, &payload, |call| {
        match call.operation.as_str() {
            "DeregisterTaskDefinition" => Answer::denied(),
            _ => Answer::empty(),
        }
    })
    .await;
    assert_eq!(done.result, Ok(()));
    assert_eq!(
        done.operations(),
        ["DeregisterTaskDefinition", "SendMessage", "Publish"]
    );
    assert_eq!(done.calls()[1].parameters["MessageBody"], payload);
    let alert = done.alert();
    assert_eq!(alert["actions"][0]["effect"], "failed");
    let error = alert["actions"][0]["error"].as_str().unwrap();
    assert!(error.contains("is not authorized"), "{error}");
    insta::assert_snapshot!(done.email());
}

#[tokio::test(start_paused = true)]
async fn a_missing_definition_is_read_from_ecs() {
    let described = json!({"taskDefinition": {
        "taskDefinitionArn": "arn:aws:ecs:eu-central-1:444455556666:task-definition/ci-builder:3",
        "family": "ci-builder", "revision": 3, "status": "ACTIVE", "registeredAt": 1_791_180_428.2,
        "containerDefinitions": [{"name": "builder", "image": "docker:28-dind", "privileged": true}],
    }});
    for (path, asked) in [
        ("task-definition-guard/response-null", "ci-builder"),
        (
            "task-definition-guard/redacted",
            "arn:aws:ecs:eu-central-1:444455556666:task-definition/ci-builder:3",
        ),
    ] {
        let described = described.to_string();
        let done = handle(Mode::Enforce, &event(path), move |call| {
            match call.operation.as_str() {
                "DescribeTaskDefinition" => Answer::json(described.clone()),
                _ => Answer::empty(),
            }
        })
        .await;
        assert_eq!(
            done.operations(),
            [
                "DescribeTaskDefinition",
                "DeregisterTaskDefinition",
                "Publish"
            ],
            "{path}"
        );
        assert_eq!(done.calls()[0].parameters["taskDefinition"], asked);
    }
}

#[tokio::test(start_paused = true)]
async fn what_cloudtrail_hides_is_read_from_ecs_and_is_not_waited_for_in_vain() {
    let payload = event("task-definition-guard/hidden-environment");
    let described = json!({"taskDefinition": {
        "taskDefinitionArn": "arn:aws:ecs:eu-central-1:444455556666:task-definition/ci-builder:3",
        "containerDefinitions": [{"name": "builder", "image": "docker:28-dind", "privileged": true}],
    }})
    .to_string();
    for described in [Answer::json(described), Answer::denied()] {
        let done = handle(Mode::Enforce, &payload, move |call| {
            match call.operation.as_str() {
                "DescribeTaskDefinition" => described.clone(),
                _ => Answer::empty(),
            }
        })
        .await;
        assert_eq!(done.result, Ok(()));
        assert_eq!(
            done.operations(),
            [
                "DescribeTaskDefinition",
                "DeregisterTaskDefinition",
                "Publish"
            ]
        );
    }
    let done = handle(Mode::Enforce, &payload, |_| Answer::throttled()).await;
    assert!(done.result.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_privileged_daemon_is_told_and_left() {
    let done = handle(Mode::Enforce, &event("task-definition-guard/daemon"), fine).await;
    assert_eq!(done.operations(), ["Publish"]);
    assert_eq!(done.alert()["decision"], "deny");
    insta::assert_snapshot!(done.email());
}

#[tokio::test(start_paused = true)]
async fn a_run_and_an_express_service_are_told_and_left() {
    for (case, id) in [
        ("run-overrides", "shop:12 in prod"),
        ("start-task", "agent:3 in edge"),
        ("express-create", "shop"),
        ("express-update", "shop"),
    ] {
        for mode in [Mode::Audit, Mode::Enforce] {
            let payload = event(&format!("task-definition-guard/{case}"));
            let done = handle(mode, &payload, fine).await;
            assert_eq!(done.result, Ok(()));
            assert_eq!(done.operations(), ["Publish"], "{case}");
            let alert = done.alert();
            assert_eq!(alert["decision"], "warn", "{case}");
            assert_eq!(alert["subject"]["id"], id);
            assert_eq!(alert["actions"], json!([]));
            assert!(!done.email().contains("correct-horse"), "{case}");
        }
    }
    let payload = event("task-definition-guard/run-overrides");
    let done = handle(Mode::Enforce, &payload, fine).await;
    insta::assert_snapshot!(done.email());
}

#[tokio::test(start_paused = true)]
async fn a_run_with_nothing_to_tell_makes_no_call() {
    for case in [
        "run-plain",
        "run-hidden-environment",
        "run-without-capacity",
        "run-refused",
        "express-scaling",
    ] {
        let payload = event(&format!("task-definition-guard/{case}"));
        let done = handle(Mode::Enforce, &payload, fine).await;
        assert_eq!(done.result, Ok(()));
        assert_eq!(done.operations(), [] as [&str; 0], "{case}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_later_revision_is_never_taken_for_the_one_of_the_event() {
    let described = json!({"taskDefinition": {
        "taskDefinitionArn": "arn:aws:ecs:eu-central-1:444455556666:task-definition/ci-builder:9",
        "family": "ci-builder", "revision": 9, "status": "ACTIVE", "registeredAt": 1_791_190_000.0,
        "containerDefinitions": [{"name": "builder", "image": "docker:28-dind", "privileged": true}],
    }});
    let payload = event("task-definition-guard/response-null");
    let done = handle(Mode::Enforce, &payload, move |call| {
        match call.operation.as_str() {
            "DescribeTaskDefinition" => Answer::json(described.to_string()),
            _ => Answer::empty(),
        }
    })
    .await;
    assert_eq!(
        done.operations(),
        ["DescribeTaskDefinition", "SendMessage", "Publish"]
    );
    insta::assert_snapshot!(done.email());
}

#[tokio::test(start_paused = true)]
async fn an_inactive_definition_is_not_deregistered_again() {
    let described = json!({"taskDefinition": {
        "taskDefinitionArn": "arn:aws:ecs:eu-central-1:444455556666:task-definition/ci-builder:3",
        "status": "INACTIVE",
        "containerDefinitions": [{"name": "builder", "image": "docker:28-dind", "privileged": true}],
    }});
    let payload = event("task-definition-guard/redacted");
    let done = handle(Mode::Enforce, &payload, move |_| {
        Answer::json(described.to_string())
    })
    .await;
    assert_eq!(done.operations(), ["DescribeTaskDefinition", "Publish"]);
    assert_eq!(done.alert()["withheld"], "it has been done already");
}

#[tokio::test(start_paused = true)]
async fn a_deleted_definition_is_left_in_silence() {
    let payload = event("task-definition-guard/redacted");
    let done = handle(Mode::Enforce, &payload, |_| {
        Answer::error(
            400,
            "ClientException",
            "Unable to describe task definition.",
        )
    })
    .await;
    assert_eq!(done.result, Ok(()));
    assert_eq!(done.operations(), ["DescribeTaskDefinition"]);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_cannot_be_handled_is_put_aside_and_told_once() {
    for payload in [
        "\"text\"".to_owned(),
        "{}".to_owned(),
        r#"{"detail-type":"AWS API Call via CloudTrail","source":"aws.ecs","detail":7}"#.to_owned(),
        event("task-definition-guard/omitted"),
    ] {
        let done = handle(Mode::Enforce, &payload, fine).await;
        assert_eq!(done.result, Ok(()), "{payload}");
        assert_eq!(done.operations(), ["SendMessage", "Publish"], "{payload}");
        assert_eq!(done.calls()[0].parameters["MessageBody"], payload);
        assert_eq!(done.alert()["kind"], "failure");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_for_us_is_ignored_in_silence() {
    for path in [
        "task-definition-guard/refused",
        "image-scan-guard/inspector-ec2",
    ] {
        let done = handle(Mode::Enforce, &event(path), fine).await;
        assert_eq!(done.result, Ok(()));
        assert_eq!(done.operations(), [] as [&str; 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_of_the_other_function_is_put_aside_and_told() {
    let wire = with_ledger(Table::default(), fine);
    let guard = guard(Mode::Enforce, SubjectKind::TaskDefinition, &wire);
    let payload = event("image-scan-guard/critical");
    assert_eq!(guard.handle(&payload, "r").await, Ok(()));
    assert_eq!(wire.operations(), ["SendMessage", "Publish"]);
}

#[tokio::test(start_paused = true)]
async fn the_schedule_tells_of_waivers_that_end() {
    let policy = |expires: &str| {
        let text = format!(
            "version: 1\nwaivers: [{{id: old-agent, rules: [privileged-container], target: {{family: agent}}, \
             reason: needs the host, owner: platform, ticket: OPS-7, expires: {expires}}}]"
        );
        Policy::from_yaml(&text, "2026-11-01T00:00:00Z".parse().unwrap()).unwrap()
    };
    let payload = event("task-definition-guard/waiver-review");
    let review = async |expires: &str| {
        let wire = with_ledger(Table::default(), fine);
        let mut guard = guard(Mode::Enforce, SubjectKind::TaskDefinition, &wire);
        guard.settings.policy = policy(expires);
        let result = guard.handle(&payload, "r").await;
        Done { result, wire }
    };
    let ended = review("2026-11-23").await;
    assert_eq!(ended.result, Ok(()));
    insta::assert_snapshot!(ended.email());
    assert_eq!(ended.alert()["waivers"][0]["state"], "ended");
    assert_eq!(
        review("2026-12-01").await.alert()["waivers"][0]["state"],
        "ends-soon"
    );
    assert_eq!(review("2027-03-01").await.operations(), [] as [&str; 0]);
}
