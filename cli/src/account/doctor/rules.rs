//! Rules of EventBridge and their targets; and the pipe to the hub.

use serde_json::Value;
use tidewaiter_aws::CallError;
use tidewaiter_rules::names::quoted;
use tidewaiter_templates::Wanted;

use super::{
    Patient,
    command::{Commands, word},
    compare::{Agreement, compare, compare_typed, known, members},
    report::Check,
};

const CHECK: &str = "rules";
const LOST: &str = "what it stands for reaches no function: nothing is judged, and nothing says so";
const WELL: &str = "enabled, with the pattern and the targets of the template";

pub(super) async fn look(patient: &Patient<'_>) -> Vec<Check> {
    let mut checks = Vec::new();
    for rule in patient.of_kind("AWS::Events::Rule") {
        let live = patient.inspector.rule(&rule.physical).await;
        let targets = match &live {
            Ok(Some(_)) => patient.inspector.targets(&rule.physical).await,
            _ => Ok(Vec::new()),
        };
        checks.extend(judge(rule, live, targets, &patient.commands));
    }
    for pipe in patient.of_kind("AWS::Pipes::Pipe") {
        let live = patient.inspector.pipe(&pipe.physical).await;
        checks.push(judge_pipe(pipe, live, &patient.commands));
    }
    checks
}

/// A rule, by what `DescribeRule` and `ListTargetsByRule` say.
fn judge(
    rule: &Wanted,
    live: Result<Option<Value>, CallError>,
    targets: Result<Vec<Value>, CallError>,
    commands: &Commands,
) -> Vec<Check> {
    let (live, targets) = match (live, targets) {
        (Err(error), _) | (_, Err(error)) => return vec![Check::failed(CHECK, &rule.id, &error)],
        (Ok(live), Ok(targets)) => (live, targets),
    };
    let Some(live) = live else {
        let gone = Check::problem(CHECK, &rule.id, "it is gone");
        let fix = [put_rule(rule, commands), put_targets(rule, commands)];
        return vec![gone.why(LOST).fix(fix)];
    };
    let mut checks = Vec::new();
    let state = live
        .get("State")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let is_meant = rule.properties.get("State").and_then(Value::as_str) != Some("DISABLED");
    if is_meant && !state.starts_with("ENABLED") {
        let fix = commands.aws("events enable-rule", &[("name", &rule.physical)]);
        let found = format!("it is {}", quoted(state));
        checks.push(Check::problem(CHECK, &rule.id, found).why(LOST).fix([fix]));
    }
    checks.extend(judge_pattern(rule, &live, commands));
    checks.extend(judge_targets(rule, &targets, commands));
    if checks.is_empty() {
        checks.push(Check::ok(CHECK, &rule.id, WELL));
    }
    checks
}

fn judge_pattern(rule: &Wanted, live: &Value, commands: &Commands) -> Option<Check> {
    let none = Value::Null;
    let pattern = live.get("EventPattern").and_then(Value::as_str);
    let pattern: Value = pattern.map_or(Value::Null, |text| {
        serde_json::from_str(text).unwrap_or_else(|_| text.into())
    });
    let wanted = rule.properties.get("EventPattern").unwrap_or(&none);
    let schedule = "ScheduleExpression";
    let agreements = [
        ("pattern", compare_typed(wanted, &pattern)),
        (
            "schedule",
            compare(
                rule.properties.get(schedule).unwrap_or(&none),
                live.get(schedule).unwrap_or(&none),
            ),
        ),
    ];
    for (what, agreement) in agreements {
        match agreement {
            Agreement::Same => {}
            Agreement::Different => {
                let found = format!("its {what} is not that of the template");
                let why = "it lets through other events than the function is for, or none";
                let fix = put_rule(rule, commands);
                return Some(Check::problem(CHECK, &rule.id, found).why(why).fix([fix]));
            }
            Agreement::Unclear(reason) => {
                let found = format!("what its {what} should be {reason}");
                return Some(Check::cannot_tell(CHECK, &rule.id, found));
            }
        }
    }
    None
}

fn judge_targets(rule: &Wanted, live: &[Value], commands: &Commands) -> Vec<Check> {
    let mut checks = Vec::new();
    let wanted = targets(rule);
    let id = |target: &Value| target.get("Id").and_then(Value::as_str).map(str::to_owned);
    for target in wanted {
        let name = id(target).unwrap_or_default();
        let found = live.iter().find(|one| id(one).as_deref() == Some(&name));
        let found = match found.map(|found| compare(target, found)) {
            Some(Agreement::Same) => continue,
            Some(Agreement::Unclear(reason)) => {
                let found = format!("what its target {} should be {reason}", quoted(&name));
                checks.push(Check::cannot_tell(CHECK, &rule.id, found));
                continue;
            }
            Some(Agreement::Different) => {
                format!("its target {} is not as in the template", quoted(&name))
            }
            None => format!("its target {} is gone", quoted(&name)),
        };
        let fix = put_targets(rule, commands);
        checks.push(Check::problem(CHECK, &rule.id, found).why(LOST).fix([fix]));
    }
    for target in live {
        let name = id(target).unwrap_or_default();
        if wanted.iter().any(|one| id(one).as_deref() == Some(&name)) {
            continue;
        }
        let arn = target.get("Arn").and_then(Value::as_str);
        let found = format!(
            "it has a target {} that the template does not have: {}",
            quoted(&name),
            quoted(arn.unwrap_or_default())
        );
        let options = [("rule", rule.physical.as_str()), ("ids", &name)];
        let fix = commands.aws("events remove-targets", &options);
        let why = "somebody else gets the events";
        checks.push(Check::problem(CHECK, &rule.id, found).why(why).fix([fix]));
    }
    checks
}

fn targets(rule: &Wanted) -> &[Value] {
    let targets = rule.properties.get("Targets").and_then(Value::as_array);
    targets.map_or(&[], Vec::as_slice)
}

fn put_rule(rule: &Wanted, commands: &Commands) -> Option<String> {
    let mut options = vec![("name", rule.physical.clone())];
    for (option, name) in [
        ("event-pattern", "EventPattern"),
        ("schedule-expression", "ScheduleExpression"),
        ("state", "State"),
        ("description", "Description"),
    ] {
        if let Some(value) = rule.properties.get(name) {
            let value = known(value)?;
            let text = word(value);
            options.push((option, text));
        }
    }
    let options: Vec<(&str, &str)> = options.iter().map(|(n, v)| (*n, v.as_str())).collect();
    commands.aws("events put-rule", &options)
}

fn put_targets(rule: &Wanted, commands: &Commands) -> Option<String> {
    let targets = known(rule.properties.get("Targets")?)?.to_string();
    let options = [("rule", rule.physical.as_str()), ("targets", &targets)];
    commands.aws("events put-targets", &options)
}

fn judge_pipe(pipe: &Wanted, live: Result<Option<Value>, CallError>, commands: &Commands) -> Check {
    const WHY: &str = "the hub hears of nothing that happens here";
    let live = match live {
        Err(error) => return Check::failed(CHECK, &pipe.id, &error),
        Ok(None) => {
            let name = ("Name", pipe.physical.as_str());
            let fix = commands.input("pipes create-pipe", name, &pipe.properties, &["Tags"]);
            return Check::problem(CHECK, &pipe.id, "it is gone")
                .why(WHY)
                .fix([fix]);
        }
        Ok(Some(live)) => live,
    };
    let text = |name: &str| live.get(name).and_then(Value::as_str).unwrap_or_default();
    if text("CurrentState") != "RUNNING" {
        let found = format!("it is {}", quoted(text("CurrentState")));
        let fix = commands.aws("pipes start-pipe", &[("name", &pipe.physical)]);
        return Check::problem(CHECK, &pipe.id, found).why(WHY).fix([fix]);
    }
    let compared = members(
        &pipe.properties,
        &live,
        &["RoleArn", "Target", "TargetParameters"],
    );
    if !compared.different.is_empty() {
        let found = format!(
            "its {} is not that of the template",
            compared.different.join(", ")
        );
        // The source of a pipe cannot be changed.
        let without = ["Source", "SourceParameters", "Tags"];
        let name = ("Name", pipe.physical.as_str());
        let fix = commands.input("pipes update-pipe", name, &pipe.properties, &without);
        return Check::problem(CHECK, &pipe.id, found).why(WHY).fix([fix]);
    }
    Check::ok(CHECK, &pipe.id, "running")
}

#[cfg(test)]
mod tests;
