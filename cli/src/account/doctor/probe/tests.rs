//! Probes of a stack as a script, which loses one hop or another.

use std::{
    fmt::Write as _,
    future::{pending, ready},
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};
use tidewaiter_aws::wire::{Answer, Call, Wire};
use tidewaiter_rules::names::Place;

use super::*;
use crate::account::{arguments::AccountArguments, doctor::report::Standing};

const ARN: &str = "arn:aws:ecs:eu-west-1:111122223333:task-definition/";

/// What becomes of a canary, and what may be read of it.
#[derive(Clone, Default)]
struct World {
    is_audit: bool,
    has_channels: bool,
    /// Members of the function's line; none where the event does not reach it.
    line: Option<Value>,
    /// The state of the alert in the ledger; none where there is none.
    told: Option<&'static str>,
    /// Whether somebody deregisters it.
    deregistered: bool,
    /// The line of the delivery to channels.
    delivered: Option<Value>,
    /// Calls that AWS refuses.
    refused: &'static [&'static str],
    families: &'static [&'static str],
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    family: String,
    is_inactive: bool,
    is_deleted: bool,
}

impl World {
    /// A stack in which all is well.
    fn well() -> Self {
        Self {
            line: Some(
                json!({"decision": "deny", "rules": "privileged-container", "effects": "done", "outcome": "judged"}),
            ),
            told: Some("told"),
            deregistered: true,
            ..Self::default()
        }
    }

    fn audit() -> Self {
        Self {
            is_audit: true,
            deregistered: false,
            line: Some(
                json!({"decision": "deny", "rules": "privileged-container", "effects": "not-applied", "outcome": "judged"}),
            ),
            ..Self::well()
        }
    }

    fn answer(&self, call: &Call) -> Answer {
        if self.refused.contains(&call.operation.as_str()) {
            return Answer::denied();
        }
        let mut state = self.state.lock().unwrap();
        let parameters = &call.parameters;
        match call.operation.as_str() {
            "ListTaskDefinitionFamilies" => {
                Answer::json(json!({ "families": self.families }).to_string())
            }
            "RegisterTaskDefinition" => {
                let container = &parameters["containerDefinitions"][0];
                assert_eq!(container["privileged"], true);
                assert!(container["image"].as_str().unwrap().contains(".invalid/"));
                assert_eq!(parameters["tags"][0]["key"], "project");
                parameters["family"]
                    .as_str()
                    .unwrap()
                    .clone_into(&mut state.family);
                state.is_inactive = self.deregistered;
                let arn = format!("{ARN}{}:1", state.family);
                Answer::json(json!({"taskDefinition": {"taskDefinitionArn": arn}}).to_string())
            }
            "DescribeTaskDefinition" if state.is_deleted => Answer::error(
                400,
                "ClientException",
                "Unable to describe task definition.",
            ),
            "DescribeTaskDefinition" => {
                let status = if state.is_inactive {
                    "INACTIVE"
                } else {
                    "ACTIVE"
                };
                Answer::json(json!({"taskDefinition": {"status": status}}).to_string())
            }
            "DeregisterTaskDefinition" => {
                state.is_inactive = true;
                Answer::empty()
            }
            "DeleteTaskDefinitions" => {
                assert!(state.is_inactive, "ECS deletes nothing that is active");
                state.is_deleted = true;
                Answer::json(r#"{"failures":[],"taskDefinitions":[]}"#)
            }
            "GetItem" => self.incident(parameters),
            "FilterLogEvents" => {
                let is_notify = parameters["logGroupName"] == "/notify";
                let line = if is_notify {
                    &self.delivered
                } else {
                    &self.line
                };
                let events = line.iter().map(|line| {
                    let mut line = line.clone();
                    line["message"] = if is_notify { "delivered" } else { "handled" }.into();
                    line["subject"] = format!("{}:1", state.family).into();
                    json!({"timestamp": 1_795_608_000_000_u64, "message": line.to_string()})
                });
                Answer::json(json!({"events": events.collect::<Vec<_>>()}).to_string())
            }
            other => Answer::error(400, "UnexpectedCall", other),
        }
    }

    fn incident(&self, parameters: &Value) -> Answer {
        let key = &parameters["Key"];
        assert_eq!(key["id"]["S"], "alert#task-definition");
        assert!(key["part"]["S"].as_str().unwrap().starts_with(ARN));
        let Some(state) = self.told else {
            return Answer::empty();
        };
        let mut item = json!({"id": key["id"], "part": key["part"]});
        for (name, text) in [
            ("state", state),
            ("change", "opened"),
            ("since", "2026-11-25T12:00:00Z"),
            ("at", "2026-11-25T12:00:00Z"),
            ("findings", "f"),
            ("effects", "e"),
            ("alert", "{}"),
            ("attempt", "a"),
        ] {
            item[name] = json!({ "S": text });
        }
        item["revision"] = json!({"N": "1"});
        item["expires"] = json!({"N": "99999999999"});
        Answer::json(json!({ "Item": item }).to_string())
    }

    /// Probes it; what was told, without what differs from run to run, and the calls.
    async fn probe(&self, stop: impl Future<Output = ()>) -> (Vec<Check>, Vec<String>) {
        let world = self.clone();
        let wire = Wire::new(move |call| world.answer(call));
        let place = Place::of_region("eu-west-1", "111122223333").unwrap();
        let account = wire.account(place, "ada@example.com");
        let mut stack = Stack {
            name: "prod".to_owned(),
            id: String::new(),
            status: "CREATE_COMPLETE".to_owned(),
            parameters: std::collections::BTreeMap::new(),
            outputs: std::collections::BTreeMap::new(),
            resources: std::collections::BTreeMap::new(),
            template: String::new(),
        };
        let mode = if self.is_audit { "audit" } else { "enforce" };
        for (name, value) in [
            ("LedgerName", "ledger"),
            ("TaskDefinitionGuardLogGroup", "/guard"),
            ("Mode", mode),
        ] {
            stack.outputs.insert(name.to_owned(), value.to_owned());
        }
        if self.has_channels {
            let name = "NotifyLogGroup".to_owned();
            stack.outputs.insert(name, "/notify".to_owned());
        }
        let arguments = AccountArguments {
            stack: "prod".to_owned(),
            ..AccountArguments::default()
        };
        let target = Target {
            account: &account,
            stack: &stack,
            commands: &Commands::of(&arguments, "eu-west-1", mode),
        };
        let console = Console::kept();
        let probed = run_until(&target, Duration::from_mins(1), &console, stop).await;
        (probed.unwrap(), wire.operations())
    }

    async fn checks(&self) -> Vec<Check> {
        let (checks, _) = self.probe(pending()).await;
        let state = self.state.lock().unwrap();
        let is_registered = !state.family.is_empty();
        assert_eq!(state.is_deleted, is_registered, "it is taken away");
        checks
    }

    /// How each hop stands, in one line, and the whole of it.
    async fn hops(&self) -> (String, String) {
        let checks = self.checks().await;
        (line_of(&checks), self.written(&checks))
    }

    fn written(&self, checks: &[Check]) -> String {
        let mut text = String::new();
        for check in checks {
            let (standing, subject, found) = (check.standing, &check.subject, &check.found);
            let _ = writeln!(text, "{standing:?} {subject}: {found}");
            if !check.why.is_empty() {
                let _ = writeln!(text, "  why: {}", check.why);
            }
            for fix in &check.fix {
                let _ = writeln!(text, "  fix: {fix}");
            }
        }
        text.replace(&self.state.lock().unwrap().family, "FAMILY")
    }
}

fn line_of(checks: &[Check]) -> String {
    let hops = checks.iter();
    let hops = hops.map(|check| format!("{}: {:?}", check.subject, check.standing));
    hops.collect::<Vec<_>>().join(", ")
}

#[tokio::test(start_paused = true)]
async fn every_hop_is_told_and_nothing_is_left() {
    let mut text = String::new();
    let (hops, said) = World::well().hops().await;
    assert_eq!(
        hops,
        "registered: Ok, handled: Ok, denied: Ok, told: Ok, inactive: Ok, channels: Ok, cleaned up: Ok"
    );
    text += &said;
    let (hops, said) = World::audit().hops().await;
    assert_eq!(
        hops,
        "registered: Ok, handled: Ok, denied: Ok, told: Ok, left alone: Ok, channels: Ok, cleaned up: Ok"
    );
    let _ = write!(text, "\naudit\n{said}");
    insta::assert_snapshot!(text);
}

#[tokio::test(start_paused = true)]
async fn the_hop_that_is_missing_is_named_and_those_behind_it_are_not() {
    let line = |line: Value| Some(line);
    let mut text = String::new();
    for (name, world, missing) in [
        (
            "no event",
            World {
                line: None,
                told: None,
                deregistered: false,
                ..World::well()
            },
            "handled",
        ),
        (
            "put aside",
            World {
                line: line(json!({"outcome": "dead-letter", "reason": "it is no JSON"})),
                told: None,
                deregistered: false,
                ..World::well()
            },
            "handled",
        ),
        (
            "comes again",
            World {
                line: line(json!({"outcome": "retry", "reason": "Publish failed: throttled"})),
                told: None,
                deregistered: false,
                ..World::well()
            },
            "handled",
        ),
        (
            "waived",
            World {
                line: line(json!({"decision": "allow", "outcome": "judged"})),
                told: None,
                deregistered: false,
                ..World::well()
            },
            "denied",
        ),
        (
            "not told",
            World {
                told: None,
                ..World::well()
            },
            "told",
        ),
        (
            "about to be told",
            World {
                told: Some("telling"),
                ..World::well()
            },
            "told",
        ),
        (
            "refused",
            World {
                line: line(
                    json!({"decision": "deny", "rules": "privileged-container", "effects": "failed", "outcome": "dead-letter", "reason": "not authorized"}),
                ),
                deregistered: false,
                ..World::well()
            },
            "inactive",
        ),
        (
            "paused",
            World {
                line: line(
                    json!({"decision": "deny", "effects": "not-applied", "outcome": "judged", "reason": "paused by `ada`"}),
                ),
                deregistered: false,
                ..World::well()
            },
            "inactive",
        ),
        (
            "acted on in audit mode",
            World {
                deregistered: true,
                ..World::audit()
            },
            "left alone",
        ),
    ] {
        let checks = world.checks().await;
        let problems: Vec<&str> = checks
            .iter()
            .filter(|check| check.standing == Standing::Problem)
            .map(|check| check.subject.as_str())
            .collect();
        assert_eq!(problems, [missing], "{name}");
        let _ = writeln!(text, "{name}\n{}", world.written(&checks));
    }
    insta::assert_snapshot!(text);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_said_and_what_can_be_stands_for_it() {
    let world = World {
        refused: &["FilterLogEvents"],
        ..World::well()
    };
    let (hops, said) = world.hops().await;
    assert!(!hops.contains("Problem"), "{hops}");
    assert!(said.contains("its log cannot be read"), "{said}");
    let blind = World {
        refused: &["FilterLogEvents", "GetItem"],
        deregistered: false,
        ..World::well()
    };
    let (hops, said) = blind.hops().await;
    assert!(hops.contains("handled: CannotTell"), "{hops}");
    assert!(said.contains("FilterLogEvents failed"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn where_nothing_can_be_registered_nothing_is_followed() {
    let world = World {
        refused: &["RegisterTaskDefinition", "ListTaskDefinitionFamilies"],
        ..World::well()
    };
    let (checks, calls) = world.probe(pending()).await;
    assert_eq!(checks.len(), 1);
    assert_eq!(checks[0].standing, Standing::CannotTell);
    assert!(checks[0].why.contains("service control policy"));
    assert_eq!(
        calls,
        ["ListTaskDefinitionFamilies", "RegisterTaskDefinition"]
    );
}

#[tokio::test(start_paused = true)]
async fn whoever_ends_it_early_leaves_nothing_behind() {
    let world = World {
        line: None,
        told: None,
        deregistered: false,
        ..World::well()
    };
    // At once: what is on its way to be registered is waited for.
    let (checks, calls) = world.probe(ready(())).await;
    assert!(world.state.lock().unwrap().is_deleted);
    let end = calls.split_at(calls.len() - 2).1;
    assert_eq!(end, ["DeregisterTaskDefinition", "DeleteTaskDefinitions"]);
    assert!(checks.last().unwrap().found.starts_with("ended early"));
    let later = World {
        state: Arc::default(),
        ..world
    };
    let (_, calls) = later.probe(sleep(Duration::from_secs(7))).await;
    assert!(later.state.lock().unwrap().is_deleted);
    let looks = calls.iter().filter(|call| *call == "FilterLogEvents");
    assert!(looks.count() > 3, "it was on its way");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_taken_away_is_said_with_the_commands() {
    for (refused, standing) in [
        (&["DeregisterTaskDefinition"], Standing::Problem),
        (&["DeleteTaskDefinitions"], Standing::Warning),
    ] {
        let world = World {
            refused,
            ..World::audit()
        };
        let (checks, _) = world.probe(pending()).await;
        let last = checks.last().unwrap();
        assert_eq!(
            (last.subject.as_str(), last.standing),
            ("cleaned up", standing)
        );
        let family = world.state.lock().unwrap().family.clone();
        let command = format!(
            "aws ecs delete-task-definitions --task-definitions {ARN}{family}:1 --region eu-west-1"
        );
        assert_eq!(last.fix.last(), Some(&command));
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_channels_made_of_it_is_told_as_far_as_it_can_be_seen() {
    for (delivered, standing) in [
        (
            Some(json!({"sent": 1, "kept": 0, "refused": 0, "later": 0})),
            Standing::Ok,
        ),
        (
            Some(json!({"sent": 1, "kept": 0, "refused": 1, "later": 0})),
            Standing::Warning,
        ),
        (None, Standing::Warning),
    ] {
        let world = World {
            has_channels: true,
            delivered,
            ..World::well()
        };
        let checks = world.checks().await;
        let channels = checks.iter().find(|check| check.subject == "channels");
        assert_eq!(channels.unwrap().standing, standing);
    }
}

#[tokio::test(start_paused = true)]
async fn what_other_probes_left_is_told() {
    let world = World {
        families: &["tidewaiter-probe-old", "tidewaiter-probe-; rm -rf /"],
        ..World::well()
    };
    let checks = world.checks().await;
    let others = checks.last().unwrap();
    assert_eq!(others.subject, "others");
    assert_eq!(
        others.fix,
        [
            "aws ecs list-task-definitions --family-prefix tidewaiter-probe-old --region eu-west-1",
            "aws ecs list-task-definitions --family-prefix 'tidewaiter-probe-; rm -rf /' --region eu-west-1"
        ]
    );
}
