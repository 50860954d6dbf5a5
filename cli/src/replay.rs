//! `tidewaiter replay`.

use std::path::Path;

use tidewaiter_events::{Parsed, parse};
use tidewaiter_report::Replayed;
use tidewaiter_rules::{Mode, Policy, decide, plan};

use crate::input;

/// What would come of the file's event.
pub(crate) fn replay(path: &Path, policy: &Policy, mode: Mode) -> Result<Replayed, String> {
    let json = input::read(path, input::MOST_BYTES)?;
    let file = input::shown(path);
    let event = match parse(&json).map_err(|error| error.to_string())? {
        Parsed::Event(event) => event,
        Parsed::Ignored(reason) => return Ok(Replayed::ignored(file, &reason)),
    };
    let facts = event.facts().ok_or(
        "the event holds no definition that can be judged; the function would read it from ECS",
    )?;
    let decision = decide(&facts, policy);
    let plan = plan(&decision, &facts, mode, None);
    Ok(Replayed::judged(file, &event, &facts, decision, &plan))
}
