mod files;
mod planning;
mod reading;

use serde_json::{Value, json};

use crate::{Channels, Incoming};

fn channels(yaml: &str) -> Channels {
    Channels::from_yaml(yaml).unwrap_or_else(|error| panic!("{error}"))
}

/// An alert about a revision, as it comes from the queue.
fn definition(id: &str, change: &str, family: &str, revision: u32) -> Incoming {
    read(
        id,
        &json!({
            "version": 1, "kind": "decision", "mode": "enforce", "severity": "critical", "change": change,
            "headline": format!("{family}:{revision} is denied"), "account": "111122223333", "region": "eu-west-1",
            "key": format!("task-definition {family}:{revision}"),
            "subject": { "kind": "task-definition", "id": format!("{family}:{revision}"), "link": "https://console.example" },
            "who": { "name": "ada", "arn": "arn:aws:sts::111122223333:assumed-role/ci-deploy/ada" },
            "findings": [finding("privileged-container", &json!(null))],
        }),
    )
}

/// An alert about an image with these vulnerabilities.
fn image(id: &str, severity: &str, repository: &str, vulnerabilities: &[&str]) -> Incoming {
    let worst: Vec<Value> = vulnerabilities
        .iter()
        .map(|name| json!({ "vulnerability": name }))
        .collect();
    read(
        id,
        &json!({
            "version": 1, "kind": "decision", "mode": "enforce", "severity": severity, "change": "opened",
            "headline": format!("{repository} is denied"), "account": "111122223333", "region": "eu-west-1",
            "key": format!("image {repository}"),
            "subject": { "kind": "image", "id": format!("{repository}@sha256:{id}"), "tags": ["release-1"] },
            "findings": [finding("vulnerable-image", &json!({ "worst": worst }))],
            "actions": [{
                "action": "archive-image", "target": "t", "effect": "done", "consequence": "c", "command": "c",
                "undo": { "command": "c", "explanation": "e" },
            }],
        }),
    )
}

fn finding(rule: &str, remedy: &Value) -> Value {
    json!({
        "rule": rule, "outcome": "fail", "level": "deny", "severity": "critical", "pointer": "/x", "message": "m",
        "help": "h", "remedy": remedy,
    })
}

fn read(id: &str, alert: &Value) -> Incoming {
    Incoming::read(&envelope(id, alert)).unwrap()
}

fn envelope(id: &str, alert: &Value) -> String {
    json!({ "Type": "Notification", "MessageId": id, "Message": alert.to_string() }).to_string()
}
