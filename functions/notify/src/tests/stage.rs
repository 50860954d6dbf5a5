//! A function with its channels, between a receiver and a scripted AWS.

use std::{future::ready, time::Duration};

use jiff::Timestamp;
use serde_json::{Value, json};
use tidewaiter_aws::{
    Connection, Credentials, Outlets, Trust,
    wire::{Answer, Call, Coming, Table, Wire},
};
use tidewaiter_lambda::{Batch, Failures};
use tidewaiter_notify::Channels;
use tidewaiter_rules::names::Place;
use tokio::time::Instant;

use super::receiver::{Receiver, Reply, Request};
use crate::{delivery::Delivery, settings::Settings};

/// How long a receiver is waited for in tests.
pub(super) const PATIENCE: Duration = Duration::from_millis(1500);

/// What is planted in every secret, and must stand nowhere else.
pub(super) const PLANTED: &str = "hunter2hunter2";

pub(super) struct Stage {
    pub(super) delivery: Delivery,
    pub(super) wire: Wire,
    pub(super) table: Table,
    pub(super) receiver: Receiver,
    yaml: String,
}

fn place() -> Place {
    Place::of_region("eu-west-1", "111122223333").unwrap()
}

fn settings(yaml: &str, receiver: &Receiver, wire: &Wire) -> Settings {
    let connection = Connection {
        credentials: Credentials::new("AKIDEXAMPLE", "secret", None, None, "test"),
        endpoint_url: Some(receiver.url.clone()),
        use_fips: false,
        use_dual_stack: false,
    };
    let trust = Trust {
        authorities: Some(receiver.authorities.clone()),
        allows_loopback: false,
        patience: PATIENCE,
    };
    Settings {
        channels: Ok(Channels::from_yaml(yaml).unwrap()),
        clients: wire.clients(place()),
        outlets: Outlets::new(connection, place(), trust),
        ledger: "ledger".to_owned(),
        dead_letter_queue_url: "https://sqs.eu-west-1.amazonaws.com/111122223333/dead".to_owned(),
    }
}

impl Stage {
    /// The channels of the file, each with a secret of its own name, whose requests are answered as
    /// `script` says by their path `/NAME`.
    pub(super) async fn new(
        yaml: &str,
        script: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::with_aws(yaml, script, |_| None).await
    }

    pub(super) async fn with_aws(
        yaml: &str,
        script: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static,
        aws: impl Fn(&Call) -> Option<Answer> + Send + Sync + 'static,
    ) -> Self {
        Self::over(yaml, script, move |table, call| {
            let answer = aws(&call)
                .or_else(|| table.answer(&call))
                .unwrap_or_else(Answer::empty);
            Box::pin(ready(answer))
        })
        .await
    }

    /// The same with answers of AWS that take their time.
    pub(super) async fn over(
        yaml: &str,
        script: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static,
        aws: impl Fn(&Table, Call) -> Coming + Send + Sync + 'static,
    ) -> Self {
        let receiver = Receiver::start(move |request, earlier| {
            if request.path != "/" {
                return script(request, earlier);
            }
            // Secrets Manager and Parameter Store have one path for all.
            let host = request
                .head
                .lines()
                .find_map(|line| line.strip_prefix("host: "))
                .unwrap();
            let body: Value = serde_json::from_str(&request.body).unwrap();
            let name = body["SecretId"].as_str().or(body["Name"].as_str()).unwrap();
            let url = match name {
                "closed" => format!("https://localhost:1/{PLANTED}"),
                "unknown" => format!("https://{PLANTED}.invalid/{PLANTED}"),
                "plain" => format!("http://{host}/{name}/{PLANTED}"),
                "odd-port" => format!("https://localhost:{PLANTED}/"),
                "angled" => format!("https://localhost/<{PLANTED}>"),
                _ => format!("https://{host}/{name}/{PLANTED}"),
            };
            let secret = json!({ "url": url, "key": format!("{PLANTED}-{earlier}") });
            let secret = match name {
                "garbled" => secret.to_string().replace(':', ";"),
                "spaced" => secret.to_string().replace('-', " "),
                _ => secret.to_string(),
            };
            if name == "refused" {
                let error =
                    json!({ "__type": "AccessDeniedException", "message": "not authorized" });
                return Reply::Answer(400, "", error.to_string());
            }
            if name == "binary" {
                return Reply::Answer(200, "", json!({ "SecretBinary": secret }).to_string());
            }
            let answer = json!({ "SecretString": secret, "Parameter": { "Value": secret } });
            Reply::Answer(200, "", answer.to_string())
        })
        .await;
        let table = Table::default();
        let known = table.clone();
        let wire = Wire::over(move |call| aws(&known, call));
        let mut stage = Self {
            delivery: Delivery::new(settings(yaml, &receiver, &wire)),
            yaml: yaml.to_owned(),
            wire,
            table,
            receiver,
        };
        stage.delivery.now = || "2026-11-25T12:00:00Z".parse().unwrap();
        stage
    }

    /// Another process in the place of this one, which knows nothing.
    pub(super) fn restart(&mut self) {
        let now = self.delivery.now;
        self.delivery = Delivery::new(settings(&self.yaml, &self.receiver, &self.wire));
        self.delivery.now = now;
    }

    pub(super) async fn deliver(&self, alerts: &[Value], attempt: &str) -> Failures {
        let end = Instant::now() + Duration::from_mins(1);
        self.delivery.handle(&batch(alerts), attempt, end).await
    }

    pub(super) async fn tell_kept(&self, attempt: &str) {
        self.delivery
            .tell_kept(attempt, Instant::now() + Duration::from_mins(1))
            .await;
    }

    /// Moves the clock to another minute, so that pauses and claims have run out.
    pub(super) fn later(&mut self) {
        self.delivery.now = || "2026-11-25T13:30:00Z".parse::<Timestamp>().unwrap();
    }

    /// The requests that a channel got.
    pub(super) fn told(&self, channel: &str) -> Vec<Request> {
        self.receiver.requests_to(&format!("/{channel}/{PLANTED}"))
    }

    /// The reasons of what was put aside.
    pub(super) fn aside(&self) -> Vec<String> {
        let calls = self
            .wire
            .calls()
            .into_iter()
            .filter(|call| call.operation == "SendMessage");
        let reason = |call: Call| {
            let reason = &call.parameters["MessageAttributes"]["ErrorMessage"]["StringValue"];
            reason.as_str().unwrap().to_owned()
        };
        calls.map(reason).collect()
    }

    pub(super) fn state(&self, alert: &str, channel: &str) -> String {
        let entry = format!("sent#{alert} {channel}");
        self.table.attribute(&entry, "state").unwrap_or_default()
    }
}

/// An alert about a revision of a family.
pub(super) fn alert(id: &str, change: &str, family: &str) -> Value {
    let alert = json!({
        "version": 1, "kind": "decision", "severity": "critical", "change": change, "mode": "enforce",
        "headline": format!("{family}:1 is denied"), "account": "111122223333", "region": "eu-west-1",
        "decision": "deny", "key": format!("key-{family}"),
        "subject": { "kind": "task-definition", "id": format!("{family}:1") },
        "findings": [{
            "rule": "privileged-container", "outcome": "fail", "level": "deny", "severity": "critical",
            "pointer": "/containerDefinitions/0/privileged", "message": "m", "help": "h",
        }],
        "more_findings": 0, "actions": [],
    });
    json!({ "id": id, "alert": alert })
}

fn batch(alerts: &[Value]) -> Batch {
    let records: Vec<Value> = alerts
        .iter()
        .map(|one| {
            let id = one["id"].as_str().unwrap();
            let body = json!({ "Type": "Notification", "MessageId": id, "Message": one["alert"].to_string() });
            json!({ "messageId": format!("sqs-{id}"), "body": body.to_string(), "eventSource": "aws:sqs" })
        })
        .collect();
    Batch::read(&json!({ "Records": records }).to_string()).unwrap()
}
