//! What becomes of the events of tasks, call by call.

use std::time::Duration;

use serde_json::{Value, json};
use tidewaiter_aws::wire::{Answer, Call, Table, Wire};
use tidewaiter_rules::{Mode, Policy, names::Place};

use super::*;

const REGION: &str = "eu-central-1";
const ACCOUNT: &str = "444455556666";

fn event(name: &str) -> Value {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../events/usage-recorder");
    let text = std::fs::read_to_string(format!("{root}/{name}.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn recorder(wire: &Wire) -> Recorder {
    let place = Place::of_region(REGION, ACCOUNT).unwrap();
    let settings = Settings {
        mode: Mode::Audit,
        policy: Policy::default(),
        topic_arn: format!("arn:aws:sns:{REGION}:{ACCOUNT}:alerts"),
        dead_letter_queue_url: format!("https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/dlq"),
        ledger: "ledger".to_owned(),
        clients: wire.clients(place),
        fallback: None,
    };
    let mut recorder = Recorder::new("usage-recorder", settings);
    recorder.now = || "2026-11-25T12:00:00Z".parse().unwrap();
    recorder
}

fn batch(events: &[Value]) -> Batch {
    let message = |(number, event): (usize, &Value)| {
        let body = event
            .as_str()
            .map_or_else(|| event.to_string(), str::to_owned);
        json!({"messageId": format!("m{number}"), "body": body, "eventSource": "aws:sqs"})
    };
    let messages: Vec<Value> = events.iter().enumerate().map(message).collect();
    Batch::read(&json!({"Records": messages}).to_string()).unwrap()
}

async fn recorded(
    events: &[Value],
    script: impl Fn(&Call) -> Option<Answer> + Send + Sync + 'static,
) -> (Failures, Wire, Table) {
    let table = Table::default();
    let wire = {
        let table = table.clone();
        Wire::new(move |call| {
            script(call)
                .or_else(|| table.answer(call))
                .unwrap_or_else(Answer::empty)
        })
    };
    let end = Instant::now() + Duration::from_mins(1);
    let failures = recorder(&wire).record(&batch(events), "r", end).await;
    (failures, wire, table)
}

fn of_task(number: usize) -> Value {
    let mut event = event("running");
    let arn = format!("arn:aws:ecs:{REGION}:{ACCOUNT}:task/prod/{number:032}");
    event["detail"]["taskArn"] = arn.into();
    event
}

fn returned(failures: &Failures) -> Value {
    serde_json::to_value(failures).unwrap()["batchItemFailures"].clone()
}

#[tokio::test(start_paused = true)]
async fn a_batch_costs_one_write_a_task_however_often_it_changed() {
    let events = [
        event("stopped"),
        event("pending"),
        event("running"),
        event("running"),
    ];
    let (failures, wire, table) = recorded(&events, |_| None).await;
    assert!(failures.is_empty());
    assert_eq!(wire.operations(), ["UpdateItem"]);
    let [key] = &table.keys()[..] else {
        panic!("{:?}", table.keys())
    };
    assert!(key.starts_with("usage#sha256:"), "{key}");
    assert_eq!(table.attribute(key, "state").as_deref(), Some("stopped"));
    assert_eq!(table.attribute(key, "service").as_deref(), Some("web"));
}

#[tokio::test(start_paused = true)]
async fn what_a_task_is_still_to_pull_is_kept_by_its_repository() {
    let (_, _, table) = recorded(&[event("pending")], |_| None).await;
    let keys = table.keys();
    let repository = format!("usage#arn:aws:ecr:{REGION}:{ACCOUNT}:repository/team/web ");
    assert!(
        keys.len() == 1 && keys[0].starts_with(&repository),
        "{keys:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn foreign_images_and_other_accounts_cost_nothing() {
    let mut elsewhere = event("running");
    elsewhere["account"] = "999988887777".into();
    let (failures, wire, _) = recorded(&[event("foreign"), elsewhere], |_| None).await;
    assert!(failures.is_empty());
    assert_eq!(wire.operations(), [] as [&str; 0]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_put_aside_and_told_once() {
    let mut unversioned = event("running");
    unversioned["detail"]
        .as_object_mut()
        .unwrap()
        .remove("version");
    let events = [json!("{"), unversioned, event("running")];
    let (failures, wire, _) = recorded(&events, |_| None).await;
    assert!(failures.is_empty());
    assert_eq!(
        wire.operations(),
        ["UpdateItem", "SendMessage", "SendMessage", "Publish"]
    );
    let publish = wire.calls().pop().unwrap();
    let message = publish.parameters["Message"].as_str().unwrap();
    assert!(message.contains("2 events of one batch"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn what_the_ledger_refuses_comes_again_and_the_rest_is_written_down() {
    let second = format!("{:032}", 1);
    let refuse = move |call: &Call| {
        let part = call.parameters["Key"]["part"]["S"]
            .as_str()
            .unwrap_or_default();
        part.ends_with(&second).then(Answer::throttled)
    };
    let events: Vec<Value> = (0..3).map(of_task).collect();
    let (failures, _, table) = recorded(&events, refuse).await;
    assert_eq!(returned(&failures), json!([{"itemIdentifier": "m1"}]));
    assert_eq!(table.keys().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_ledger_that_refuses_everything_is_left_alone() {
    let events: Vec<Value> = (0..10).map(of_task).collect();
    let throttled = |call: &Call| (call.operation == "UpdateItem").then(Answer::throttled);
    let (failures, wire, _) = recorded(&events, throttled).await;
    assert_eq!(failures.len(), 10);
    // Three tasks, with the attempts of the SDK.
    assert_eq!(wire.operations().len(), 3 * 5);
}

/// An account of one cluster with `tasks`, and a service that is scaled to nothing.
fn account(call: &Call, tasks: &[usize]) -> Option<Answer> {
    let arn = |rest: &str| format!("arn:aws:ecs:{REGION}:{ACCOUNT}:{rest}");
    let service = arn("service/prod/idle");
    let revision = arn("service-revision/prod/idle/1");
    let image = format!("{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/team/idle:1.0");
    let answer = match call.operation.as_str() {
        "ListClusters" => json!({"clusterArns": [arn("cluster/prod")]}),
        "ListTasks" => {
            let arns: Vec<Value> = tasks
                .iter()
                .map(|it| of_task(*it)["detail"]["taskArn"].clone())
                .collect();
            json!({"taskArns": arns})
        }
        "DescribeTasks" => {
            let mut found = Vec::new();
            for number in tasks {
                let mut task = of_task(*number)["detail"].clone();
                // ECS answers with seconds where its events have texts.
                let members = task.as_object_mut().unwrap();
                members.retain(|name, _| !name.ends_with("At") && name != "attachments");
                found.push(task);
            }
            json!({"tasks": found})
        }
        "ListServices" => json!({"serviceArns": [service]}),
        "DescribeServices" => {
            json!({"services": [{"serviceArn": service, "serviceName": "idle", "status": "ACTIVE",
            "clusterArn": arn("cluster/prod"), "currentServiceRevisions": [{"arn": revision}]}]})
        }
        "DescribeServiceRevisions" => json!({"serviceRevisions": [{"serviceRevisionArn": revision,
            "serviceArn": service, "clusterArn": arn("cluster/prod"), "taskDefinition": arn("task-definition/idle:3"),
            "containerImages": [{"containerName": "app", "image": image, "imageDigest": format!("sha256:{}", "1d".repeat(32))}]}]}),
        _ => return None,
    };
    Some(Answer::json(answer.to_string()))
}

#[tokio::test(start_paused = true)]
async fn a_listing_adds_what_events_did_not_tell_and_says_that_it_is_complete() {
    let table = Table::default();
    let wire = {
        let table = table.clone();
        Wire::new(move |call| {
            account(call, &[1, 2])
                .or_else(|| table.answer(call))
                .unwrap()
        })
    };
    let end = Instant::now() + Duration::from_mins(1);
    recorder(&wire).reconcile("r", end).await.unwrap();
    let keys = table.keys();
    assert_eq!(keys.len(), 4, "{keys:?}");
    let index = |name| table.attribute("usage-index", name);
    assert_eq!(index("at").as_deref(), Some("2026-11-25T12:00:00Z"));
    assert_eq!(
        (index("tasks").as_deref(), index("complete").as_deref()),
        (Some("2"), Some("yes"))
    );
    let service = keys.iter().find(|key| key.contains(":service/")).unwrap();
    assert_eq!(
        table.attribute(service, "definition").as_deref(),
        Some("idle:3")
    );
}

#[tokio::test(start_paused = true)]
async fn a_listing_that_its_time_does_not_suffice_for_says_so() {
    let table = Table::default();
    let wire = {
        let table = table.clone();
        Wire::new(move |call| match call.operation.as_str() {
            "ListTasks" => Answer::json(json!({"taskArns": [], "nextToken": "on"}).to_string()),
            _ => account(call, &[]).or_else(|| table.answer(call)).unwrap(),
        })
    };
    let start = Instant::now();
    let end = start + Duration::from_mins(1);
    recorder(&wire).reconcile("r", end).await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(62));
    let lists = wire
        .operations()
        .into_iter()
        .filter(|call| call == "ListTasks")
        .count();
    assert!(
        (500..=601).contains(&lists),
        "no more than ten calls a second: {lists}"
    );
    let index = |name| table.attribute("usage-index", name);
    assert_eq!(
        (index("at"), index("complete").as_deref()),
        (None, Some("no"))
    );
    assert!(
        index("reason")
            .unwrap()
            .contains("in the time of one invocation")
    );
}

#[tokio::test(start_paused = true)]
async fn a_listing_that_may_not_look_says_so_and_one_that_is_throttled_comes_again() {
    for (refusal, is_retried) in [(Answer::denied(), false), (Answer::throttled(), true)] {
        let table = Table::default();
        let wire = {
            let table = table.clone();
            Wire::new(move |call| match call.operation.as_str() {
                "DescribeServices" => refusal.clone(),
                _ => account(call, &[1]).or_else(|| table.answer(call)).unwrap(),
            })
        };
        let end = Instant::now() + Duration::from_mins(1);
        let result = recorder(&wire).reconcile("r", end).await;
        assert_eq!(result.is_err(), is_retried);
        assert_eq!(table.attribute("usage-index", "at"), None);
        let reason = table.attribute("usage-index", "reason");
        assert_eq!(
            reason.is_some_and(|reason| reason.contains("DescribeServices")),
            !is_retried
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_counted() {
    use tidewaiter_report::emf::Metric;

    let table = Table::default();
    let wire = {
        let table = table.clone();
        Wire::new(move |call| match call.operation.as_str() {
            "UpdateItem" if call.parameters.to_string().contains("00002") => Answer::throttled(),
            _ => table.answer(call).unwrap_or_else(Answer::empty),
        })
    };
    let recorder = recorder(&wire);
    let events = [of_task(1), of_task(2), "{".into()];
    let end = Instant::now() + Duration::from_mins(1);
    recorder.record(&batch(&events), "r", end).await;
    let metrics = recorder.take_metrics();
    for metric in [
        Metric::TasksRecorded,
        Metric::Retries,
        Metric::LedgerFailures,
        Metric::DeadLettered,
        Metric::AlertsSent,
    ] {
        assert_eq!(metrics.get(metric), Some(1), "{metric:?}");
    }
    assert_eq!(
        recorder.take_metrics(),
        tidewaiter_report::emf::Metrics::default()
    );
}
