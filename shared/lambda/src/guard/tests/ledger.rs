//! What the ledger keeps a function from doing, and from telling twice.

mod ends;
mod faults;
mod metrics;
mod races;

use super::*;

const NOW: &str = "2026-11-23T13:30:00Z";
const PRIVILEGED: &str = "action#deregister-task-definition:arn:aws:ecs:eu-central-1:444455556666:task-definition/ci-builder:3";

fn clock() -> Timestamp {
    NOW.parse().unwrap()
}

/// One sandbox on a ledger that outlives it.
struct Sandbox {
    guard: Guard,
    wire: Wire,
}

impl Sandbox {
    fn new(
        subject: SubjectKind,
        table: &Table,
        script: impl Fn(&Call) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let wire = with_ledger(table.clone(), script);
        let mut guard = guard(Mode::Enforce, subject, &wire);
        guard.now = clock;
        Self { guard, wire }
    }

    fn definitions(table: &Table) -> Self {
        Self::new(SubjectKind::TaskDefinition, table, fine)
    }

    fn policy(mut self, policy: &str) -> Self {
        let policy = format!("version: 1\n{policy}\n");
        self.guard.settings.policy = Policy::from_yaml(&policy, clock()).unwrap();
        self
    }

    fn now(mut self, now: fn() -> Timestamp) -> Self {
        self.guard.now = now;
        self
    }

    fn count(&self, operation: &str) -> usize {
        let calls = self.wire.calls().into_iter();
        let wanted = calls.filter(|call| call.operation == operation && !is_ending(call));
        wanted.count()
    }

    fn alerts(self) -> Vec<Value> {
        let done = Done {
            result: Ok(()),
            wire: self.wire,
        };
        done.alerts()
    }
}

/// A privileged definition of this revision.
pub(super) fn privileged(revision: usize) -> String {
    event("task-definition-guard/privileged")
        .replace("ci-builder:3", &format!("ci-builder:{revision}"))
}

async fn pause(table: &Table, is_paused: bool) {
    let answers = table.clone();
    let wire = Wire::new(move |call| answers.answer(call).unwrap());
    let clients = wire.clients(Place::of_region(REGION, ACCOUNT).unwrap());
    let writer = Writer {
        by: "ada",
        attempt: "a",
        now: clock(),
    };
    let ledger = Ledger::new(&clients, "ledger");
    assert_eq!(
        ledger.set_switch(is_paused, "a release", writer).await,
        Ok(true)
    );
    assert_eq!(
        ledger.set_switch(is_paused, "again", writer).await,
        Ok(false)
    );
}

#[tokio::test(start_paused = true)]
async fn the_undo_is_written_before_the_act_and_the_outcome_after_it() {
    let table = Table::default();
    let seen = table.clone();
    let sandbox = Sandbox::new(SubjectKind::TaskDefinition, &table, move |call| {
        if call.operation == "DeregisterTaskDefinition" {
            let state = seen.attribute(PRIVILEGED, "state");
            assert_eq!(state.as_deref(), Some("begun"));
            let undo = seen.attribute(PRIVILEGED, "undo").unwrap();
            assert!(undo.contains("register-task-definition"), "{undo}");
        }
        Answer::empty()
    });
    assert_eq!(sandbox.guard.handle(&privileged(3), "r").await, Ok(()));
    assert_eq!(
        table.attribute(PRIVILEGED, "state").as_deref(),
        Some("done")
    );
    assert_eq!(
        sandbox.wire.operations(),
        [
            "GetItem",    // the switch
            "UpdateItem", // the budget
            "UpdateItem", // begun
            "DeregisterTaskDefinition",
            "UpdateItem", // done
            "GetItem",    // what was told
            "UpdateItem", // to be told
            "Publish",
            "UpdateItem", // told
        ]
    );
    assert_eq!(
        table.keys(),
        [
            PRIVILEGED,
            "alert#task-definition arn:aws:ecs:eu-central-1:444455556666:task-definition/ci-builder:3",
            "budget#guard#2026-11-23T13Z",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_repeated_event_is_counted_and_neither_acted_on_nor_told_again() {
    let table = Table::default();
    for attempt in ["a", "b", "c"] {
        let sandbox = Sandbox::definitions(&table);
        assert_eq!(sandbox.guard.handle(&privileged(3), attempt).await, Ok(()));
        let times = usize::from(attempt == "a");
        assert_eq!(sandbox.count("DeregisterTaskDefinition"), times);
        assert_eq!(sandbox.count("Publish"), times);
    }
    let alert =
        "alert#task-definition arn:aws:ecs:eu-central-1:444455556666:task-definition/ci-builder:3";
    assert_eq!(table.attribute(alert, "repeats").as_deref(), Some("2"));
}

#[tokio::test(start_paused = true)]
async fn what_is_told_again_is_a_change() {
    let table = Table::default();
    let scan = |severity: &'static str| {
        move |call: &Call| {
            let body = json!({
                "imageScanStatus": {"status": "COMPLETE"},
                "imageScanFindings": {"findingSeverityCounts": {severity: 1}},
            });
            match call.operation.as_str() {
                "DescribeImageScanFindings" => Answer::json(body.to_string()),
                _ => Answer::empty(),
            }
        }
    };
    let payload = event("image-scan-guard/no-counts");
    let told = async |severity| {
        let sandbox = Sandbox::new(SubjectKind::Image, &table, scan(severity));
        let sandbox = sandbox.policy("mode: audit");
        assert_eq!(sandbox.guard.handle(&payload, severity).await, Ok(()));
        sandbox.count("Publish")
    };
    assert_eq!(told("HIGH").await, 1);
    assert_eq!(told("HIGH").await, 0, "the same");
    assert_eq!(told("CRITICAL").await, 1, "worse");
    assert_eq!(told("CRITICAL").await, 0);
    assert_eq!(told("LOW").await, 0, "nothing to tell");
    assert_eq!(told("CRITICAL").await, 1, "bad again after it was well");
}

#[tokio::test(start_paused = true)]
async fn runs_are_told_apart_by_what_they_set() {
    let table = Table::default();
    let run = event("task-definition-guard/run-overrides");
    let other = run.replace("role/admin", "role/root");
    for (payload, told) in [(&run, 1), (&run, 0), (&other, 1), (&other, 0)] {
        let sandbox = Sandbox::definitions(&table);
        assert_eq!(sandbox.guard.handle(payload, "r").await, Ok(()));
        assert_eq!(sandbox.count("Publish"), told);
        let calls = sandbox.wire.calls();
        let is_switch = |call: &Call| call.parameters["Key"]["id"]["S"] == "switch";
        assert!(
            !calls.iter().any(is_switch),
            "there is nothing to hold back"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn that_it_is_done_already_is_no_news_to_who_was_told() {
    let table = Table::default();
    for (status, told) in [
        ("COMPLETE", 1),
        ("IMAGE_ARCHIVED", 0),
        ("IMAGE_ARCHIVED", 0),
    ] {
        let sandbox = Sandbox::new(SubjectKind::Image, &table, move |call| {
            let body = json!({
                "imageScanStatus": {"status": status},
                "imageScanFindings": {"findingSeverityCounts": {"CRITICAL": 1}},
            });
            match call.operation.as_str() {
                "DescribeImageScanFindings" => Answer::json(body.to_string()),
                "DescribeImages" => surroundings::listed(),
                _ => Answer::empty(),
            }
        });
        let payload = event("image-scan-guard/critical");
        assert_eq!(sandbox.guard.handle(&payload, "r").await, Ok(()));
        assert_eq!(sandbox.count("Publish"), told, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_image_that_came_back_is_archived_again_and_that_is_news_after_an_hour() {
    let table = Table::default();
    let later: fn() -> Timestamp = || "2026-11-23T15:00:00Z".parse().unwrap();
    for (now, told) in [
        (clock as fn() -> Timestamp, 1),
        (clock, 0),
        (later, 1),
        (later, 0),
    ] {
        let sandbox = Sandbox::new(SubjectKind::Image, &table, critical_pages).now(now);
        let payload = event("image-scan-guard/critical");
        assert_eq!(sandbox.guard.handle(&payload, "r").await, Ok(()));
        assert_eq!(sandbox.count("UpdateImageStorageClass"), 1);
        assert_eq!(sandbox.count("Publish"), told);
    }
}

#[tokio::test(start_paused = true)]
async fn a_burst_ends_at_the_budget_with_one_page_and_goes_on_in_the_next_hour() {
    let table = Table::default();
    let policy = "max-actions-per-hour: 3";
    // Two sandboxes share the budget.
    let sandboxes = [0, 1].map(|_| Sandbox::definitions(&table).policy(policy));
    for revision in 1..=10 {
        let sandbox = &sandboxes[revision % 2];
        let result = sandbox.guard.handle(&privileged(revision), "r").await;
        assert_eq!(result, Ok(()));
        let done: usize = sandboxes
            .iter()
            .map(|s| s.count("DeregisterTaskDefinition"))
            .sum();
        assert_eq!(done, revision.min(3));
    }
    let alerts: Vec<Value> = sandboxes.into_iter().flat_map(Sandbox::alerts).collect();
    let pages: Vec<_> = alerts
        .iter()
        .filter(|alert| alert["kind"] == "failure")
        .collect();
    assert_eq!(pages.len(), 1, "{pages:?}");
    insta::assert_snapshot!(pages[0]["headline"].as_str().unwrap());
    assert_eq!(alerts.len(), 11);
    let held = alerts.iter().filter(|alert| !alert["held_back"].is_null());
    assert_eq!(held.clone().count(), 7);
    for alert in held {
        assert_eq!(alert["mode"], "audit");
        assert_eq!(alert["actions"][0]["effect"], "not-applied");
    }
    let next_hour: fn() -> Timestamp = || "2026-11-23T14:00:00Z".parse().unwrap();
    let sandbox = Sandbox::definitions(&table).policy(policy).now(next_hour);
    assert_eq!(sandbox.guard.handle(&privileged(11), "r").await, Ok(()));
    assert_eq!(sandbox.count("DeregisterTaskDefinition"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_budget_of_nothing_is_audit_mode() {
    let table = Table::default();
    let sandbox = Sandbox::definitions(&table).policy("max-actions-per-hour: 0");
    assert_eq!(sandbox.guard.handle(&privileged(3), "r").await, Ok(()));
    assert_eq!(sandbox.count("DeregisterTaskDefinition"), 0);
}

#[tokio::test(start_paused = true)]
async fn the_switch_holds_from_the_next_event_on_and_until_it_is_turned_back() {
    let table = Table::default();
    let sandbox = Sandbox::definitions(&table);
    let handle = async |revision| {
        let result = sandbox.guard.handle(&privileged(revision), "r").await;
        assert_eq!(result, Ok(()));
        sandbox.count("DeregisterTaskDefinition")
    };
    assert_eq!(handle(1).await, 1);
    pause(&table, true).await;
    assert_eq!(handle(2).await, 1);
    assert_eq!(handle(3).await, 1);
    pause(&table, false).await;
    assert_eq!(handle(4).await, 2);
    // What was held back is done when it is announced again, and told as a change.
    assert_eq!(handle(2).await, 3);
    let alerts = sandbox.alerts();
    assert_eq!(alerts.len(), 5);
    assert_eq!(alerts[1]["mode"], "audit");
    assert_eq!(
        alerts[1]["held_back"],
        "`ada` paused all actions: `a release`"
    );
}

#[tokio::test(start_paused = true)]
async fn a_released_image_is_left_alone_until_the_release_ends() {
    let table = Table::default();
    let first = Sandbox::new(SubjectKind::Image, &table, critical_pages);
    let payload = event("image-scan-guard/critical");
    assert_eq!(first.guard.handle(&payload, "r").await, Ok(()));
    let (repository, digest) = {
        let call = first.wire.calls();
        let call = call
            .iter()
            .find(|c| c.operation == "UpdateImageStorageClass")
            .unwrap();
        let digest = call.parameters["imageId"]["imageDigest"].as_str().unwrap();
        let place = Place::of_region(REGION, ACCOUNT).unwrap();
        let name = call.parameters["repositoryName"].as_str().unwrap();
        (
            tidewaiter_rules::names::Repository::new(place, name).unwrap(),
            tidewaiter_rules::names::Digest::parse(digest).unwrap(),
        )
    };
    let ledger = first.guard.ledger();
    let held = ledger.quarantined(&repository, &digest, clock()).await;
    assert!(
        matches!(
            held,
            Ok(Some(tidewaiter_aws::ledger::Quarantined::Held { .. }))
        ),
        "{held:?}"
    );
    let writer = Writer {
        by: "ada",
        attempt: "a",
        now: clock(),
    };
    let until: Timestamp = "2026-11-23T14:00:00Z".parse().unwrap();
    let released = ledger
        .release(&repository, &digest, "a false alarm", until, writer)
        .await;
    assert_eq!(released, Ok(()));
    let during: fn() -> Timestamp = || "2026-11-23T13:59:59Z".parse().unwrap();
    let after: fn() -> Timestamp = || "2026-11-23T14:00:00Z".parse().unwrap();
    for (now, archived) in [(during, 0), (after, 1)] {
        let sandbox = Sandbox::new(SubjectKind::Image, &table, critical_pages).now(now);
        assert_eq!(sandbox.guard.handle(&payload, "r").await, Ok(()));
        assert_eq!(sandbox.count("UpdateImageStorageClass"), archived);
        let told = sandbox.alerts();
        if archived == 0 {
            let held_back = told[0]["held_back"].as_str().unwrap();
            assert!(
                held_back.contains("`ada` released the image"),
                "{held_back}"
            );
        }
    }
}
