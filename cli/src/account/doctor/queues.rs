//! Queues: who may write to them, how they are set up, and what lies in those for dead letters.

use std::collections::BTreeSet;

use jiff::{Timestamp, ToSpan};
use serde_json::{Map, Value, json};
use tidewaiter_aws::{CallError, inspect::Metric};
use tidewaiter_templates::Wanted;

use super::{
    Patient,
    command::{Commands, word},
    compare::{Agreement, compare, compare_policies, known},
    report::Check,
};

const CHECK: &str = "queues";
const DEAD: &str = "dead-letters";

/// What is compared.
const MEMBERS: &[&str] = &[
    "KmsMasterKeyId",
    "MessageRetentionPeriod",
    "RedrivePolicy",
    "SqsManagedSseEnabled",
    "VisibilityTimeout",
];

pub(super) async fn look(patient: &Patient<'_>) -> Vec<Check> {
    let mut checks = Vec::new();
    let dead = dead_letter_arns(&patient.wanted);
    let mut full = Vec::new();
    for queue in patient.of_kind("AWS::SQS::Queue") {
        let policy = patient.of_kind("AWS::SQS::QueuePolicy").find(|policy| {
            let queues = policy.properties.get("Queues").and_then(Value::as_array);
            queues.is_some_and(|queues| queues.iter().any(|one| one == queue.physical.as_str()))
        });
        let live = patient.inspector.queue(&queue.physical).await;
        if let Ok(Some(live)) = &live
            && dead.contains(&arn(live))
        {
            match waiting(live) {
                0 => checks.push(Check::ok(DEAD, &queue.id, "empty")),
                count => full.push((queue, count)),
            }
        }
        checks.extend(judge(queue, policy, live, &patient.commands));
    }
    if !full.is_empty() {
        let names: Vec<&str> = full.iter().map(|(queue, _)| name(queue)).collect();
        let ages = ages(patient, &names).await;
        let each = full.iter().zip(ages);
        checks
            .extend(each.map(|((queue, count), age)| told(queue, *count, age, &patient.commands)));
    }
    checks
}

/// The name of a queue, from its address.
fn name(queue: &Wanted) -> &str {
    queue.physical.rsplit('/').next().unwrap_or_default()
}

fn arn(live: &Value) -> String {
    live.get("QueueArn").map(word).unwrap_or_default()
}

/// The queues into which the template has put aside what cannot be delivered or dealt with.
fn dead_letter_arns(wanted: &[Wanted]) -> BTreeSet<String> {
    fn walk(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    let target = match name.as_str() {
                        "deadLetterTargetArn" => Some(value),
                        "DeadLetterConfig" => value.get("Arn").or(value.get("TargetArn")),
                        _ => None,
                    };
                    found.extend(target.and_then(Value::as_str).map(str::to_owned));
                    walk(value, found);
                }
            }
            Value::Array(list) => list.iter().for_each(|value| walk(value, found)),
            _ => {}
        }
    }
    let mut found = BTreeSet::new();
    for resource in wanted {
        walk(&resource.properties, &mut found);
    }
    found
}

/// How many messages are in a queue, in sight or not.
fn waiting(live: &Value) -> u64 {
    let counts = [
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesNotVisible",
        "ApproximateNumberOfMessagesDelayed",
    ];
    let counts = counts.iter().filter_map(|name| live.get(*name));
    counts
        .filter_map(|count| word(count).parse::<u64>().ok())
        .sum()
}

/// How old the oldest message of each queue is, where CloudWatch tells.
async fn ages(patient: &Patient<'_>, names: &[&str]) -> Vec<Option<f64>> {
    let metrics: Vec<Metric> = names
        .iter()
        .map(|name| Metric {
            namespace: "AWS/SQS",
            name: "ApproximateAgeOfOldestMessage",
            dimension: ("QueueName", (*name).to_owned()),
            statistic: "Maximum",
            period: 300,
        })
        .collect();
    let from = patient
        .now
        .checked_sub(1.hours())
        .unwrap_or(Timestamp::UNIX_EPOCH);
    let values = patient
        .inspector
        .last_values(&metrics, from, patient.now)
        .await;
    // It is a help and not a check: without it the count says enough.
    let values = values.unwrap_or_else(|_| vec![None; names.len()]);
    values
        .into_iter()
        .map(|value| value.map(|(_, age)| age))
        .collect()
}

fn told(queue: &Wanted, count: u64, age: Option<f64>, commands: &Commands) -> Check {
    let age = age.map_or(String::new(), |seconds| {
        format!(", the oldest for {}", lasting(seconds))
    });
    let found = match count {
        1 => format!("1 event lies in it{age}"),
        count => format!("{count} events lie in it{age}"),
    };
    let options = [("queue", queue.id.as_str()), ("yes", "")];
    Check::problem(DEAD, &queue.id, found)
        .why("they were not dealt with, and are deleted after two weeks; look at them without `--yes` first")
        .fix([commands.tidewaiter("redrive", &options)])
}

/// Seconds for people.
fn lasting(seconds: f64) -> String {
    match seconds {
        days if days >= 172_800.0 => format!("{:.0} days", days / 86_400.0),
        hours if hours >= 7_200.0 => format!("{:.0} hours", hours / 3_600.0),
        minutes => format!("{:.0} minutes", minutes / 60.0),
    }
}

/// How a queue is set up, by its attributes.
fn judge(
    queue: &Wanted,
    policy: Option<&Wanted>,
    live: Result<Option<Value>, CallError>,
    commands: &Commands,
) -> Vec<Check> {
    let live = match live {
        Err(error) => return vec![Check::failed(CHECK, &queue.id, &error)],
        Ok(live) => live,
    };
    let policy = policy.and_then(|policy| policy.properties.get("PolicyDocument"));
    let Some(live) = live else {
        let attributes = attributes(queue, MEMBERS, policy);
        let fix = attributes.and_then(|attributes| {
            let options = [("queue-name", name(queue)), ("attributes", &attributes)];
            commands.aws("sqs create-queue", &options)
        });
        let gone = Check::problem(CHECK, &queue.id, "it is gone");
        return vec![gone.why("what is put there is lost").fix([fix])];
    };
    let mut checks = Vec::new();
    let set = |names: &[&str], policy: Option<&Value>| {
        let attributes = attributes(queue, names, policy)?;
        let options = [
            ("queue-url", queue.physical.as_str()),
            ("attributes", &attributes),
        ];
        commands.aws("sqs set-queue-attributes", &options)
    };
    let different: Vec<&str> = MEMBERS
        .iter()
        .filter(|name| {
            let wanted = queue.properties.get(**name);
            wanted.is_some_and(|wanted| differs(wanted, live.get(**name)))
        })
        .copied()
        .collect();
    if !different.is_empty() {
        let found = format!("its {} is not that of the template", different.join(", "));
        let why = "messages may come again too early, be deleted too early, or not be set aside";
        let check = Check::problem(CHECK, &queue.id, found).why(why);
        checks.push(check.fix([set(&different, None)]));
    }
    let found = live
        .get("Policy")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let found: Value = serde_json::from_str(found).unwrap_or_default();
    match policy.map(|policy| compare_policies(policy, &found)) {
        None | Some(Agreement::Same) => {}
        Some(Agreement::Unclear(reason)) => {
            let found = format!("what its policy should say {reason}");
            checks.push(Check::cannot_tell(CHECK, &queue.id, found));
        }
        Some(Agreement::Different) => {
            let found = "its policy is not that of the template";
            let why =
                "who should write to it may not, and what they would write is lost; or others may";
            let check = Check::problem(CHECK, &queue.id, found).why(why);
            checks.push(check.fix([set(&[], policy)]));
        }
    }
    if checks.is_empty() {
        let found = "set up, and open to whom the template says";
        checks.push(Check::ok(CHECK, &queue.id, found));
    }
    checks
}

/// Whether an attribute, which is a text, is not what the template says.
fn differs(wanted: &Value, live: Option<&Value>) -> bool {
    let live = live.cloned().unwrap_or_default();
    let live = match (wanted, live.as_str()) {
        (Value::Object(_), Some(text)) => serde_json::from_str(text).unwrap_or(live),
        _ => live,
    };
    compare(wanted, &live) == Agreement::Different
}

/// Attributes as `aws sqs` takes them: each a text.
fn attributes(queue: &Wanted, names: &[&str], policy: Option<&Value>) -> Option<String> {
    let mut attributes = Map::new();
    for name in names {
        if let Some(value) = queue.properties.get(*name) {
            attributes.insert((*name).to_owned(), json!(word(known(value)?)));
        }
    }
    if let Some(policy) = policy {
        attributes.insert("Policy".to_owned(), json!(known(policy)?.to_string()));
    }
    Some(Value::Object(attributes).to_string())
}

#[cfg(test)]
mod tests;
