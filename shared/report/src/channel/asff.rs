//! AWS Security Hub CSPM: findings in its format, for `BatchImportFindings`
//! (<https://docs.aws.amazon.com/securityhub/latest/userguide/securityhub-findings-format-syntax.html>).
//!
//! A rule that a subject breaks is one finding, whatever the number of events and of places: its `Id`
//! follows from both, so that importing it again updates it, and its end archives it.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tidewaiter_rules::{Severity, names::Place};

use super::{Setting, cut::cut};
use crate::{Change, Notice, key::hash, notice::NoticeFinding};

/// Findings in a call.
pub const FINDINGS: usize = 100;

/// Bytes of a finding.
pub const FINDING: usize = 240 * 1024;

/// Characters of an `Id` and of a `GeneratorId`.
pub const ID: usize = 512;

/// Characters of a title.
pub const TITLE: usize = 256;

/// Characters of a description.
pub const DESCRIPTION: usize = 1024;

/// Characters of a recommendation.
pub const RECOMMENDATION: usize = 512;

/// Characters of the value of a product field.
pub const FIELD: usize = 2048;

/// The findings of an alert: open, or archived where it tells that they are over. Empty where it is
/// about no subject, or about one in no place.
pub fn findings(notice: &Notice, setting: &Setting<'_>) -> Vec<Value> {
    let mut by_rule: BTreeMap<&str, Vec<&NoticeFinding>> = BTreeMap::new();
    for finding in &notice.findings.0 {
        by_rule.entry(&finding.rule.0).or_default().push(finding);
    }
    let state = match notice.change {
        Change::Resolved => State::Archived,
        Change::Opened | Change::Reopened | Change::Changed | Change::Reminder => State::Active,
    };
    let rules = by_rule.iter().take(FINDINGS);
    rules
        .filter_map(|(rule, findings)| finding(notice, setting, rule, findings, state))
        .collect()
}

/// The findings of rules that the subject breaks no more, while it still breaks others or none.
pub fn archived<'a>(
    notice: &Notice,
    setting: &Setting<'_>,
    rules: impl IntoIterator<Item = &'a str>,
) -> Vec<Value> {
    let rules = rules.into_iter().take(FINDINGS);
    rules
        .filter_map(|rule| finding(notice, setting, rule, &[], State::Archived))
        .collect()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Active,
    Archived,
}

fn finding(
    notice: &Notice,
    setting: &Setting<'_>,
    rule: &str,
    findings: &[&NoticeFinding],
    state: State,
) -> Option<Value> {
    let subject = notice.subject.as_ref()?;
    // Only such names are put into an ARN.
    let place = Place::of_region(&notice.region.0, &notice.account.0).ok()?;
    let (account, region, partition) = (place.account(), place.region(), place.partition());
    let is_unknown = !findings.is_empty() && findings.iter().all(|f| f.outcome.0 == "unknown");
    let severity = findings.iter().map(|finding| finding.severity).max();
    let severity = severity.unwrap_or(notice.severity);
    let (record, workflow, compliance) = match state {
        State::Archived => ("ARCHIVED", "RESOLVED", "PASSED"),
        State::Active if is_unknown => ("ACTIVE", "NEW", "WARNING"),
        State::Active => ("ACTIVE", "NEW", "FAILED"),
    };
    let mut messages: Vec<&str> = findings.iter().map(|f| f.message.0.as_str()).collect();
    messages.dedup();
    let description = match messages.as_slice() {
        [] => "The subject does not break the rule any more.".to_owned(),
        messages => messages.join("; "),
    };
    let (kind, resource) = match (subject.kind.0.as_str(), &subject.arn) {
        ("task-definition", Some(arn)) => ("AwsEcsTaskDefinition", arn.0.clone()),
        ("task-overrides", Some(arn)) => ("AwsEcsTask", arn.0.clone()),
        ("express-service", Some(arn)) => ("AwsEcsService", arn.0.clone()),
        ("image", Some(arn)) => {
            let digest = subject.id.0.split_once('@').map(|(_, digest)| digest);
            let id = digest.map_or_else(|| arn.0.clone(), |digest| format!("{}/{digest}", arn.0));
            ("AwsEcrContainerImage", id)
        }
        _ => ("Other", subject.id.0.clone()),
    };
    let kinds = if subject.kind.0 == "image" {
        "Software and Configuration Checks/Vulnerabilities/CVE"
    } else {
        "Software and Configuration Checks/AWS Security Best Practices"
    };
    let label = label(severity);
    let now = setting.now.to_string();
    let created = notice.time.unwrap_or(setting.now).to_string();
    let mut value = json!({
        "SchemaVersion": "2018-10-08",
        "Id": id(notice, rule),
        "ProductArn": format!(
            "arn:{partition}:securityhub:{region}:{account}:product/{account}/default"
        ),
        "GeneratorId": cut(&format!("tidewaiter/{rule}"), ID),
        "AwsAccountId": account,
        "Types": [kinds],
        "CreatedAt": created,
        "UpdatedAt": now,
        "LastObservedAt": now,
        "Severity": {"Label": label},
        "Title": cut(&format!("{rule}: {}", subject.id.0), TITLE),
        "Description": cut(&description, DESCRIPTION),
        "Resources": [{
            "Type": kind, "Id": cut(&resource, ID), "Partition": partition, "Region": region,
        }],
        "FindingProviderFields": {
            "Severity": {"Label": label, "Original": severity.name()}, "Types": [kinds],
        },
        "ProductFields": fields(notice),
        "Compliance": {"Status": compliance},
        "RecordState": record,
        "Workflow": {"Status": workflow},
    });
    let help = findings
        .first()
        .map(|finding| cut(&finding.help.0, RECOMMENDATION));
    let page = setting.rule_pages.and_then(|pages| pages.page(rule));
    if let (Some(help), Some(members)) = (help, value.as_object_mut()) {
        let mut recommendation = json!({"Text": help});
        if let (Some(page), Some(recommendation)) = (page, recommendation.as_object_mut()) {
            recommendation.insert("Url".to_owned(), json!(page));
        }
        members.insert(
            "Remediation".to_owned(),
            json!({"Recommendation": recommendation}),
        );
        if let Some(link) = subject.link() {
            members.insert("SourceUrl".to_owned(), json!(link));
        }
    }
    Some(value)
}

/// The same for the same rule and subject. Where it is cut, a hash keeps it apart from others.
fn id(notice: &Notice, rule: &str) -> String {
    let key = notice.key();
    let id = format!("tidewaiter/{}/{rule}", key.as_str());
    if id.len() <= ID {
        return id;
    }
    format!("tidewaiter/{}/{}", key.as_str(), hash(rule))
}

fn fields(notice: &Notice) -> Value {
    let mut fields = json!({
        "tidewaiter/mode": notice.mode.0,
        "tidewaiter/headline": cut(&notice.headline.0, FIELD),
    });
    let mut field = |name: &str, value: Option<&str>| {
        // A command that is cut is another command.
        let value = value.filter(|value| !value.is_empty() && value.chars().count() <= FIELD);
        if let (Some(fields), Some(value)) = (fields.as_object_mut(), value) {
            fields.insert(format!("tidewaiter/{name}"), json!(value));
        }
    };
    field("who", notice.who.as_ref().map(|who| who.name.0.as_str()));
    field("event", notice.event.as_ref().map(|event| event.0.as_str()));
    if let Some(action) = notice.actions.0.first() {
        field("action", Some(&action.action.0));
        field("effect", Some(&action.effect.0));
        field("undo", Some(&action.undo.command.0));
        field("command", Some(&action.command.0));
    }
    fields
}

const fn label(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "CRITICAL",
        Severity::High => "HIGH",
        Severity::Medium => "MEDIUM",
        Severity::Low => "LOW",
        Severity::Info => "INFORMATIONAL",
    }
}
