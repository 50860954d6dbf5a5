//! `tidewaiter check`.

use jiff::Timestamp;
use tidewaiter_report::Checked;
use tidewaiter_rules::{Facts, Policy, Subject, decide};

use crate::input::{self, Input};

/// The decision about the file's task definition; none for a file found in a folder that has none.
pub(crate) fn check(input: &Input, policy: &Policy) -> Result<Vec<Checked>, String> {
    let read = input::read(&input.path, input::MOST_BYTES).and_then(input::text);
    let text = match read {
        // Not text, or too large: nothing that anybody meant by naming the folder.
        Err(_) if input.is_found => return Ok(Vec::new()),
        read => read?,
    };
    if input.is_found && !input::mentions_a_definition(&text) {
        return Ok(Vec::new());
    }
    let definition = input::task_definition(&text)?;
    let facts = Facts {
        place: None,
        observed_at: Some(Timestamp::now()),
        subject: Subject::TaskDefinition(Box::new(definition)),
    };
    let decision = decide(&facts, policy);
    let file = input::shown(&input.path);
    Ok(vec![Checked::new(file, &facts.subject, decision)])
}
