//! `tidewaiter check`.

use std::path::Path;

use tidewaiter_report::check::{Checked, Report};
use tidewaiter_rules::{Facts, Policy, Subject, decide};

use crate::{CheckArguments, Format, Status, input, print, say};

pub(crate) fn run(arguments: &CheckArguments) -> Result<Status, String> {
    let policy = arguments.policy.read()?;
    let mut report = Report::default();
    for path in &arguments.paths {
        match check(path, &policy) {
            Ok(checked) => report.results.push(checked),
            Err(message) => report.errors.push(input::unreadable(path, message)),
        }
    }
    print(&report, arguments.format)?;
    if matches!(arguments.format, Format::Text) {
        for error in &report.errors {
            say(&format!("{}: {}", error.file, error.message));
        }
    }
    Ok(Status::of(report.verdict(), !report.errors.is_empty()))
}

fn check(path: &Path, policy: &Policy) -> Result<Checked, String> {
    let text = input::text(input::read(path, input::MOST_BYTES)?)?;
    let definition = input::task_definition(&text)?;
    let facts = Facts {
        place: None,
        observed_at: None,
        subject: Subject::TaskDefinition(Box::new(definition)),
    };
    let decision = decide(&facts, policy);
    Ok(Checked::new(input::shown(path), &facts.subject, decision))
}
