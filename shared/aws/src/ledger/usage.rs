//! Which tasks and services use which images, for accounts that are too large to be listed whenever
//! an image is to be judged.
//!
//! Nothing here depends on the order in which events come, or on how often: of two reports of a task
//! the one with the greater version holds. What a complete listing of the account did not find is
//! gone, whatever an entry says, so that an event that is lost does no lasting harm.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use tidewaiter_report::clean;
use tidewaiter_rules::{
    facts::usage::TaskSeen,
    ledger::Key,
    names::{Digest, Repository, ServiceArn},
};

use super::{Entry, Ledger, Write, number, seconds, text};
use crate::CallError;

/// How often the account is listed. The template's schedule says the same.
pub const INTERVAL: SignedDuration = SignedDuration::from_hours(6);

/// How old the last complete listing may be, when it began, for the index to be relied on.
const TRUSTED: SignedDuration = SignedDuration::from_hours(12);

/// `ListTasks` may show a task some time after its first event: what was seen this shortly before a
/// listing began, and is not in it, is not gone.
const MARGIN: SignedDuration = SignedDuration::from_mins(10);

/// How long entries are kept, in seconds. A listing keeps those that run from running out.
const RUNNING: i64 = 7 * 86_400;
const STOPPED: i64 = 2 * 86_400;
/// A pull that takes longer has failed, and is tried by another task.
const PULLING: i64 = 20 * 60;

/// Who reports a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reporter {
    /// An event: news, if its version is.
    Event,
    /// A listing: it also confirms what is known.
    Listing,
}

/// What the index says of an image.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Users {
    /// Tasks that run it.
    pub running: Vec<User>,
    /// Services that may start tasks from it, though none is known to run: one named it when the
    /// account was listed, or tasks of one have ended. ECS has to be asked.
    pub services: Vec<User>,
}

/// A task or a service that uses an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The ARN of the task, or of the service where that is known.
    pub arn: String,
    /// The name of the cluster.
    pub cluster: String,
    /// The name of the service.
    pub service: Option<String>,
    /// `FAMILY:REVISION`.
    pub task_definition: String,
}

/// Whether the index can be relied on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Index {
    /// It can: all that ran when this listing began is in it.
    Complete(Timestamp),
    /// It cannot, and why.
    Unreliable(String),
}

impl Ledger<'_> {
    /// Writes down what a task uses: one write an image of its own account and region.
    ///
    /// # Errors
    /// When a call fails. Writing all of it again does no harm.
    pub async fn record(&self, seen: &TaskSeen, reporter: Reporter) -> Result<(), CallError> {
        let condition = match reporter {
            Reporter::Event => "attribute_not_exists(#id) OR #version < :version",
            Reporter::Listing => "attribute_not_exists(#id) OR #version <= :version",
        };
        // Two repositories may hold the same image.
        let mut keys = BTreeSet::new();
        for image in &seen.images {
            let (key, kept) = match &image.digest {
                Some(digest) => (Key::user(digest, &seen.arn), RUNNING),
                None => (Key::pull(&image.repository, &seen.arn), PULLING),
            };
            if !keys.insert(key.clone()) {
                continue;
            }
            let kept = if seen.is_running { kept } else { STOPPED };
            let state = if seen.is_running {
                "running"
            } else {
                "stopped"
            };
            let mut update = "SET #state = :state, #version = :version, #at = :at, #cluster = :cluster, \
                              #definition = :definition, #repository = :repository, #expires = :expires"
                .to_owned();
            let mut values = vec![
                (":state", text(state)),
                (":version", number(seen.version)),
                (":at", text(&seconds(seen.at).to_string())),
                (":cluster", text(&clean(&seen.cluster, 255))),
                (":definition", text(&clean(&seen.task_definition, 300))),
                (":repository", text(image.repository.name())),
                (":expires", number(seen.at.as_second().saturating_add(kept))),
            ];
            if let Some(service) = &seen.service {
                update.push_str(", #service = :service");
                values.push((":service", text(&clean(service, 255))));
            }
            let write = Write {
                update: &update,
                condition,
                values,
            };
            self.write(&key, write).await?;
        }
        Ok(())
    }

    /// Writes down that a service would start tasks from an image, as a listing of `at` found.
    ///
    /// # Errors
    /// When the call fails. Writing it again does no harm.
    pub async fn record_service(
        &self,
        digest: &Digest,
        service: &ServiceArn,
        task_definition: &str,
        at: Timestamp,
    ) -> Result<(), CallError> {
        let write = Write {
            update: "SET #state = :state, #at = :at, #cluster = :cluster, #service = :service, \
                     #definition = :definition, #expires = :expires",
            condition: "attribute_not_exists(#id) OR #at < :at",
            values: vec![
                (":state", text("service")),
                (":at", text(&seconds(at).to_string())),
                (":cluster", text(service.cluster())),
                (":service", text(service.service())),
                (":definition", text(&clean(task_definition, 300))),
                (":expires", number(at.as_second().saturating_add(STOPPED))),
            ],
        };
        self.write(&Key::user(digest, &service.to_string()), write)
            .await?;
        Ok(())
    }

    /// Writes down that the index holds all that ran when a listing began.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn complete_index(&self, began: Timestamp, tasks: u64) -> Result<(), CallError> {
        let write = Write {
            update: "SET #at = :at, #tasks = :tasks, #tried = :at, #complete = :complete REMOVE #reason",
            condition: "attribute_not_exists(#id) OR attribute_not_exists(#at) OR #at < :at",
            values: vec![
                (":at", text(&seconds(began).to_string())),
                (":tasks", number(i64::try_from(tasks).unwrap_or(i64::MAX))),
                (":complete", text("yes")),
            ],
        };
        self.write(&Key::usage_index(), write).await?;
        Ok(())
    }

    /// Writes down that a listing did not come to its end. The last one that did still counts.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn leave_index_incomplete(
        &self,
        began: Timestamp,
        reason: &str,
    ) -> Result<(), CallError> {
        let write = Write {
            update: "SET #tried = :at, #complete = :complete, #reason = :reason",
            condition: "attribute_not_exists(#id) OR #tried < :at",
            values: vec![
                (":at", text(&seconds(began).to_string())),
                (":complete", text("no")),
                (":reason", text(&clean(reason, 300))),
            ],
        };
        self.write(&Key::usage_index(), write).await?;
        Ok(())
    }

    /// Whether the index can be relied on now.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn index(&self, now: Timestamp) -> Result<Index, CallError> {
        let entry = self.read(&Key::usage_index()).await?.unwrap_or_default();
        let why = || {
            let reason = entry.text("reason");
            reason.map_or_else(String::new, |reason| format!(" ({reason})"))
        };
        Ok(match entry.time("at") {
            None => Index::Unreliable(format!("the account was never listed to its end{}", why())),
            Some(at) if now.duration_since(at) > TRUSTED => Index::Unreliable(format!(
                "the account was last listed to its end at {at}, which is too long ago{}",
                why()
            )),
            Some(at) => Index::Complete(at),
        })
    }

    /// Who uses an image, by an index that was complete at `complete`.
    ///
    /// # Errors
    /// When a call fails.
    pub async fn users(
        &self,
        digest: &Digest,
        complete: Timestamp,
        now: Timestamp,
    ) -> Result<Users, CallError> {
        let mut users = Users::default();
        for entry in self.list(&Key::users(digest), "").await? {
            let Some(user) = user(&entry, complete, now) else {
                continue;
            };
            if entry.is("state", "running") {
                users.running.push(user);
            } else if user.service.is_some() {
                users.services.push(user);
            }
        }
        Ok(users)
    }

    /// The tasks that were to run an image of a repository and had not said which.
    ///
    /// # Errors
    /// When a call fails.
    pub async fn pulls(
        &self,
        repository: &Repository,
        complete: Timestamp,
        now: Timestamp,
    ) -> Result<Vec<User>, CallError> {
        let entries = self.list(&Key::pulls(repository), "").await?;
        let pulling = entries.iter().filter(|entry| entry.is("state", "running"));
        Ok(pulling
            .filter_map(|entry| user(entry, complete, now))
            .collect())
    }
}

/// What an entry says, where it still holds.
fn user(entry: &Entry, complete: Timestamp, now: Timestamp) -> Option<User> {
    let is_over = entry
        .number("expires")
        .is_some_and(|at| at < now.as_second());
    let since = complete.checked_sub(MARGIN).unwrap_or(Timestamp::MIN);
    // Where the time cannot be read, it may hold.
    let is_gone = entry.time("at").is_some_and(|at| at < since);
    if is_over || is_gone {
        return None;
    }
    Some(User {
        arn: entry.text("part")?.to_owned(),
        cluster: entry.text("cluster").unwrap_or_default().to_owned(),
        service: entry.text("service").map(str::to_owned),
        task_definition: entry.text("definition").unwrap_or_default().to_owned(),
    })
}

#[cfg(test)]
mod tests;
