//! Alerts and calls that do not get through, or not at once.

use super::*;

#[tokio::test(start_paused = true)]
async fn an_alert_that_cannot_be_sent_is_tried_again() {
    let payload = event("task-definition-guard/privileged");
    let done = handle(Mode::Enforce, &payload, |call| {
        match call.operation.as_str() {
            "Publish" => Answer::error(403, "AuthorizationError", "not authorized"),
            _ => Answer::empty(),
        }
    })
    .await;
    assert!(done.result.is_err());
    assert_eq!(done.operations()[0], "DeregisterTaskDefinition");
}

#[tokio::test(start_paused = true)]
async fn an_event_that_cannot_be_put_aside_is_tried_again() {
    let done = handle(Mode::Enforce, "{}", |call| match call.operation.as_str() {
        "SendMessage" => Answer::denied(),
        _ => Answer::empty(),
    })
    .await;
    assert!(done.result.is_err());
    assert_eq!(done.operations(), ["SendMessage"]);
}

#[tokio::test(start_paused = true)]
async fn a_set_up_that_fell_to_audit_mode_is_told_once() {
    let refuse_first = Arc::new(Mutex::new(true));
    let wire = with_ledger(Table::default(), move |_| {
        let mut refuse = refuse_first.lock().unwrap();
        if std::mem::take(&mut *refuse) {
            Answer::error(403, "AuthorizationError", "not yet")
        } else {
            Answer::empty()
        }
    });
    let mut guard = guard(Mode::Audit, SubjectKind::TaskDefinition, &wire);
    guard.untold = RefCell::new(Some("the policy cannot be used".to_owned()));
    let payload = event("task-definition-guard/hardened");
    for _ in 0..3 {
        assert_eq!(guard.handle(&payload, "r").await, Ok(()));
    }
    let done = Done {
        result: Ok(()),
        wire,
    };
    // The first attempt was refused, the second went out, and there is no third.
    assert_eq!(done.operations(), ["Publish", "Publish"]);
    assert_eq!(done.alerts()[1]["kind"], "failure");
}

#[tokio::test(start_paused = true)]
async fn calls_that_share_a_bucket_with_deployments_are_held_below_its_refill() {
    let wire = with_ledger(Table::default(), fine);
    let guard = guard(Mode::Enforce, SubjectKind::TaskDefinition, &wire);
    let start = tokio::time::Instant::now();
    for revision in 1..=5 {
        let payload = event("task-definition-guard/privileged")
            .replace("ci-builder:3", &format!("ci-builder:{revision}"));
        assert_eq!(guard.handle(&payload, "r").await, Ok(()));
    }
    assert_eq!(start.elapsed().as_secs(), 8);
}
