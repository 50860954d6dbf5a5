//! `tidewaiter undo`: one action is taken back.

use tidewaiter_aws::{
    Reversed,
    ledger::{Recorded, Releasing},
    reverse,
};
use tidewaiter_rules::{
    Action, Reverse,
    names::{Digest, Repository, quoted},
};

use super::{
    Session,
    arguments::UndoArguments,
    console::{Consent, Console},
    image::is_here,
    release::Release,
    text, time,
};
use crate::Status;

/// Takes an action back.
pub(super) async fn undo(
    session: &Session<'_>,
    arguments: &UndoArguments,
    console: &Console,
) -> Result<Status, String> {
    if Action::is_undone_by_hand(&arguments.action) {
        return Err(
            "what was stopped or deployed anew is brought back by hand: the alert and the ledger's entry have the command (`undo`)"
                .to_owned(),
        );
    }
    let action = Action::parse_id(&arguments.action).map_err(text)?;
    is_here(action.place(), session.clients.home())?;
    let recorded = session.ledger().action(&action, session.now).await;
    let Some(recorded) = recorded.map_err(text)? else {
        console.say(&format!(
            "the ledger does not know {}: is it another stack's, or was it more than 400 days ago?",
            quoted(&action.id())
        ))?;
        return Ok(Status::Denied);
    };
    if recorded.is_undone() {
        let (at, by) = (time(recorded.at), quoted(&recorded.by));
        let made = recorded.made.as_deref().map(quoted);
        let made = made.map_or(String::new(), |made| format!(", which made {made}"));
        console.say(&format!("it has been undone already: {at} by {by}{made}"))?;
        return Ok(Status::Allowed);
    }
    let Some(back) = action.reverse() else {
        console.say("nothing brings back what this action took away")?;
        console.say(&format!("  {}", quoted(&recorded.explanation)))?;
        return Ok(Status::Denied);
    };
    let reason = match &arguments.reason {
        Some(reason) => reason.clone(),
        None if arguments.consent.dry_run => String::new(),
        None => console.ask("Why? ", "say why with `--reason`")?,
    };
    if reason.is_empty() && !arguments.consent.dry_run {
        return Err("nothing was changed: say why with `--reason`".to_owned());
    }
    let said = format!(
        "{} by {} at {}",
        quoted(&recorded.state),
        quoted(&recorded.by),
        time(recorded.at)
    );
    console.say(&format!("undo {}", action.id()))?;
    console.say(&format!("  {said}"))?;
    session.tell_pause(console).await?;
    match &back {
        Reverse::RestoreImage(repository, digest) => {
            let releasing = Releasing {
                reason: &reason,
                ticket: arguments.ticket.as_deref(),
                until: arguments.expires.until(session.now)?,
            };
            let digests = vec![digest.clone()];
            let release = Release::of(session, console, repository, digests, releasing).await?;
            release.tell(&[], true)?;
            release.with_consent(arguments.consent, true).await
        }
        Reverse::RegisterCopy(_) | Reverse::TagAgain(..) | Reverse::UntagAgain(..) => {
            take_back(
                session,
                arguments,
                console,
                (&action, &back),
                &recorded,
                &reason,
            )
            .await
        }
    }
}

async fn take_back(
    session: &Session<'_>,
    arguments: &UndoArguments,
    console: &Console,
    (action, back): (&Action, &Reverse),
    recorded: &Recorded,
    reason: &str,
) -> Result<Status, String> {
    console.say(&format!("  {}", back.summary()))?;
    match tagged(back) {
        None => console.note("the copy is judged anew, and deregistered as this one was unless it is fixed or the policy allows it by then"),
        Some(_) => console.note("the image is released, and other tags that it lost are actions of their own"),
    }
    let until = arguments.expires.until(session.now)?;
    if recorded.state == "undoing" {
        console.note("an earlier attempt did not end: it may have been done already");
    }
    match console.consent(arguments.consent)? {
        Consent::Given => {}
        Consent::NotWanted => return Ok(Status::Allowed),
        Consent::Refused => return Ok(Status::Denied),
    }
    let (ledger, writer) = (session.ledger(), session.writer());
    let ticket = arguments.ticket.as_deref();
    let is_begun = ledger.undoing(action, reason, ticket, writer).await;
    if !is_begun.map_err(text)? {
        console.say("somebody else has just undone it")?;
        return Ok(Status::Allowed);
    }
    if let Some((repository, digest)) = tagged(back) {
        // First: a tag that is put back is a push, which is judged at once.
        let releasing = Releasing {
            reason,
            ticket,
            until,
        };
        let longer = ledger.release_for((repository, digest), releasing, writer);
        longer.await.map_err(text)?;
        console.say(&format!("released: {}@{digest}", repository.name()))?;
    }
    let reversed = reverse(session.clients, back).await.map_err(text)?;
    match &reversed {
        Reversed::Registered(made) => {
            let made = made.to_string();
            // The copy first: without it nobody knows what was made.
            console.say(&format!("registered {made}"))?;
            ledger
                .undone(action, Some(&made), writer)
                .await
                .map_err(text)?;
            Ok(Status::Allowed)
        }
        Reversed::Gone => {
            console.say(match tagged(back) {
                None => "ECS has deleted the revision: there is nothing left to copy",
                Some(_) => "ECR has deleted the image: there is nothing left to tag",
            })?;
            Ok(Status::Denied)
        }
        Reversed::Active | Reversed::Activating => {
            ledger.undone(action, None, writer).await.map_err(text)?;
            console.say(&format!("done: {}", back.summary()))?;
            Ok(Status::Allowed)
        }
    }
}

/// The image whose tag is given or taken.
fn tagged(back: &Reverse) -> Option<(&Repository, &Digest)> {
    match back {
        Reverse::TagAgain(repository, digest, _) | Reverse::UntagAgain(repository, digest, _) => {
            Some((repository, digest))
        }
        Reverse::RestoreImage(..) | Reverse::RegisterCopy(_) => None,
    }
}
