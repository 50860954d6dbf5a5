//! Images in quarantine, and those that somebody released from it.

use jiff::Timestamp;
use tidewaiter_report::clean;
use tidewaiter_rules::{
    Step,
    facts::Quarantine,
    ledger::Key,
    names::{Digest, Repository},
};

use super::{Entry, Ledger, Write, Writer, Written, text};
use crate::CallError;

/// A release that still holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Who released it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Until when it stays released.
    pub until: Timestamp,
}

/// An image that was put into quarantine, as the ledger lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuarantinedImage {
    /// `REPOSITORY_ARN@DIGEST`.
    pub image: String,
    /// What the ledger says of it.
    pub state: Quarantined,
}

/// What the ledger says of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Quarantined {
    /// It is in quarantine.
    Held {
        /// Why.
        reason: String,
        /// Since when.
        since: Option<Timestamp>,
        /// The command that takes it out.
        undo: String,
    },
    /// It was, and is released.
    Released(Release),
    /// It was released until a time that is over: it is judged as any other image.
    Ended(Release),
}

impl Quarantined {
    /// The release, where one holds.
    pub fn release_in_force(&self) -> Option<&Release> {
        match self {
            Self::Released(release) => Some(release),
            Self::Held { .. } | Self::Ended(_) => None,
        }
    }

    /// The quarantine, where it holds. `elsewhere` is the repository that it holds for, where that is
    /// another one than the image's.
    pub fn quarantine(self, elsewhere: Option<Repository>) -> Option<Quarantine> {
        match self {
            Self::Held { reason, since, .. } => Some(Quarantine {
                since,
                reason,
                elsewhere,
            }),
            Self::Released(_) | Self::Ended(_) => None,
        }
    }
}

impl Ledger<'_> {
    /// Puts an image into quarantine, unless it is released: the release is the answer then, and
    /// the image must be left alone.
    ///
    /// # Errors
    /// When the call fails. The image must be left alone then.
    pub async fn quarantine(
        &self,
        image: (&Repository, &Digest),
        step: &Step,
        reason: &str,
        writer: Writer<'_>,
    ) -> Result<Option<Release>, CallError> {
        let write = Write {
            update: "SET #state = :quarantined, #reason = :reason, #by = :by, #at = :now, \
                     #undo = :undo REMOVE #until",
            condition: "attribute_not_exists(#id) OR #state <> :released OR #until <= :now",
            values: vec![
                (":quarantined", text("quarantined")),
                (":released", text("released")),
                (":reason", text(&clean(reason, 500))),
                (":by", text(writer.by)),
                (":now", writer.time()),
                (":undo", text(&step.undo.command)),
            ],
        };
        let (repository, digest) = image;
        Ok(
            match self
                .write(&Key::quarantine(repository, digest), write)
                .await?
            {
                Written::Done => None,
                Written::Refused(entry) => Some(release(&entry)),
            },
        )
    }

    /// Releases an image until a time, after which the next scan puts it into quarantine again.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn release(
        &self,
        repository: &Repository,
        digest: &Digest,
        reason: &str,
        until: Timestamp,
        writer: Writer<'_>,
    ) -> Result<(), CallError> {
        let write = Write {
            update: "SET #state = :released, #reason = :reason, #by = :by, #at = :now, #until = :until",
            // Of two releases the longer one holds.
            condition: "attribute_not_exists(#id) OR #state <> :released OR #until < :until",
            values: vec![
                (":released", text("released")),
                (":reason", text(&clean(reason, 500))),
                (":by", text(writer.by)),
                (":now", writer.time()),
                (":until", text(&super::seconds(until).to_string())),
            ],
        };
        self.write(&Key::quarantine(repository, digest), write)
            .await?;
        Ok(())
    }

    /// What the ledger says of an image; `None` where it never was in quarantine.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn quarantined(
        &self,
        repository: &Repository,
        digest: &Digest,
        now: Timestamp,
    ) -> Result<Option<Quarantined>, CallError> {
        let entry = self.read(&Key::quarantine(repository, digest)).await?;
        Ok(entry.map(|entry| state(&entry, now)))
    }

    /// What the ledger says of a digest in every repository, by one call.
    ///
    /// # Errors
    /// When a call fails.
    pub async fn quarantined_anywhere(
        &self,
        digest: &Digest,
        now: Timestamp,
    ) -> Result<Vec<QuarantinedImage>, CallError> {
        self.listed(&Key::quarantines_of(digest), now).await
    }

    /// Every image that was put into quarantine, in the order of repositories and digests.
    ///
    /// # Errors
    /// When a call fails.
    pub async fn all_quarantined(
        &self,
        now: Timestamp,
    ) -> Result<Vec<QuarantinedImage>, CallError> {
        self.listed("", now).await
    }

    async fn listed(
        &self,
        start: &str,
        now: Timestamp,
    ) -> Result<Vec<QuarantinedImage>, CallError> {
        let entries = self.list(Key::QUARANTINE, start).await?;
        let listed = entries.iter().filter_map(|entry| {
            let (digest, repository) = entry.text("part")?.split_once('@')?;
            Some(QuarantinedImage {
                image: format!("{repository}@{digest}"),
                state: state(entry, now),
            })
        });
        let mut listed: Vec<QuarantinedImage> = listed.collect();
        listed.sort_by(|a, b| a.image.cmp(&b.image));
        Ok(listed)
    }
}

/// What an entry says now.
fn state(entry: &Entry, now: Timestamp) -> Quarantined {
    if !entry.is("state", "released") {
        return Quarantined::Held {
            reason: entry.text("reason").unwrap_or_default().to_owned(),
            since: entry.time("at"),
            undo: entry.text("undo").unwrap_or_default().to_owned(),
        };
    }
    let release = release(entry);
    if release.until > now {
        Quarantined::Released(release)
    } else {
        Quarantined::Ended(release)
    }
}

/// What cannot be read of a release makes it hold: to leave an image alone can be mended later.
fn release(entry: &Entry) -> Release {
    Release {
        by: entry.text("by").unwrap_or("somebody").to_owned(),
        reason: entry.text("reason").unwrap_or_default().to_owned(),
        until: entry.time("until").unwrap_or(Timestamp::MAX),
    }
}
