//! `tidewaiter replay`.

use std::path::Path;

use tidewaiter_events::{Parsed, parse};
use tidewaiter_report::replay::{Replayed, Report};
use tidewaiter_rules::{Mode, Policy, decide, plan};

use crate::{Format, ReplayArguments, Status, input, print, say};

pub(crate) fn run(arguments: &ReplayArguments) -> Result<Status, String> {
    let policy = arguments.policy.read()?;
    let mode = arguments.mode.into();
    let mut report = Report::default();
    for path in &arguments.paths {
        match replay(path, &policy, mode) {
            Ok(replayed) => report.results.push(replayed),
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

fn replay(path: &Path, policy: &Policy, mode: Mode) -> Result<Replayed, String> {
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
