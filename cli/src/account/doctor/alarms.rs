//! Alarms: that they are there, tell somebody, and are quiet.

use serde_json::{Map, Value};
use tidewaiter_aws::{CallError, inspect::Alarm};
use tidewaiter_report::clean;
use tidewaiter_templates::Wanted;

use super::{
    Patient,
    command::Commands,
    compare::{known, members},
    report::Check,
};

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
    let Value::Object(properties) = known(&wanted.properties)? else {
        return None;
    };
    let mut input = Map::new();
    input.insert("AlarmName".to_owned(), wanted.physical.clone().into());
    for (name, value) in properties {
        if name == "Tags" || name == "WarmUpConfiguration" {
            continue;
        }
        // A parameter is text even where the API wants a number.
        let number = value.as_str().and_then(|text| text.parse::<i64>().ok());
        let value = match number {
            Some(number) if name != "Namespace" && name != "MetricName" => number.into(),
            _ => value.clone(),
        };
        input.insert(name.clone(), value);
    }
    let input = Value::Object(input).to_string();
    commands.aws("cloudwatch put-metric-alarm", &[("cli-input-json", &input)])
}

#[cfg(test)]
mod tests;
