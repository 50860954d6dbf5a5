//! The commands that work on an account: the quarantine, undoing what the functions did, their kill switch,
//! and what they gave up on. Whoever acts here is a person; what they do stands in the ledger before it is done.

mod add;
pub(crate) mod arguments;
mod console;
mod doctor;
mod expiry;
mod image;
mod list;
mod redrive;
mod release;
mod show;
mod status;
mod switch;
mod undo;

use std::fmt::Display;

use jiff::Timestamp;
use tidewaiter_aws::{
    Account, Clients,
    ledger::{Ledger, Quarantined, QuarantinedImage, Writer},
};
use tidewaiter_rules::names::{Digest, Repository, quoted};

use crate::{Status, progress::Note};
use arguments::{AccountArguments, QuarantineCommand};
use console::Console;

/// One of the commands.
pub(crate) enum Work {
    Quarantine(QuarantineCommand),
    Undo(arguments::UndoArguments),
    Pause(arguments::PauseArguments),
    Resume(arguments::ResumeArguments),
    Status(arguments::StatusArguments),
    Redrive(arguments::RedriveArguments),
    Doctor(arguments::DoctorArguments),
}

impl Work {
    fn account(&self) -> &AccountArguments {
        match self {
            Self::Quarantine(QuarantineCommand::List(arguments)) => &arguments.account,
            Self::Quarantine(QuarantineCommand::Show(arguments)) => &arguments.account,
            Self::Quarantine(QuarantineCommand::Add(arguments)) => &arguments.account,
            Self::Quarantine(QuarantineCommand::Release(arguments)) => &arguments.account,
            Self::Undo(arguments) => &arguments.account,
            Self::Pause(arguments) => &arguments.account,
            Self::Resume(arguments) => &arguments.account,
            Self::Status(arguments) => &arguments.account,
            Self::Redrive(arguments) => &arguments.account,
            Self::Doctor(arguments) => &arguments.account,
        }
    }
}

/// A person at work on an account.
pub(crate) struct Session<'a> {
    clients: &'a Clients,
    table: &'a str,
    /// Who acts.
    by: &'a str,
    now: Timestamp,
}

impl Session<'_> {
    fn ledger(&self) -> Ledger<'_> {
        Ledger::new(self.clients, self.table)
    }

    fn writer(&self) -> Writer<'_> {
        Writer {
            by: self.by,
            attempt: "person",
            now: self.now,
        }
    }

    /// What the ledger says of the images of a repository.
    async fn listed(&self, repository: &Repository) -> Result<Vec<QuarantinedImage>, String> {
        let listed = self.ledger().all_quarantined(self.now).await;
        let listed = listed.map_err(text)?.into_iter();
        Ok(listed.filter(|one| one.repository == *repository).collect())
    }

    /// Says that the functions are held back, where they are: a person is not.
    async fn tell_pause(&self, console: &Console) -> Result<(), String> {
        if let Some(pause) = self.ledger().pause_in_force().await.map_err(text)? {
            console.note(&format!(
                "the functions are paused by {} ({}); what you do here is done all the same",
                quoted(&pause.by),
                quoted(&pause.reason)
            ));
        }
        Ok(())
    }
}

/// Runs a command. No command that needs no account gets here, so none waits for a runtime.
pub(crate) fn run(work: &Work) -> Result<Status, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start: {error}"))?;
    runtime.block_on(async {
        let connecting = Note::show("finding credentials and the ledger");
        let arguments = work.account();
        let account = Account::connect(&arguments.access()).await.map_err(text)?;
        let console = Console::real();
        if let Work::Doctor(arguments) = work {
            // A stack whose ledger is gone is what it is for.
            drop(connecting);
            return doctor::doctor(&account, arguments, &console).await;
        }
        let table = match &arguments.ledger {
            Some(table) => table.clone(),
            None => account.ledger_of(&arguments.stack).await.map_err(text)?,
        };
        drop(connecting);
        let session = Session {
            clients: account.clients(),
            table: &table,
            by: account.caller(),
            now: Timestamp::now(),
        };
        match work {
            Work::Quarantine(QuarantineCommand::List(arguments)) => {
                list::list(&session, arguments, &console).await
            }
            Work::Quarantine(QuarantineCommand::Show(arguments)) => {
                show::show(&session, arguments, &console).await
            }
            Work::Quarantine(QuarantineCommand::Add(arguments)) => {
                add::add(&session, arguments, &console).await
            }
            Work::Quarantine(QuarantineCommand::Release(arguments)) => {
                release::release(&session, arguments, &console).await
            }
            Work::Undo(arguments) => undo::undo(&session, arguments, &console).await,
            Work::Pause(arguments) => switch::pause(&session, arguments, &console).await,
            Work::Resume(arguments) => switch::resume(&session, arguments, &console).await,
            Work::Status(arguments) => status::status(&session, arguments, &console).await,
            Work::Redrive(arguments) => {
                redrive::redrive(&session, &account, arguments, &console).await
            }
            Work::Doctor(arguments) => doctor::doctor(&account, arguments, &console).await,
        }
    })
}

/// An error as a person reads it.
fn text(error: impl Display) -> String {
    error.to_string()
}

/// `NAME@DIGEST`, as images are named everywhere.
fn named(repository: &Repository, digest: &Digest) -> String {
    format!("{}@{digest}", repository.name())
}

/// What the ledger says of an image, in one line.
fn state_of(image: &QuarantinedImage) -> String {
    let ticket = image.ticket.as_deref();
    let ticket = ticket.map_or(String::new(), |ticket| {
        format!(", ticket {}", quoted(ticket))
    });
    match &image.state {
        Quarantined::Held { reason, since, .. } => format!(
            "in quarantine since {} by {}: {}{ticket}",
            time(*since),
            quoted(&image.by),
            quoted(reason)
        ),
        Quarantined::Released(release) | Quarantined::Ended(release) => format!(
            "released until {}{} by {}: {}{ticket}",
            release.until,
            match &image.state {
                Quarantined::Ended(_) => ", which is over,",
                _ => "",
            },
            quoted(&release.by),
            quoted(&release.reason)
        ),
    }
}

fn time(time: Option<Timestamp>) -> String {
    time.map_or_else(|| "an unknown time".to_owned(), |time| time.to_string())
}

#[cfg(test)]
mod tests;
