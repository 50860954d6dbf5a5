//! `PagerDuty`: an event of the Events API v2
//! (<https://developer.pagerduty.com/docs/events-api-v2-overview>).
//!
//! `PagerDuty` shows all of it as text. What is one incident has one `dedup_key`, so that repetitions and
//! changes are added to it and the end resolves it.

use serde_json::{Map, Value, json};
use tidewaiter_rules::Severity;

use super::{Setting, cut::cut};
use crate::{Change, Notice};

/// Where events are sent.
pub const ENDPOINT: &str = "https://events.pagerduty.com/v2/enqueue";

/// Bytes of an event.
pub const EVENT: usize = 512 * 1024;

/// Characters of a summary.
pub const SUMMARY: usize = 1024;

/// Characters of one custom detail; no limit of `PagerDuty`'s, but room for 20 of them.
const DETAIL: usize = 4_000;

/// Characters of the other members.
const SHORT: usize = 255;

/// The event about an alert. `routing_key` is the secret of the integration.
pub fn event(notice: &Notice, setting: &Setting<'_>, routing_key: &str) -> Value {
    let key = notice.key();
    if notice.change == Change::Resolved {
        return json!({
            "routing_key": routing_key,
            "event_action": "resolve",
            "dedup_key": key.as_str(),
        });
    }
    let (findings, more) = notice.shown_findings(setting);
    // PagerDuty gets and shows them in the order of their names, so that these have to be in the order of interest.
    let mut details = Map::new();
    for (name, value) in notice.facts(setting) {
        details.insert(name.to_lowercase(), json!(cut(&value, DETAIL)));
    }
    let mut detail = |name: &str, lines: &[String]| {
        if !lines.is_empty() {
            details.insert(name.to_owned(), json!(cut(&lines.join("\n"), DETAIL)));
        }
    };
    detail("action", &notice.deeds());
    let mut why: Vec<String> = findings
        .iter()
        .map(|shown| format!("{}\n{}", shown.title(), shown.body()))
        .collect();
    if more > 0 {
        why.push(format!("and {more} more"));
    }
    detail("because", &why);
    detail("in use", &notice.services());
    for code in notice.codes() {
        detail(&code.title.to_lowercase(), &[code.text]);
    }
    let link = notice.subject.as_ref().and_then(|subject| subject.link());
    let page = findings.iter().find_map(|shown| shown.page.as_deref());
    let links: Vec<Value> = [("AWS console", link), ("About the rule", page)]
        .into_iter()
        .filter_map(|(text, href)| Some(json!({"href": href?, "text": text})))
        .collect();
    let subject = notice.subject.as_ref();
    let source = subject.map_or_else(
        || format!("tidewaiter {} {}", notice.account.0, notice.region.0),
        |subject| subject.arn.as_ref().unwrap_or(&subject.id).0.clone(),
    );
    json!({
        "routing_key": routing_key,
        "event_action": "trigger",
        "dedup_key": key.as_str(),
        "client": "Tidewaiter",
        "links": links,
        "payload": {
            "summary": cut(&notice.placed(&notice.first_line(), setting), SUMMARY),
            "source": cut(&source, SHORT),
            "severity": severity(notice.severity),
            "timestamp": notice.time.unwrap_or(setting.now).to_string(),
            "component": subject.map(|subject| cut(&subject.id.0, SHORT)),
            "group": cut(&format!("{}/{}", notice.account.0, notice.region.0), SHORT),
            "class": notice.findings.0.first().map(|finding| cut(&finding.rule.0, SHORT)),
            "custom_details": details,
        },
    })
}

/// `PagerDuty` has four: what is to wake somebody is `critical` or `error`.
const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "critical",
        Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "info",
    }
}
