//! `tidewaiter check`.

use std::path::Path;

use jiff::Timestamp;
use tidewaiter_report::Checked;
use tidewaiter_rules::{Facts, Policy, Subject, decide};

use crate::input;

/// The decision about the file's task definition.
pub(crate) fn check(path: &Path, policy: &Policy) -> Result<Checked, String> {
    let text = input::text(input::read(path, input::MOST_BYTES)?)?;
    let definition = input::task_definition(&text)?;
    let facts = Facts {
        place: None,
        observed_at: Some(Timestamp::now()),
        subject: Subject::TaskDefinition(Box::new(definition)),
    };
    let decision = decide(&facts, policy);
    Ok(Checked::new(input::shown(path), &facts.subject, decision))
}
