//! What the rules say of Dockerfiles, form by form.

mod commands;
mod images;
mod secret;
mod user;

use tidewaiter_rules::{Finding, Outcome, Severity};

use super::{findings, outcomes};

/// The severities of the failures that a rule finds.
fn failures(rule: &str, text: &str) -> Vec<Severity> {
    let failures = findings(rule, text).into_iter();
    let failures = failures.filter(|finding: &Finding| finding.outcome == Outcome::Fail);
    failures.map(|finding| finding.severity).collect()
}

/// The same of a single `RUN`.
fn of_run(rule: &str, command: &str) -> Vec<Severity> {
    failures(rule, &format!("FROM debian:13\nRUN {command}\n"))
}
