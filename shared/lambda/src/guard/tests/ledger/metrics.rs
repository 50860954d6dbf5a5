//! What an invocation counts.

use tidewaiter_report::emf::{Metric, Metrics};

use super::*;
use crate::guard::tests::storm::{at_ease, batch};

/// Counts and states that are not as in an invocation in which nothing happened.
fn told(metrics: &Metrics) -> Vec<(&'static str, u64)> {
    let all = Metric::ALL.iter();
    all.filter_map(|metric| Some((metric.name(), metrics.get(*metric)?)))
        .filter(|told| *told != ("PolicyInvalid", 0))
        .collect()
}

async fn after(sandbox: &Sandbox, payload: &str) -> Vec<(&'static str, u64)> {
    let _ = sandbox.guard.handle(payload, "r").await;
    told(&sandbox.guard.take_metrics())
}

#[tokio::test(start_paused = true)]
async fn an_act_and_its_alert_are_counted_and_timed() {
    fn soon() -> Timestamp {
        "2026-10-05T06:07:12.5Z".parse().unwrap()
    }
    let sandbox = Sandbox::definitions(&Table::default()).now(soon);
    assert_eq!(
        after(&sandbox, &privileged(3)).await,
        [
            ("Denied", 1),
            ("Unknowns", 1),
            ("ActionsDone", 1),
            ("BudgetLeft", 59),
            ("AlertsSent", 1),
            ("AlertLatency", 4_500),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn the_same_again_is_a_repetition() {
    let table = Table::default();
    let first = Sandbox::definitions(&table);
    first.guard.handle(&privileged(3), "a").await.unwrap();
    let again = Sandbox::definitions(&table);
    let told = after(&again, &privileged(3)).await;
    assert!(told.contains(&("AlertsRepeated", 1)), "{told:?}");
    assert!(!told.iter().any(|(name, _)| *name == "AlertsSent"));
    assert!(!told.iter().any(|(name, _)| *name == "AlertLatency"));
}

#[tokio::test(start_paused = true)]
async fn an_invocation_counts_only_its_own() {
    let sandbox = Sandbox::definitions(&Table::default());
    sandbox.guard.handle(&privileged(3), "a").await.unwrap();
    sandbox.guard.take_metrics();
    let hardened = event("task-definition-guard/hardened");
    assert_eq!(after(&sandbox, &hardened).await, [("Allowed", 1)]);
    let refused = event("task-definition-guard/refused");
    assert_eq!(after(&sandbox, &refused).await, [("Ignored", 1)]);
}

#[tokio::test(start_paused = true)]
async fn a_budget_that_is_used_up_and_a_pause_are_told_apart() {
    let table = Table::default();
    let sandbox = Sandbox::definitions(&table).policy("max-actions-per-hour: 1");
    let told = after(&sandbox, &privileged(3)).await;
    assert!(told.contains(&("BudgetLeft", 0)), "{told:?}");
    let told = after(&sandbox, &privileged(4)).await;
    let held = [("ActionsNotApplied", 1), ("OverBudget", 1)];
    assert!(held.iter().all(|one| told.contains(one)), "{told:?}");
    assert!(told.contains(&("AlertsSent", 2)), "with the page: {told:?}");
    pause(&table, true).await;
    let told = after(&sandbox, &privileged(5)).await;
    let held = [("ActionsNotApplied", 1), ("Paused", 1)];
    assert!(held.iter().all(|one| told.contains(one)), "{told:?}");
    assert!(!told.iter().any(|(name, _)| *name == "OverBudget"));
}

#[tokio::test(start_paused = true)]
async fn a_step_that_is_refused_fails_and_goes_aside() {
    let sandbox = Sandbox::new(
        SubjectKind::TaskDefinition,
        &Table::default(),
        |call| match call.operation.as_str() {
            "DeregisterTaskDefinition" => Answer::denied(),
            _ => Answer::empty(),
        },
    );
    let told = after(&sandbox, &privileged(3)).await;
    for one in [
        ("Denied", 1),
        ("ActionsFailed", 1),
        ("DeadLettered", 1),
        ("AlertsSent", 1),
    ] {
        assert!(told.contains(&one), "{one:?} in {told:?}");
    }
    assert!(!told.iter().any(|(name, _)| *name == "Retries"));
}

#[tokio::test(start_paused = true)]
async fn a_ledger_that_cannot_be_reached_is_counted_call_by_call() {
    let wire = Wire::new(|call| {
        if is_ledger(call) {
            return Answer::throttled();
        }
        Answer::empty()
    });
    let mut guard = guard(Mode::Enforce, SubjectKind::TaskDefinition, &wire);
    guard.now = clock;
    guard.handle(&privileged(3), "r").await.unwrap_err();
    let metrics = guard.take_metrics();
    let told = told(&metrics);
    // The switch. After that there is no use in asking.
    for one in [("LedgerFailures", 1), ("Retries", 1), ("ActionsFailed", 1)] {
        assert!(told.contains(&one), "{one:?} in {told:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_set_up_that_cannot_be_used_is_stated_until_the_process_ends() {
    let wire = with_ledger(Table::default(), fine);
    let place = Place::of_region(REGION, ACCOUNT).unwrap();
    let valid = guard(Mode::Enforce, SubjectKind::TaskDefinition, &wire);
    assert_eq!(valid.take_metrics().get(Metric::PolicyInvalid), Some(0));
    let settings = Settings {
        mode: Mode::Audit,
        policy: Policy::default(),
        topic_arn: format!("arn:aws:sns:{REGION}:{ACCOUNT}:alerts"),
        dead_letter_queue_url: "https://sqs/dlq".to_owned(),
        ledger: "ledger".to_owned(),
        clients: wire.clients(place),
        fallback: Some("the policy cannot be used".to_owned()),
    };
    let invalid = Guard::new(valid.function, settings);
    let hardened = event("task-definition-guard/hardened");
    for sent in [Some(1), None] {
        invalid.handle(&hardened, "r").await.unwrap();
        let metrics = invalid.take_metrics();
        assert_eq!(metrics.get(Metric::PolicyInvalid), Some(1));
        assert_eq!(metrics.get(Metric::AlertsSent), sent, "told once");
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_counted_once_for_all_that_is_in_it() {
    let critical = |call: &Call| match call.operation.as_str() {
        "DescribeImageScanFindings" if call.parameters.to_string().contains("ffff") => {
            Answer::throttled()
        }
        _ => critical_pages(call),
    };
    let sandbox = Sandbox::new(SubjectKind::Image, &Table::default(), critical);
    let finding = event("image-scan-guard/finding");
    let later = finding.replace(&"c3".repeat(32), &"f".repeat(64));
    let closed = event("image-scan-guard/finding-closed");
    let bodies = [finding.as_str(), &finding, &later, &closed, "{"];
    let bodies: Vec<(String, String)> = bodies
        .iter()
        .enumerate()
        .map(|(id, body)| (id.to_string(), (*body).to_owned()))
        .collect();
    let batch = batch(&bodies);
    let failures = sandbox.guard.handle_batch(&batch, "r", at_ease()).await;
    assert_eq!(failures.len(), 1);
    let told = told(&sandbox.guard.take_metrics());
    for one in [
        ("Denied", 1),
        ("Ignored", 1),
        ("Retries", 1),
        ("DeadLettered", 1),
    ] {
        assert!(told.contains(&one), "{one:?} in {told:?}");
    }
}
