//! The trail: EventBridge gets calls to ECS from CloudTrail, and only where a trail logs them.

use serde_json::{Value, json};
use tidewaiter_aws::CallError;
use tidewaiter_rules::names::quoted;

use super::{Patient, command::Commands, report::Check};

const CHECK: &str = "trail";
const WHY: &str = "EventBridge gets no registration of a task definition without a trail that logs management write events";

/// A trail, and what is known of it.
struct Trail {
    name: String,
    arn: String,
    status: Result<Value, CallError>,
    selectors: Result<Value, CallError>,
}

pub(super) async fn look(patient: &Patient<'_>) -> Vec<Check> {
    let listed = match patient.inspector.trails().await {
        Err(error) => return vec![Check::failed(CHECK, "CloudTrail", &error)],
        Ok(listed) => listed,
    };
    let mut trails = Vec::with_capacity(listed.len());
    for trail in listed {
        let text = |name: &str| {
            trail
                .get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let arn = text("TrailARN");
        trails.push(Trail {
            name: text("Name"),
            status: patient.inspector.trail_status(&arn).await,
            selectors: patient.inspector.event_selectors(&arn).await,
            arn,
        });
    }
    judge(&trails, &patient.commands)
}

/// One trail that logs what is needed is enough. Where there is none, each that could is told of.
fn judge(trails: &[Trail], commands: &Commands) -> Vec<Check> {
    if trails.is_empty() {
        let options = [
            ("name", "management-events"),
            ("s3-bucket-name", "BUCKET"),
            ("is-multi-region-trail", ""),
        ];
        let create = commands.aws("cloudtrail create-trail", &options);
        let start = commands.aws("cloudtrail start-logging", &[("name", "management-events")]);
        let check = Check::problem(CHECK, "CloudTrail", "no trail logs this Region").why(format!(
            "{WHY}. Put a bucket that CloudTrail may write to in place of BUCKET"
        ));
        return vec![check.fix([create, start])];
    }
    let mut unclear = Vec::new();
    let mut wrong = Vec::new();
    for trail in trails {
        match judge_one(trail, commands) {
            Judged::Logs => {
                let found = "logs management write events";
                return vec![Check::ok(CHECK, &trail.name, found)];
            }
            Judged::Unclear(check) => unclear.push(check),
            Judged::Wrong(check) => wrong.push(check),
        }
    }
    // One of which nothing is known may be the one.
    if unclear.is_empty() { wrong } else { unclear }
}

enum Judged {
    Logs,
    Unclear(Check),
    Wrong(Check),
}

fn judge_one(trail: &Trail, commands: &Commands) -> Judged {
    let (status, selectors) = match (&trail.status, &trail.selectors) {
        (Err(error), _) | (_, Err(error)) => {
            return Judged::Unclear(Check::failed(CHECK, &trail.name, error));
        }
        (Ok(status), Ok(selectors)) => (status, selectors),
    };
    if status.get("IsLogging") != Some(&Value::Bool(true)) {
        let fix = commands.aws("cloudtrail start-logging", &[("name", &trail.arn)]);
        let found = Check::problem(CHECK, &trail.name, "it is stopped");
        return Judged::Wrong(found.why(WHY).fix([fix]));
    }
    match writes(selectors) {
        Logging::Yes => Judged::Logs,
        Logging::Unclear(field) => {
            let found = format!("whether it logs calls to ECS depends on {}", quoted(&field));
            Judged::Unclear(Check::cannot_tell(CHECK, &trail.name, found))
        }
        Logging::No => {
            let found = "it does not log management write events";
            let fix = select(trail, selectors, commands);
            let check = Check::problem(CHECK, &trail.name, found);
            Judged::Wrong(check.why(WHY).fix([fix]))
        }
    }
}

/// Whether a write call to ECS is logged.
#[derive(Debug, PartialEq, Eq)]
enum Logging {
    Yes,
    No,
    /// It depends on this field.
    Unclear(String),
}

/// By what `GetEventSelectors` says: selectors of either form, of which one is enough.
fn writes(selectors: &Value) -> Logging {
    let list = |name: &str| selectors.get(name).and_then(Value::as_array);
    let basic = list("EventSelectors").into_iter().flatten();
    let is_basic = |selector: &Value| {
        let kind = selector.get("ReadWriteType").and_then(Value::as_str);
        selector.get("IncludeManagementEvents") != Some(&Value::Bool(false))
            && kind != Some("ReadOnly")
            && !excludes(selector)
    };
    if basic.into_iter().any(is_basic) {
        return Logging::Yes;
    }
    let mut logging = Logging::No;
    for selector in list("AdvancedEventSelectors").into_iter().flatten() {
        match advanced(selector) {
            Logging::Yes => return Logging::Yes,
            Logging::No => {}
            unclear @ Logging::Unclear(_) => logging = unclear,
        }
    }
    logging
}

/// Only sources that have nothing to do with ECS can be excluded today; should that change, it shows.
fn excludes(selector: &Value) -> bool {
    let sources = selector.get("ExcludeManagementEventSources");
    let mut sources = sources.and_then(Value::as_array).into_iter().flatten();
    sources.any(|source| source == "ecs.amazonaws.com")
}

fn advanced(selector: &Value) -> Logging {
    let fields = selector.get("FieldSelectors").and_then(Value::as_array);
    let mut logging = Logging::Yes;
    for field in fields.into_iter().flatten() {
        let name = field
            .get("Field")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let value = match name {
            "eventCategory" => "Management",
            "readOnly" => "false",
            "eventSource" => "ecs.amazonaws.com",
            other => {
                logging = Logging::Unclear(other.to_owned());
                continue;
            }
        };
        if !lets_through(field, value) {
            return Logging::No;
        }
    }
    logging
}

/// Whether a field of this value passes a field selector. Every operator that stands there has to hold.
fn lets_through(field: &Value, value: &str) -> bool {
    let any = |name: &str, holds: &dyn Fn(&str) -> bool| {
        let list = field.get(name).and_then(Value::as_array)?;
        Some(list.iter().filter_map(Value::as_str).any(holds))
    };
    any("Equals", &|one| value == one).unwrap_or(true)
        && any("StartsWith", &|one| value.starts_with(one)).unwrap_or(true)
        && any("EndsWith", &|one| value.ends_with(one)).unwrap_or(true)
        && !any("NotEquals", &|one| value == one).unwrap_or(false)
        && !any("NotStartsWith", &|one| value.starts_with(one)).unwrap_or(false)
        && !any("NotEndsWith", &|one| value.ends_with(one)).unwrap_or(false)
}

/// The selectors that there are, with one for management write events: the call replaces them all.
fn select(trail: &Trail, selectors: &Value, commands: &Commands) -> Option<String> {
    let list = |name: &str| {
        let list = selectors.get(name).and_then(Value::as_array);
        list.filter(|list| !list.is_empty()).cloned()
    };
    let name = ("trail-name", trail.arn.as_str());
    if let Some(mut advanced) = list("AdvancedEventSelectors") {
        advanced.push(
            json!({"Name": "Management write events", "FieldSelectors": [
            {"Field": "eventCategory", "Equals": ["Management"]},
            {"Field": "readOnly", "Equals": ["false"]}]}),
        );
        let advanced = Value::Array(advanced).to_string();
        let options = [name, ("advanced-event-selectors", &advanced)];
        return commands.aws("cloudtrail put-event-selectors", &options);
    }
    let mut basic = list("EventSelectors").unwrap_or_else(|| vec![json!({})]);
    if let Some(Value::Object(first)) = basic.first_mut() {
        let kind = first.get("ReadWriteType").and_then(Value::as_str);
        let is_read = kind == Some("ReadOnly");
        let kind = if is_read {
            "All"
        } else {
            kind.unwrap_or("All")
        }
        .to_owned();
        first.insert("ReadWriteType".to_owned(), kind.into());
        first.insert("IncludeManagementEvents".to_owned(), true.into());
    }
    let basic = Value::Array(basic).to_string();
    commands.aws(
        "cloudtrail put-event-selectors",
        &[name, ("event-selectors", &basic)],
    )
}

#[cfg(test)]
mod tests;
