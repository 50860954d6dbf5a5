//! Every call to the ledger, failing in every way.

use super::*;

type Fault = fn() -> Answer;

const FAULTS: [(&str, Fault, bool); 3] = [
    ("throttled", Answer::throttled, true),
    (
        "a fault of the service",
        || Answer::error(500, "InternalServerError", "oh"),
        true,
    ),
    ("denied", Answer::denied, false),
];

/// What an attempt of a ledger call is about: its key without what it is of, and what it sets.
fn about(call: &Call) -> String {
    let id = call.parameters["Key"]["id"]["S"].as_str();
    let id = id.unwrap_or("listed");
    let kind = id.split('#').next().unwrap();
    let states = &call.parameters["ExpressionAttributeValues"];
    let update = call.parameters["UpdateExpression"]
        .as_str()
        .unwrap_or_default();
    let state = ["quarantined", "begun", "telling", "told"]
        .into_iter()
        .find(|state| update.contains(&format!("= :{state}")))
        .or_else(|| states[":state"]["S"].as_str())
        .unwrap_or_default();
    format!("{kind} {state}").trim().to_owned()
}

/// Handles an event with one kind of ledger call failing for good.
async fn fail(payload: &str, which: &'static str, fault: Fault) -> (Result<(), HandleError>, Wire) {
    let table = Table::default();
    let wire = Wire::new(move |call| {
        if is_ledger(call) && about(call) == which {
            return fault();
        }
        table.answer(call).unwrap_or_else(|| critical_pages(call))
    });
    let subject = if payload.contains("Scan\"") {
        SubjectKind::Image
    } else {
        SubjectKind::TaskDefinition
    };
    let mut guard = guard(Mode::Enforce, subject, &wire);
    guard.now = clock;
    let result = guard.handle(payload, "r").await;
    (result, wire)
}

fn count(wire: &Wire, operation: &str) -> usize {
    wire.operations().iter().filter(|o| *o == operation).count()
}

#[tokio::test(start_paused = true)]
async fn nothing_is_done_without_what_has_to_be_known_or_written_before() {
    let definition = event("task-definition-guard/privileged");
    let image = event("image-scan-guard/critical");
    for (payload, act, before) in [
        (
            &definition,
            "DeregisterTaskDefinition",
            &["switch", "budget", "action begun"][..],
        ),
        (
            &image,
            "UpdateImageStorageClass",
            &["switch", "budget", "action begun", "quarantine quarantined"],
        ),
    ] {
        for which in before {
            for (name, fault, is_transient) in FAULTS {
                let (result, wire) = fail(payload, which, fault).await;
                let context = format!("{which} {name}");
                assert_eq!(count(&wire, act), 0, "{context}");
                assert_eq!(count(&wire, "Publish"), 1, "{context}");
                let done = Done { result, wire };
                let alert = done.alert();
                let error = alert["actions"][0]["error"].as_str().unwrap();
                assert!(
                    error.starts_with("nothing was done: the ledger cannot be reached: "),
                    "{error}"
                );
                assert_eq!(alert["actions"][0]["will_retry"], is_transient, "{context}");
                // Time helps: again. Time does not: into the dead-letter queue.
                assert_eq!(done.result.is_err(), is_transient, "{context}");
                let aside = done.operations().contains(&"SendMessage".to_owned());
                assert_eq!(aside, !is_transient, "{context}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_act_whose_outcome_cannot_be_written_is_told_and_handled_again() {
    for (name, fault, _) in FAULTS {
        let payload = event("task-definition-guard/privileged");
        let (result, wire) = fail(&payload, "action done", fault).await;
        assert!(result.is_err(), "{name}");
        assert_eq!(count(&wire, "DeregisterTaskDefinition"), 1);
        let done = Done { result, wire };
        assert_eq!(done.alert()["actions"][0]["effect"], "done", "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_alert_goes_out_whatever_the_ledger_says_of_it_and_comes_again_to_be_written_down() {
    for which in ["alert telling", "alert told"] {
        for (name, fault, _) in FAULTS {
            for case in ["privileged", "weak"] {
                let payload = event(&format!("task-definition-guard/{case}"));
                let (result, wire) = fail(&payload, which, fault).await;
                let error = result.unwrap_err().to_string();
                assert!(
                    error.starts_with("it was told, and"),
                    "{which} {name}: {error}"
                );
                assert_eq!(count(&wire, "Publish"), 1, "{which} {name}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_ledger_is_told_once_a_process() {
    let wire = Wire::new(|call| {
        if is_ledger(call) {
            return Answer::throttled();
        }
        fine(call)
    });
    let guard = guard(Mode::Enforce, SubjectKind::TaskDefinition, &wire);
    for _ in 0..3 {
        let result = guard
            .handle(&event("task-definition-guard/privileged"), "r")
            .await;
        assert!(
            result
                .unwrap_err()
                .to_string()
                .contains("the ledger cannot be reached")
        );
    }
    assert_eq!(count(&wire, "Publish"), 1);
    assert_eq!(count(&wire, "DeregisterTaskDefinition"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_ledger_that_comes_back_is_told_what_was_told_and_nobody_else_is() {
    let table = Table::default();
    let is_lost = Arc::new(Mutex::new(true));
    let switch = is_lost.clone();
    let wire = Wire::new(move |call| {
        if is_ledger(call) && *switch.lock().unwrap() {
            return Answer::denied();
        }
        table.answer(call).unwrap_or_else(|| fine(call))
    });
    let guard = guard(Mode::Enforce, SubjectKind::TaskDefinition, &wire);
    let weak = event("task-definition-guard/weak");
    for (lost, told) in [
        (true, 1),
        (true, 1),
        (false, 1),
        (false, 1),
        (true, 2),
        (true, 2),
    ] {
        *is_lost.lock().unwrap() = lost;
        assert_eq!(guard.handle(&weak, "r").await.is_err(), lost);
        assert_eq!(count(&wire, "Publish"), told, "{lost}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_clean_scan_of_which_it_is_not_known_what_was_told_is_handled_again() {
    for (name, fault, _) in FAULTS {
        let wire = Wire::new(move |call| match call.operation.as_str() {
            "GetItem" => fault(),
            _ => Answer::json(
                r#"{"imageScanStatus":{"status":"COMPLETE"},"imageScanFindings":{"findingSeverityCounts":{"LOW":3}}}"#,
            ),
        });
        let guard = guard(Mode::Enforce, SubjectKind::Image, &wire);
        let result = guard.handle(&event("image-scan-guard/clean"), "r").await;
        assert!(result.is_err(), "{name}");
    }
}
