//! Secrets are planted wherever one can stand in a definition, and stand in no line of the log, no alert, nothing in
//! the ledger and no reason of what is put aside, whatever fails. The event itself is put aside as it came.

// The places are those of the command line's own test. It is test code, which a dependency does
// not give.
#[path = "../../../../../cli/tests/secrets/planted.rs"]
mod planted;

use std::{cell::RefCell, io, sync::Once};

use self::planted::{Planted, Shape, definitions};
use super::*;

thread_local! {
    /// What this thread has logged. A subscriber of one thread alone would miss what another thread's lack of one has
    /// switched off.
    static LINES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

struct Lines;

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LINES.with_borrow_mut(|lines| lines.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What this thread logs from now on, as a function does, is to be looked through.
fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let subscriber = tracing_subscriber::fmt()
            .json()
            .with_max_level(tracing::Level::INFO);
        subscriber.with_writer(|| Lines).init();
    });
    LINES.take();
}

/// A registration of this definition.
fn registered(mut definition: Value) -> Value {
    let arn = format!("arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/web:7");
    definition["taskDefinitionArn"] = json!(arn);
    json!({
        "detail-type": "AWS API Call via CloudTrail", "source": "aws.ecs", "id": "e",
        "account": ACCOUNT, "region": REGION, "time": "2026-11-23T06:07:08Z",
        "detail": {
            "eventSource": "ecs.amazonaws.com", "eventName": "RegisterTaskDefinition", "eventID": "e",
            "userIdentity": {"type": "Root"}, "requestParameters": definition,
            "responseElements": {"taskDefinition": definition},
        },
    })
}

/// Which call fails, and how.
type Fault = (&'static str, fn() -> Answer);

const FAULTS: [Fault; 7] = [
    ("nothing", Answer::empty),
    ("DeregisterTaskDefinition", Answer::denied),
    ("DeregisterTaskDefinition", Answer::throttled),
    ("Publish", Answer::denied),
    ("UpdateItem", Answer::denied),
    ("GetItem", Answer::throttled),
    ("SendMessage", Answer::denied),
];

#[tokio::test(start_paused = true)]
async fn no_secret_of_a_definition_leaves_a_guard_whatever_fails() {
    listen();
    let mut planted = Planted::new();
    let mut definitions = definitions(&mut planted);
    // The family is a part of the ARN, without which nothing can be done about the definition.
    definitions.retain(|(place, _)| !place.starts_with("/family"));
    let (mut alerts, mut letters) = (0, 0);
    // Every place meets some of the faults, and every fault some of the places.
    let mut faults = FAULTS.iter().cycle();
    for (place, definition) in definitions {
        let event = registered(definition).to_string();
        // One that can be read, and one that breaks off.
        let broken = event.split_at(event.len() / 2).0.to_owned();
        for (payload, (operation, fault)) in [event, broken].into_iter().zip(faults.by_ref()) {
            let case = format!("{place}, {operation} fails");
            let wire = with_ledger_or(operation, *fault);
            let guard = guard(Mode::Enforce, SubjectKind::TaskDefinition, &wire);
            let _ = guard.handle(&payload, "r").await;
            for mut call in wire.calls() {
                alerts += usize::from(call.operation == "Publish");
                if call.operation == "SendMessage" {
                    letters += 1;
                    assert_eq!(call.parameters["MessageBody"], payload.as_str());
                    call.parameters["MessageBody"] = json!(null);
                }
                planted.assert_not_in(call.parameters.to_string().as_bytes(), &case);
            }
            let log = LINES.take();
            assert!(!log.is_empty(), "{case}");
            planted.assert_not_in(&log, &case);
        }
    }
    assert!(alerts > 200 && letters > 100, "{alerts} {letters}");
    // A secret that is there is found, or the test is none.
    let secret = planted.plant(Shape::Token, "here");
    assert!(std::panic::catch_unwind(|| planted.assert_not_in(secret.as_bytes(), "here")).is_err());
}

/// A ledger, and one operation that fails.
fn with_ledger_or(operation: &'static str, fault: fn() -> Answer) -> Wire {
    let table = Table::default();
    Wire::new(move |call| {
        if call.operation == operation {
            return fault();
        }
        table.answer(call).unwrap_or_else(Answer::empty)
    })
}
