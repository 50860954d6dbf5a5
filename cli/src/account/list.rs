//! `tidewaiter quarantine list`.

use std::fmt::Write as _;

use globset::Glob;
use serde::Serialize;
use tidewaiter_aws::ledger::{Quarantined, QuarantinedImage};
use tidewaiter_rules::names::quoted;

use super::{Session, arguments::ListArguments, console::Console, named, state_of, text};
use crate::{Status, arguments::Format};

/// An image of the list, as JSON has it.
#[derive(Debug, Serialize)]
pub(super) struct Listed {
    repository: String,
    digest: String,
    state: &'static str,
    by: String,
    reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ticket: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    /// The digest of the image that was condemned.
    #[serde(skip_serializing_if = "Option::is_none")]
    taken_for: Option<String>,
}

#[derive(Serialize)]
struct List {
    version: u8,
    images: Vec<Listed>,
}

impl Listed {
    pub(super) fn of(image: &QuarantinedImage) -> Self {
        let (state, by, reason, until) = match &image.state {
            Quarantined::Held { reason, .. } => ("quarantined", &image.by, reason, None),
            Quarantined::Released(release) | Quarantined::Ended(release) => (
                match &image.state {
                    Quarantined::Ended(_) => "release-ended",
                    _ => "released",
                },
                &release.by,
                &release.reason,
                Some(release.until.to_string()),
            ),
        };
        Self {
            repository: image.repository.arn(),
            digest: image.digest.to_string(),
            state,
            by: by.clone(),
            reason: reason.clone(),
            ticket: image.ticket.clone(),
            since: image.at.map(|at| at.to_string()),
            until,
            taken_for: image.subject.as_ref().map(ToString::to_string),
        }
    }
}

/// Lists what is in quarantine.
pub(super) async fn list(
    session: &Session<'_>,
    arguments: &ListArguments,
    console: &Console,
) -> Result<Status, String> {
    let glob = match &arguments.repository {
        None => None,
        Some(glob) => {
            let read = Glob::new(glob);
            let read = read.map_err(|error| format!("{} is no glob: {error}", quoted(glob)))?;
            Some(read.compile_matcher())
        }
    };
    let reading = console.progress("reading the ledger");
    let listed = session.ledger().all_quarantined(session.now).await;
    drop(reading);
    let mut listed = listed.map_err(text)?;
    listed.retain(|one| {
        let name = one.repository.name();
        glob.as_ref().is_none_or(|glob| glob.is_match(name))
    });
    match arguments.format {
        Format::Json => {
            let images = listed.iter().map(Listed::of).collect();
            console.print(&crate::json::text(&List { version: 1, images })?)?;
        }
        Format::Text => console.print(&written(&listed))?,
    }
    Ok(Status::Allowed)
}

fn written(listed: &[QuarantinedImage]) -> String {
    let mut lines = String::new();
    for image in listed {
        lines.push_str(&named(&image.repository, &image.digest));
        lines.push_str("\n  ");
        lines.push_str(&state_of(image));
        lines.push('\n');
    }
    let is_held = |image: &&QuarantinedImage| matches!(image.state, Quarantined::Held { .. });
    let held = listed.iter().filter(is_held).count();
    let released = listed.len().saturating_sub(held);
    let between = if listed.is_empty() { "" } else { "\n" };
    let _ = writeln!(lines, "{between}{held} in quarantine, {released} released");
    lines
}
