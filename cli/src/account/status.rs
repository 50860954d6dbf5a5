//! `tidewaiter status`: what the ledger knows of the functions.

use serde::Serialize;
use tidewaiter_aws::ledger::Quarantined;
use tidewaiter_rules::ledger::Hour;

use super::{Session, arguments::StatusArguments, console::Console, switch, text};
use crate::{Status, arguments::Format};

/// The functions that act, by the names under which they write.
pub(super) const FUNCTIONS: &[&str] = &[
    "deployment-guard",
    "image-push-guard",
    "image-scan-guard",
    "task-definition-guard",
];

#[derive(Serialize)]
struct Shown {
    version: u8,
    paused: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    switch: Option<Turned>,
    quarantined: usize,
    released: usize,
    /// When the budgets begin anew.
    hour_ends: String,
    actions_this_hour: Vec<Spent>,
}

#[derive(Serialize)]
struct Turned {
    by: String,
    reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
}

#[derive(Serialize)]
struct Spent {
    function: &'static str,
    actions: u32,
}

/// Shows how the functions stand.
pub(super) async fn status(
    session: &Session<'_>,
    arguments: &StatusArguments,
    console: &Console,
) -> Result<Status, String> {
    let ledger = session.ledger();
    let reading = console.progress("reading the ledger");
    let turned = ledger.switch().await.map_err(text)?;
    let listed = ledger.all_quarantined(session.now).await.map_err(text)?;
    let mut actions_this_hour = Vec::with_capacity(FUNCTIONS.len());
    for function in FUNCTIONS {
        let actions = ledger.spent(function, session.now).await.map_err(text)?;
        actions_this_hour.push(Spent { function, actions });
    }
    drop(reading);
    let quarantined = listed
        .iter()
        .filter(|one| super::release::is_held(one))
        .count();
    let is_released = |state: &Quarantined| matches!(state, Quarantined::Released(_));
    let released = listed.iter().filter(|one| is_released(&one.state)).count();
    let shown = Shown {
        version: 1,
        paused: turned.as_ref().is_some_and(|switch| switch.is_paused),
        switch: turned.as_ref().map(|switch| Turned {
            by: switch.by.clone(),
            reason: switch.reason.clone(),
            since: switch.since.map(|since| since.to_string()),
        }),
        quarantined,
        released,
        hour_ends: Hour::of(session.now).end().to_string(),
        actions_this_hour,
    };
    match arguments.format {
        Format::Json => console.print(&crate::json::text(&shown)?)?,
        Format::Text => {
            let home = session.clients.home();
            console.say(&format!("account {}, {}", home.account(), home.region()))?;
            console.say(&format!(
                "  switch      {}",
                switch::written(turned.as_ref())
            ))?;
            console.say(&format!(
                "  quarantine  {quarantined} images held, {released} released"
            ))?;
            console.say(&format!(
                "  actions     in the hour that ends at {}:",
                shown.hour_ends
            ))?;
            for Spent { function, actions } in &shown.actions_this_hour {
                console.say(&format!("    {function:<24} {actions}"))?;
            }
        }
    }
    Ok(Status::Allowed)
}
