//! What EventBridge, CloudTrail, SNS and SQS hand to the functions.

use serde_json::{Value, json};
use tidewaiter_events::{Parsed, parse};
use tidewaiter_notify::Incoming;
use tidewaiter_report::{Alert, Failure, Fate};
use tidewaiter_rules::Mode;

use crate::{
    shown::is_one_line,
    told::{self, home},
};

/// An event as a function is given it, and the same within the messages of a queue.
///
/// # Panics
/// When something does not hold.
pub fn event(data: &[u8]) {
    let parsed = parse(data);
    assert_eq!(parsed, parse(data), "it is read alike twice");
    match &parsed {
        Ok(Parsed::Event(event)) => {
            told::message(&failure(Some(event), "the call failed").message());
            if let Some(facts) = event.facts() {
                let (decision, plan) = told::judge(&facts);
                told::alert(event, &facts, &decision, &plan);
            }
        }
        Ok(Parsed::Ignored(reason)) => is_one_line(&reason.to_string(), 2000),
        Ok(Parsed::TaskChanged(_) | Parsed::Deregistered(_) | Parsed::Scheduled(_)) => {}
        Err(error) => {
            let error = error.to_string();
            is_one_line(&error, 2000);
            told::message(&failure(None, &error).message());
        }
    }
    if let Ok(text) = std::str::from_utf8(data) {
        incoming(text);
        // As it would stand in a topic's envelope.
        incoming(&json!({"MessageId": "m", "Message": text}).to_string());
    }
}

fn failure(event: Option<&tidewaiter_events::Event>, error: &str) -> Alert {
    Alert::of_failure(&Failure {
        event,
        error,
        fate: Fate::DeadLetter,
        mode: Mode::Enforce,
        home: home(),
    })
}

fn incoming(text: &str) {
    match Incoming::read(text) {
        Ok(alert) => {
            is_one_line(&alert.headline, 500);
            is_one_line(&alert.subject, 500);
            let read = serde_json::from_str::<Value>(&alert.json);
            read.expect("what is kept is JSON");
            let again = Incoming::of_json(alert.id.clone(), alert.json.clone());
            if alert.kind != "alarm" {
                assert_eq!(again.as_ref(), Ok(&alert), "what is kept is read alike");
            }
        }
        Err(error) => is_one_line(&error.to_string(), 2000),
    }
}
