//! `tidewaiter quarantine release`: what a quarantine took is released, then restored.

use jiff::Timestamp;
use tidewaiter_aws::{
    ImageNow, Reference, Reversed, describe_image,
    ledger::{Quarantined, QuarantinedImage, Releasing},
    reverse,
};
use tidewaiter_rules::{
    Action,
    names::{Digest, Repository, quoted},
};

use super::{
    Session,
    arguments::{ConsentArguments, ReleaseArguments},
    console::{Consent, Console},
    image, named, state_of, text,
};
use crate::Status;

/// Everything that the quarantine of `entry` took.
pub(super) fn taken_together(
    listed: &[QuarantinedImage],
    entry: &QuarantinedImage,
) -> Vec<QuarantinedImage> {
    let subject =
        |one: &QuarantinedImage| one.subject.clone().unwrap_or_else(|| one.digest.clone());
    let wanted = subject(entry);
    let same = listed.iter().filter(|one| subject(one) == wanted);
    same.cloned().collect()
}

/// Releases an image with all that its quarantine took.
pub(super) async fn release(
    session: &Session<'_>,
    arguments: &ReleaseArguments,
    console: &Console,
) -> Result<Status, String> {
    let name = image::read(&arguments.image, session.clients.home())?;
    let until = arguments.expires.until(session.now)?;
    let reading = console.progress("reading ECR and the ledger");
    let digest = match &name.reference {
        Reference::Digest(digest) => digest.clone(),
        Reference::Tag(_) => {
            let found = image::find(session, &name).await?;
            let found = found.ok_or_else(|| format!("there is no image {}", quoted(&name.shown())));
            found?.digest
        }
    };
    let listed = session.listed(&name.repository).await?;
    let entry = listed.iter().find(|one| one.digest == digest);
    let Some(entry) = entry else {
        drop(reading);
        console.say(&format!(
            "{} is not in quarantine: there is nothing to release; a waiver in the policy keeps it from getting there",
            named(&name.repository, &digest)
        ))?;
        return Ok(Status::Denied);
    };
    let taken = taken_together(&listed, entry);
    let releasing = Releasing {
        reason: &arguments.reason,
        ticket: arguments.ticket.as_deref(),
        until,
    };
    let digests = taken.iter().map(|one| one.digest.clone()).collect();
    let release = Release::of(session, console, &name.repository, digests, releasing).await?;
    drop(reading);
    release.tell(&listed, !arguments.no_restore)?;
    session.tell_pause(console).await?;
    release
        .with_consent(arguments.consent, !arguments.no_restore)
        .await
}

/// A release about to be made.
pub(super) struct Release<'a> {
    session: &'a Session<'a>,
    console: &'a Console,
    repository: &'a Repository,
    /// What is released, in the order in which it is restored: what an index leads to before the index,
    /// so that nothing can be pulled of which a part is missing.
    images: Vec<(Digest, Option<ImageNow>)>,
    releasing: Releasing<'a>,
}

impl<'a> Release<'a> {
    /// A release of these images.
    pub(super) async fn of(
        session: &'a Session<'a>,
        console: &'a Console,
        repository: &'a Repository,
        digests: Vec<Digest>,
        releasing: Releasing<'a>,
    ) -> Result<Self, String> {
        let mut images = Vec::with_capacity(digests.len());
        for digest in digests {
            let reference = Reference::Digest(digest.clone());
            let found = describe_image(session.clients, repository, &reference).await;
            images.push((digest, found.map_err(text)?));
        }
        let is_index =
            |image: &(Digest, Option<ImageNow>)| image.1.as_ref().is_some_and(|one| one.is_index);
        images.sort_by_key(is_index);
        Ok(Self {
            session,
            console,
            repository,
            images,
            releasing,
        })
    }

    /// Says what would be done.
    pub(super) fn tell(
        &self,
        listed: &[QuarantinedImage],
        is_restored: bool,
    ) -> Result<(), String> {
        let until: Timestamp = self.releasing.until;
        self.console
            .say(&format!("release from quarantine until {until}:"))?;
        for (digest, image) in &self.images {
            self.console
                .say(&format!("  {}", named(self.repository, digest)))?;
            if let Some(entry) = listed.iter().find(|one| one.digest == *digest) {
                self.console.say(&format!("    {}", state_of(entry)))?;
            }
            let becomes = match image {
                None => "ECR has no such image any more",
                Some(image) if !image.is_archived() => "not in the archive",
                Some(_) if is_restored => {
                    "restore it from the archive, which takes up to 20 minutes"
                }
                Some(_) => "leave it in the archive",
            };
            self.console.say(&format!("    {becomes}"))?;
        }
        Ok(())
    }

    /// Asks, and does it.
    pub(super) async fn with_consent(
        &self,
        consent: ConsentArguments,
        is_restored: bool,
    ) -> Result<Status, String> {
        match self.console.consent(consent)? {
            Consent::Given => {}
            Consent::NotWanted => return Ok(Status::Allowed),
            Consent::Refused => return Ok(Status::Denied),
        }
        // All of it first: what is restored and not released is archived again.
        for (digest, _) in &self.images {
            self.write_down(digest).await?;
        }
        let mut status = Status::Allowed;
        if is_restored {
            for (digest, image) in &self.images {
                if image.as_ref().is_some_and(ImageNow::is_archived) {
                    status = status.or(self.restore(digest).await?);
                }
            }
        }
        Ok(status)
    }

    async fn write_down(&self, digest: &Digest) -> Result<(), String> {
        let image = (self.repository, digest);
        let writer = self.session.writer();
        let longer = self
            .session
            .ledger()
            .release_for(image, self.releasing, writer)
            .await;
        let name = named(self.repository, digest);
        match longer.map_err(text)? {
            None => self.console.say(&format!("released: {name}")),
            Some(longer) => self.console.say(&format!(
                "released: {name}, by {} already, until {}",
                quoted(&longer.by),
                longer.until
            )),
        }
    }

    async fn restore(&self, digest: &Digest) -> Result<Status, String> {
        let action = Action::ArchiveImage(self.repository.clone(), digest.clone());
        let Some(back) = action.reverse() else {
            return Ok(Status::Denied);
        };
        let (ledger, writer) = (self.session.ledger(), self.session.writer());
        let Releasing { reason, ticket, .. } = self.releasing;
        ledger
            .undoing(&action, reason, ticket, writer)
            .await
            .map_err(text)?;
        let name = named(self.repository, digest);
        match reverse(self.session.clients, &back).await {
            Ok(Reversed::Gone) => {
                self.console.say(&format!("gone: {name}"))?;
                return Ok(Status::Allowed);
            }
            Ok(Reversed::Active | Reversed::Registered(_)) => {
                self.console
                    .say(&format!("restored: {name} can be pulled"))?;
            }
            Ok(Reversed::Activating) => self.console.say(&format!(
                "restoring: {name} can be pulled within 20 minutes; until then ECR says ACTIVATING"
            ))?,
            Err(error) => {
                self.console.say(&format!(
                    "failed: {name} is released and still in the archive: {error}"
                ))?;
                return Ok(Status::Unusable);
            }
        }
        ledger.undone(&action, None, writer).await.map_err(text)?;
        Ok(Status::Allowed)
    }
}

/// Whether an entry is one of a quarantine that holds.
pub(super) fn is_held(entry: &QuarantinedImage) -> bool {
    matches!(entry.state, Quarantined::Held { .. })
}
