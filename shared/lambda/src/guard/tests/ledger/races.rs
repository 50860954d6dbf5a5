//! Two sandboxes with the same event, and a sandbox that is killed, at every call.

use std::{
    panic::resume_unwind,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use super::*;

/// A whole invocation on a thread of its own; `before` is run before its call of this number is
/// answered. The invocation is killed where `before` panics.
fn invoke(
    table: &Table,
    attempt: &'static str,
    number: usize,
    before: impl Fn() + Send + Sync + 'static,
) -> (thread::Result<Result<(), HandleError>>, Wire) {
    invoke_with(60, table, attempt, number, before)
}

/// The same with a budget.
fn invoke_with(
    most: u32,
    table: &Table,
    attempt: &'static str,
    number: usize,
    before: impl Fn() + Send + Sync + 'static,
) -> (thread::Result<Result<(), HandleError>>, Wire) {
    let event = (privileged(3), clock as fn() -> Timestamp);
    invoke_of(event, most, table, attempt, number, before)
}

/// The same of any event, at any time.
fn invoke_of(
    (payload, now): (String, fn() -> Timestamp),
    most: u32,
    table: &Table,
    attempt: &'static str,
    number: usize,
    before: impl Fn() + Send + Sync + 'static,
) -> (thread::Result<Result<(), HandleError>>, Wire) {
    let seen = AtomicUsize::new(0);
    let table = table.clone();
    let wire = Wire::new(move |call| {
        if seen.fetch_add(1, Ordering::Relaxed) == number {
            before();
        }
        table.answer(call).unwrap_or_else(|| fine(call))
    });
    let other_end = wire.clone();
    let thread = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut guard = guard(Mode::Enforce, SubjectKind::TaskDefinition, &other_end);
            guard.now = now;
            let policy = format!("version: 1\nmax-actions-per-hour: {most}");
            guard.settings.policy = Policy::from_yaml(&policy, clock()).unwrap();
            guard.handle(&payload, attempt).await
        })
    });
    (thread.join(), wire)
}

fn published(wire: &Wire) -> usize {
    let operations = wire.operations();
    operations.iter().filter(|o| *o == "Publish").count()
}

#[test]
fn two_sandboxes_with_the_same_event_tell_it_once_at_every_interleaving() {
    for number in 0..9 {
        let table = Table::default();
        let other = Arc::new(Mutex::new(None));
        let (its_table, result) = (table.clone(), other.clone());
        let (first, wire) = invoke(&table, "a", number, move || {
            let (second, wire) = invoke(&its_table, "b", usize::MAX, || {});
            *result.lock().unwrap() = Some((second.unwrap(), wire));
        });
        let (second, its_wire) = other.lock().unwrap().take().expect("it was called");
        let told = published(&wire) + published(&its_wire);
        assert_eq!(told, 1, "before call {number}");
        // Who found the other about to tell comes back, and finds it told.
        for (result, attempt) in [(first.unwrap(), "a"), (second, "b")] {
            if result.is_err() {
                let (again, wire) = invoke(&table, attempt, usize::MAX, || {});
                assert_eq!(again.unwrap(), Ok(()), "before call {number}");
                assert_eq!(published(&wire), 0, "before call {number}");
            }
        }
        assert_eq!(
            table.attribute(PRIVILEGED, "state").as_deref(),
            Some("done")
        );
    }
}

#[test]
fn a_sandbox_killed_at_any_call_loses_no_alert_and_repeats_one_at_most() {
    for number in 0..9 {
        let table = Table::default();
        let (killed, wire) = invoke(&table, "a", number, || resume_unwind(Box::new("killed")));
        assert!(killed.is_err());
        let before = published(&wire);
        let (again, wire) = invoke(&table, "a", usize::MAX, || {});
        assert_eq!(again.unwrap(), Ok(()));
        let told = before + published(&wire);
        // The ninth call writes down that it was told.
        assert_eq!(
            told,
            if number == 8 { 2 } else { 1 },
            "killed at call {number}"
        );
        assert_eq!(
            table.attribute(PRIVILEGED, "state").as_deref(),
            Some("done")
        );
        let (repeated, wire) = invoke(&table, "b", usize::MAX, || {});
        assert_eq!((repeated.unwrap(), published(&wire)), (Ok(()), 0));
    }
}

#[test]
fn a_claim_of_a_sandbox_that_never_came_back_runs_out() {
    let table = Table::default();
    let (killed, _) = invoke(&table, "a", 7, || resume_unwind(Box::new("killed")));
    assert!(killed.is_err());
    let (early, wire) = invoke(&table, "b", usize::MAX, || {});
    assert!(early.unwrap().is_err());
    assert_eq!(published(&wire), 0);
    let late: fn() -> Timestamp = || "2026-11-23T13:32:31Z".parse().unwrap();
    let sandbox = Sandbox::definitions(&table).now(late);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let result = runtime.block_on(sandbox.guard.handle(&privileged(3), "c"));
    assert_eq!((result, sandbox.count("Publish")), (Ok(()), 1));
}

#[test]
fn a_page_is_sent_once_at_every_interleaving_and_not_lost_to_any_kill() {
    let pages = |wires: [&Wire; 2]| {
        let calls = wires.into_iter().flat_map(Wire::calls);
        let published = calls.filter(|call| call.operation == "Publish");
        let of_budget =
            published.filter(|call| call.parameters.to_string().contains("acts no more"));
        of_budget.count()
    };
    // The switch, whether it was done before, then the page (read, claim, Publish, told), then the alert in
    // the same way: a budget of nothing is not asked for.
    for number in 0..10 {
        let table = Table::default();
        let other = Arc::new(Mutex::new(None));
        let (its_table, result) = (table.clone(), other.clone());
        let (first, wire) = invoke_with(0, &table, "a", number, move || {
            let (second, wire) = invoke_with(0, &its_table, "b", usize::MAX, || {});
            *result.lock().unwrap() = Some((second.unwrap(), wire));
        });
        let (_, its_wire) = other.lock().unwrap().take().expect("it was called");
        assert!(first.is_ok());
        assert_eq!(pages([&wire, &its_wire]), 1, "before call {number}");

        let table = Table::default();
        let (killed, wire) =
            invoke_with(0, &table, "a", number, || resume_unwind(Box::new("killed")));
        assert!(killed.is_err());
        let (again, its_wire) = invoke_with(0, &table, "a", usize::MAX, || {});
        assert_eq!(again.unwrap(), Ok(()));
        let sent = pages([&wire, &its_wire]);
        assert_eq!(
            sent,
            if number == 5 { 2 } else { 1 },
            "killed at call {number}"
        );
    }
}

/// An event, when it is handled, and the change that it leads to.
type Later = (String, fn() -> Timestamp, &'static str);

/// What tells that something is over, and what reminds of it.
fn later_events() -> [Later; 2] {
    let in_a_week: fn() -> Timestamp = || "2026-11-30T13:30:00Z".parse().unwrap();
    [
        (
            event("task-definition-guard/deregistered"),
            clock,
            "resolved",
        ),
        (
            event("task-definition-guard/waiver-review"),
            in_a_week,
            "reminder",
        ),
    ]
}

fn told(wire: &Wire, change: &str) -> usize {
    let calls = wire.calls().into_iter();
    let published = calls.filter(|call| call.operation == "Publish");
    published
        .filter(|call| alert_of(call)["change"] == change)
        .count()
}

#[test]
fn two_sandboxes_resolve_and_remind_once_at_every_interleaving() {
    for (payload, now, change) in later_events() {
        let opened = Table::default();
        let (_, wire) = invoke(&opened, "o", usize::MAX, || {});
        let calls = {
            let table = opened.copy();
            let of = (payload.clone(), now);
            let (_, wire) = invoke_of(of, 60, &table, "a", usize::MAX, || {});
            wire.calls().len()
        };
        assert!(published(&wire) == 1 && calls >= 4, "{calls}");
        for number in 0..calls {
            let table = opened.copy();
            let other = Arc::new(Mutex::new(None));
            let (its_table, result) = (table.clone(), other.clone());
            let its_payload = payload.clone();
            let of = (payload.clone(), now);
            let (first, wire) = invoke_of(of, 60, &table, "a", number, move || {
                let of = (its_payload.clone(), now);
                let (second, wire) = invoke_of(of, 60, &its_table, "b", usize::MAX, || {});
                *result.lock().unwrap() = Some((second.unwrap(), wire));
            });
            let (second, its_wire) = other.lock().unwrap().take().expect("it was called");
            let sent = told(&wire, change) + told(&its_wire, change);
            assert_eq!(sent, 1, "{change}, before call {number}");
            for (result, attempt) in [(first.unwrap(), "a"), (second, "b")] {
                if result.is_err() {
                    let of = (payload.clone(), now);
                    let (again, wire) = invoke_of(of, 60, &table, attempt, usize::MAX, || {});
                    assert_eq!(again.unwrap(), Ok(()), "before call {number}");
                    assert_eq!(told(&wire, change), 0, "before call {number}");
                }
            }
        }
    }
}

#[test]
fn a_sandbox_killed_while_it_resolves_or_reminds_loses_nothing_and_repeats_it_once_at_most() {
    for (payload, now, change) in later_events() {
        let opened = Table::default();
        let (_, wire) = invoke(&opened, "o", usize::MAX, || {});
        assert_eq!(published(&wire), 1);
        let of = || (payload.clone(), now);
        let operations = {
            let (_, wire) = invoke_of(of(), 60, &opened.copy(), "a", usize::MAX, || {});
            wire.operations()
        };
        let last = operations.len() - 1;
        for number in 0..operations.len() {
            let table = opened.copy();
            let (killed, wire) = invoke_of(of(), 60, &table, "a", number, || {
                resume_unwind(Box::new("killed"));
            });
            assert!(killed.is_err());
            let before = told(&wire, change);
            let (again, wire) = invoke_of(of(), 60, &table, "a", usize::MAX, || {});
            assert_eq!(again.unwrap(), Ok(()));
            let sent = before + told(&wire, change);
            // The last call writes down that it was told.
            let most = if number == last { 2 } else { 1 };
            assert_eq!(
                sent, most,
                "{change}, killed at call {number} of {operations:?}"
            );
            let (repeated, wire) = invoke_of(of(), 60, &table, "b", usize::MAX, || {});
            assert_eq!((repeated.unwrap(), told(&wire, change)), (Ok(()), 0));
        }
    }
}
