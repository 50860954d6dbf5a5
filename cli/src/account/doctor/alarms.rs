//! Alarms: that they are there, tell somebody, and are quiet.

use serde_json::Value;
use tidewaiter_aws::{CallError, inspect::Alarm};
use tidewaiter_report::clean;
use tidewaiter_templates::Wanted;

use super::{Patient, command::Commands, compare::members, report::Check};

const CHECK: &str = "alarms";
const WHY: &str = "what it watches for happens unseen";

/// What is compared.
const MEMBERS: &[&str] = &[
    "AlarmActions",
    "ComparisonOperator",
    "DatapointsToAlarm",
    "Dimensions",
    "EvaluationPeriods",
    "MetricName",
    "Namespace",
    "OKActions",
    "Period",
    "Statistic",
    "Threshold",
    "TreatMissingData",
];

pub(super) async fn look(patient: &Patient<'_>) -> Vec<Check> {
    let wanted: Vec<&Wanted> = patient.of_kind("AWS::CloudWatch::Alarm").collect();
    let names: Vec<String> = wanted.iter().map(|one| one.physical.clone()).collect();
    let live = patient.inspector.alarms(&names).await;
    judge(&wanted, live, &patient.commands)
}

fn judge(
    wanted: &[&Wanted],
    live: Result<Vec<Alarm>, CallError>,
    commands: &Commands,
) -> Vec<Check> {
    let live = match live {
        Err(error) => return vec![Check::failed(CHECK, "all alarms", &error)],
        Ok(live) => live,
    };
    let each = wanted.iter().map(|wanted| {
        let live = live.iter().find(|alarm| alarm.name == wanted.physical);
        judge_one(wanted, live, commands)
    });
    each.collect()
}

fn judge_one(wanted: &Wanted, live: Option<&Alarm>, commands: &Commands) -> Check {
    let Some(live) = live else {
        let gone = Check::problem(CHECK, &wanted.id, "it is gone");
        return gone.why(WHY).fix([put(wanted, commands)]);
    };
    if live.properties.get("ActionsEnabled") == Some(&Value::Bool(false)) {
        let fix = commands.aws(
            "cloudwatch enable-alarm-actions",
            &[("alarm-names", &wanted.physical)],
        );
        let found = "it tells nobody: its actions are disabled";
        return Check::problem(CHECK, &wanted.id, found).why(WHY).fix([fix]);
    }
    let compared = members(&wanted.properties, &live.properties, MEMBERS);
    if !compared.different.is_empty() {
        let found = format!(
            "its {} is not that of the template",
            compared.different.join(", ")
        );
        return Check::problem(CHECK, &wanted.id, found)
            .why(WHY)
            .fix([put(wanted, commands)]);
    }
    if let Some(reason) = compared.unclear {
        return Check::cannot_tell(CHECK, &wanted.id, reason);
    }
    if live.state == "ALARM" {
        // Says what to do, and where the runbook is.
        let description = wanted.properties.get("AlarmDescription");
        let description = description.and_then(Value::as_str).unwrap_or_default();
        return Check::problem(CHECK, &wanted.id, "it is in ALARM").why(clean(description, 600));
    }
    Check::ok(CHECK, &wanted.id, "there, and quiet")
}

/// The template spells an alarm as the API does.
fn put(wanted: &Wanted, commands: &Commands) -> Option<String> {
    commands.input(
        "cloudwatch put-metric-alarm",
        ("AlarmName", &wanted.physical),
        &wanted.properties,
        &["Tags", "WarmUpConfiguration"],
    )
}

#[cfg(test)]
mod tests;
