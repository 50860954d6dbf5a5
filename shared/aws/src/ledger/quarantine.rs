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

/// Why an image is put into quarantine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Because<'a> {
    /// The image that was condemned: the one at hand, or one that it stands and falls with. What was
    /// taken for the same one is released together.
    pub subject: Option<&'a Digest>,
    /// What it was condemned for.
    pub reason: &'a str,
    /// Where that was agreed on, where a person says so.
    pub ticket: Option<&'a str>,
}

/// A release that a person wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Releasing<'a> {
    /// Why.
    pub reason: &'a str,
    /// Where it was agreed on.
    pub ticket: Option<&'a str>,
    /// Until when the image stays released.
    pub until: Timestamp,
}

/// An image that was put into quarantine, as the ledger lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuarantinedImage {
    /// Where it is.
    pub repository: Repository,
    /// Which it is.
    pub digest: Digest,
    /// What the ledger says of it.
    pub state: Quarantined,
    /// Who put it into that state.
    pub by: String,
    /// When.
    pub at: Option<Timestamp>,
    /// Where that was agreed on, where somebody says so.
    pub ticket: Option<String>,
    /// The image whose quarantine took this one: itself, or one that it stands and falls with. `None`
    /// where that was not written down.
    pub subject: Option<Digest>,
}

/// How far the deletion of an image is whose days in quarantine are over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletion {
    /// A function was about to delete it. Where it is gone by now, nobody may have told of that.
    Begun,
    /// It is gone, and there is nothing left to tell of it.
    Done,
}

impl Deletion {
    const fn name(self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::Done => "done",
        }
    }

    fn of(entry: &Entry) -> Option<Self> {
        [Self::Begun, Self::Done]
            .into_iter()
            .find(|deletion| entry.is("deletion", deletion.name()))
    }
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
        /// When the act that put it there was begun, where a function did: it is told after that.
        begun: Option<Timestamp>,
        /// The command that takes it out.
        undo: String,
        /// How far its deletion is: one that is pushed again is as bad as it was.
        deletion: Option<Deletion>,
        /// The image that it was condemned with, where that is another one.
        with: Option<Digest>,
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

    /// The quarantine, where it holds for the image's own sake. One that was condemned with another is
    /// not known to be bad by itself: an index is for what it leads to, and what an index led to may
    /// come back under another. `elsewhere` is the repository that it holds for, where that is another
    /// one than the image's.
    pub fn of_its_own(self, elsewhere: Option<Repository>) -> Option<Quarantine> {
        match self {
            Self::Held { with: Some(_), .. } => None,
            other => other.quarantine(elsewhere),
        }
    }

    /// The quarantine, where it holds, for whatever sake. `elsewhere` as in [`Self::of_its_own`].
    pub fn quarantine(self, elsewhere: Option<Repository>) -> Option<Quarantine> {
        match self {
            Self::Held { reason, since, .. } => Some(Quarantine {
                since,
                reason,
                elsewhere,
                is_untold: false,
            }),
            Self::Released(_) | Self::Ended(_) => None,
        }
    }
}

impl Ledger<'_> {
    /// Puts an image into quarantine, unless it is released: the release is the answer then, and
    /// the image must be left alone. `begun` is when the ledger first heard of the step, however often it
    /// is tried, where a function takes it: of that it has to tell.
    ///
    /// # Errors
    /// When the call fails. The image must be left alone then.
    pub async fn quarantine(
        &self,
        image: (&Repository, &Digest),
        (step, begun): (&Step, Option<Timestamp>),
        because: Because<'_>,
        writer: Writer<'_>,
    ) -> Result<Option<Release>, CallError> {
        let subject = because.subject.unwrap_or(image.1);
        let mut values = vec![
            (":quarantined", text("quarantined")),
            (":released", text("released")),
            (":reason", text(&clean(because.reason, 500))),
            (":by", text(&clean(writer.by, 200))),
            (":now", writer.time()),
            (":undo", text(&step.undo.command)),
            (":subject", text(subject.as_str())),
        ];
        let begun = begun.map(|begun| text(&super::seconds(begun).to_string()));
        let ticket = because.ticket.map(|ticket| text(&clean(ticket, 200)));
        let (mut set, mut removed) = (Vec::new(), vec!["#until", "#deletion"]);
        for (name, place, value) in [("#begun", ":begun", begun), ("#ticket", ":ticket", ticket)] {
            match value {
                Some(value) => {
                    set.push(format!(", {name} = {place}"));
                    values.push((place, value));
                }
                None => removed.push(name),
            }
        }
        let update = format!(
            "SET #state = :quarantined, #reason = :reason, #by = :by, #at = :now, #undo = :undo, \
             #subject = :subject{} REMOVE {}",
            set.concat(),
            removed.join(", ")
        );
        let mut condition = "attribute_not_exists(#id) OR #state <> :released OR #until <= :now";
        // That it is bad by itself is not forgotten for being taken along with another.
        if subject != image.1 {
            condition = "attribute_not_exists(#id) OR (#state = :quarantined AND #subject <> :own) \
                         OR (#state = :released AND #until <= :now)";
            values.push((":own", text(image.1.as_str())));
        }
        let write = Write {
            update: &update,
            condition,
            values,
        };
        let (repository, digest) = image;
        Ok(
            match self
                .write(&Key::quarantine(repository, digest), write)
                .await?
            {
                Written::Refused(entry) if entry.is("state", "released") => Some(release(&entry)),
                Written::Done | Written::Refused(_) => None,
            },
        )
    }

    /// Writes down how far the deletion of an image in quarantine is, unless it is released: the release is
    /// the answer then, and the image must be left alone.
    ///
    /// # Errors
    /// When the call fails. The image must be left alone then.
    pub async fn deletion(
        &self,
        image: (&Repository, &Digest),
        deletion: Deletion,
        writer: Writer<'_>,
    ) -> Result<Option<Release>, CallError> {
        let write = Write {
            update: "SET #deletion = :deletion, #deleted_by = :by, #deleted_at = :now",
            // What is not there was never put into quarantine, or nobody knows any more.
            condition: "#state = :quarantined",
            values: vec![
                (":deletion", text(deletion.name())),
                (":quarantined", text("quarantined")),
                (":by", text(writer.by)),
                (":now", writer.time()),
            ],
        };
        let (repository, digest) = image;
        let key = Key::quarantine(repository, digest);
        Ok(match self.write(&key, write).await? {
            Written::Done => None,
            Written::Refused(entry) => Some(release(&entry)),
        })
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
        let releasing = Releasing {
            reason,
            ticket: None,
            until,
        };
        self.release_for((repository, digest), releasing, writer)
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
        let listed = entries.iter().filter_map(|entry| listed(entry, now));
        let mut listed: Vec<QuarantinedImage> = listed.collect();
        listed
            .sort_by(|a, b| (a.repository.arn(), &a.digest).cmp(&(b.repository.arn(), &b.digest)));
        Ok(listed)
    }

    /// Releases an image as a person wants it. Of two releases the longer one holds: where there is one
    /// already that is as long, that is the answer, and nothing is changed.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn release_for(
        &self,
        image: (&Repository, &Digest),
        releasing: Releasing<'_>,
        writer: Writer<'_>,
    ) -> Result<Option<Release>, CallError> {
        let mut update =
            "SET #state = :released, #reason = :reason, #by = :by, #at = :now, #until = :until"
                .to_owned();
        let mut values = vec![
            (":released", text("released")),
            (":reason", text(&clean(releasing.reason, 500))),
            (":by", text(&clean(writer.by, 200))),
            (":now", writer.time()),
            (":until", text(&super::seconds(releasing.until).to_string())),
        ];
        match releasing.ticket {
            Some(ticket) => {
                update.push_str(", #ticket = :ticket");
                values.push((":ticket", text(&clean(ticket, 200))));
            }
            None => update.push_str(" REMOVE #ticket"),
        }
        let write = Write {
            update: &update,
            condition: "attribute_not_exists(#id) OR #state <> :released OR #until < :until",
            values,
        };
        let (repository, digest) = image;
        let key = Key::quarantine(repository, digest);
        Ok(match self.write(&key, write).await? {
            Written::Done => None,
            Written::Refused(entry) => Some(release(&entry)),
        })
    }

    /// Ends a release now, so that the image can be put into quarantine.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn end_release(
        &self,
        image: (&Repository, &Digest),
        writer: Writer<'_>,
    ) -> Result<(), CallError> {
        let write = Write {
            update: "SET #until = :now",
            condition: "#state = :released AND #until > :now",
            values: vec![(":released", text("released")), (":now", writer.time())],
        };
        self.write(&Key::quarantine(image.0, image.1), write)
            .await?;
        Ok(())
    }
}

/// One entry of the list; `None` where the entry names no image.
fn listed(entry: &Entry, now: Timestamp) -> Option<QuarantinedImage> {
    let (digest, repository) = entry.text("part")?.split_once('@')?;
    Some(QuarantinedImage {
        repository: Repository::parse_arn(repository).ok()?,
        digest: Digest::parse(digest).ok()?,
        state: state(entry, now),
        by: entry.text("by").unwrap_or("somebody").to_owned(),
        at: entry.time("at"),
        ticket: entry.text("ticket").map(str::to_owned),
        subject: entry
            .text("subject")
            .and_then(|text| Digest::parse(text).ok()),
    })
}

/// What an entry says now.
fn state(entry: &Entry, now: Timestamp) -> Quarantined {
    if !entry.is("state", "released") {
        let subject = entry.text("subject");
        let is_own = |subject: &str| {
            let part = entry.text("part").and_then(|part| part.split_once('@'));
            part.is_none_or(|(digest, _)| digest == subject)
        };
        let other = subject.filter(|subject| !is_own(subject));
        return Quarantined::Held {
            with: other.and_then(|subject| Digest::parse(subject).ok()),
            reason: entry.text("reason").unwrap_or_default().to_owned(),
            since: entry.time("at"),
            begun: entry.time("begun"),
            undo: entry.text("undo").unwrap_or_default().to_owned(),
            deletion: Deletion::of(entry),
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
