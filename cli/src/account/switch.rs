//! `tidewaiter pause` and `tidewaiter resume`: the kill switch.

use tidewaiter_aws::ledger::Switch;
use tidewaiter_rules::names::quoted;

use super::{
    Session,
    arguments::{PauseArguments, ResumeArguments},
    console::Console,
    text, time,
};
use crate::Status;

/// Holds every function back from its next event on.
pub(super) async fn pause(
    session: &Session<'_>,
    arguments: &PauseArguments,
    console: &Console,
) -> Result<Status, String> {
    turn(session, true, &arguments.reason, arguments.dry_run, console).await
}

/// Lets the functions act again.
pub(super) async fn resume(
    session: &Session<'_>,
    arguments: &ResumeArguments,
    console: &Console,
) -> Result<Status, String> {
    let reason = arguments.reason.as_deref().unwrap_or("resumed");
    turn(session, false, reason, arguments.dry_run, console).await
}

async fn turn(
    session: &Session<'_>,
    is_paused: bool,
    reason: &str,
    is_dry_run: bool,
    console: &Console,
) -> Result<Status, String> {
    let before = session.ledger().switch().await.map_err(text)?;
    let is_so = before.as_ref().is_some_and(|switch| switch.is_paused) == is_paused;
    if is_so {
        console.say(&format!("nothing to change: {}", written(before.as_ref())))?;
        return Ok(Status::Allowed);
    }
    if is_dry_run {
        let what = if is_paused {
            "pause all functions"
        } else {
            "let all functions act again"
        };
        console.say(&format!(
            "dry run: this would {what}; now {}",
            written(before.as_ref())
        ))?;
        return Ok(Status::Allowed);
    }
    let turned = session
        .ledger()
        .set_switch(is_paused, reason, session.writer())
        .await;
    if !turned.map_err(text)? {
        let now = session.ledger().switch().await.map_err(text)?;
        console.say(&format!("somebody was faster: {}", written(now.as_ref())))?;
    } else if is_paused {
        console.say(
            "paused: from their next event on the functions judge and tell, and change nothing",
        )?;
        console.say("  `tidewaiter resume` lets them act again; what they met meanwhile they do not come back to")?;
    } else {
        console.say("resumed: from their next event on the functions act")?;
        if let Some(pause) = &before {
            console.say(&format!("  {}", was(pause)))?;
        }
    }
    Ok(Status::Allowed)
}

fn was(pause: &Switch) -> String {
    format!(
        "they were paused since {} by {}: {}; what they met meanwhile was told and left: look at those alerts",
        time(pause.since),
        quoted(&pause.by),
        quoted(&pause.reason)
    )
}

/// How the switch stands, in one line.
pub(super) fn written(switch: Option<&Switch>) -> String {
    match switch {
        None => "the functions act; nobody ever paused them".to_owned(),
        Some(switch) => format!(
            "the functions {} since {}, says {}: {}",
            if switch.is_paused {
                "are paused"
            } else {
                "act"
            },
            time(switch.since),
            quoted(&switch.by),
            quoted(&switch.reason)
        ),
    }
}
