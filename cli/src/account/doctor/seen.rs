//! When something of each kind was last seen, by what EventBridge counts.

use jiff::{Timestamp, ToSpan};
use tidewaiter_aws::{CallError, inspect::Metric};
use tidewaiter_templates::Wanted;

use super::{Patient, report::Check};

const CHECK: &str = "last-event";

/// How far back, in hours. CloudWatch keeps values of five minutes for 63 days.
const HOURS: i64 = 14 * 24;

pub(super) async fn look(patient: &Patient<'_>) -> Vec<Check> {
    let rules: Vec<&Wanted> = patient
        .of_kind("AWS::Events::Rule")
        .filter(|rule| rule.properties.get("EventPattern").is_some())
        .collect();
    let metrics: Vec<Metric> = rules
        .iter()
        .map(|rule| Metric {
            namespace: "AWS/Events",
            name: "TriggeredRules",
            dimension: ("RuleName", rule.physical.clone()),
            statistic: "Sum",
            period: 3600,
        })
        .collect();
    let from = patient.now.checked_sub(HOURS.hours());
    let from = from.unwrap_or(Timestamp::UNIX_EPOCH);
    let last = patient
        .inspector
        .last_values(&metrics, from, patient.now)
        .await;
    judge(&rules, last)
}

fn judge(rules: &[&Wanted], last: Result<Vec<Option<(Timestamp, f64)>>, CallError>) -> Vec<Check> {
    let last = match last {
        Err(error) => return vec![Check::failed(CHECK, "all rules", &error)],
        Ok(last) => last,
    };
    let each = rules.iter().zip(last);
    let checks = each.map(|(rule, last)| match last {
        Some((time, _)) => Check::ok(CHECK, &rule.id, format!("in the hour from {time}")),
        None => Check::warning(CHECK, &rule.id, "nothing within two weeks").why(
            "there may have been nothing; where there was, something keeps it from getting here",
        ),
    });
    checks.collect()
}

#[cfg(test)]
mod tests;
