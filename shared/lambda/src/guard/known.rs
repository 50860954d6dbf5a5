//! What the ledger knows of an image that comes in, before any scan is asked for.

use jiff::Timestamp;
use tidewaiter_aws::{
    CallError,
    ledger::{Quarantined, Release},
    platforms_of,
};
use tidewaiter_events::Pushed;
use tidewaiter_rules::{
    Facts, Subject,
    facts::{Quarantine, Scan, ScanState, Scanner},
    ledger::{self, Hold},
    names::Digest,
};

use super::{Guard, Line};

/// What the ledger knows of an image that was pushed or restored.
#[derive(Debug)]
pub(super) enum Known {
    /// Nothing that would tell whether it may be there: earlier scans may.
    Nothing,
    /// It is in quarantine, or an index that leads to what is: to be judged by that.
    Held(Box<Facts>),
    /// The same image is in quarantine in another repository: to be judged by that where no scan tells.
    HeldElsewhere(Box<Facts>),
    /// Somebody released it.
    Released(Release),
}

impl Guard {
    /// Looks up an image, and what it leads to where it is an index.
    pub(super) async fn known(&self, pushed: &Pushed) -> Result<Known, CallError> {
        let repository = &pushed.image.repository;
        let clients = &self.settings.clients;
        let digest = match &pushed.image.digest {
            Some(digest) if repository.place() == clients.home() => digest,
            _ => return Ok(Known::Nothing),
        };
        let listed = self
            .ledger()
            .quarantined_anywhere(digest, (self.now)())
            .await?;
        let mut elsewhere = None;
        for entry in listed {
            if entry.repository == *repository {
                if let Some(release) = entry.state.release_in_force() {
                    return Ok(Known::Released(release.clone()));
                }
                if let Some(quarantine) = entry.state.of_its_own(None) {
                    return Ok(Known::Held(Box::new(self.held(pushed, digest, quarantine))));
                }
            } else if entry.repository.place() == repository.place() {
                elsewhere = elsewhere.or(entry.state.of_its_own(Some(entry.repository)));
            }
        }
        if pushed.may_be_index {
            for child in platforms_of(clients, repository, digest).await? {
                let known = self
                    .ledger()
                    .quarantined(repository, &child, (self.now)())
                    .await?;
                if let Some(quarantine) = known.and_then(|known| known.of_its_own(None)) {
                    return Ok(Known::Held(Box::new(self.held(pushed, &child, quarantine))));
                }
            }
        }
        Ok(elsewhere.map_or(Known::Nothing, |quarantine| {
            Known::HeldElsewhere(Box::new(self.held(pushed, digest, quarantine)))
        }))
    }

    /// The facts of an image that is judged by its quarantine. A tag of the event is the pushed digest's,
    /// which may be an index that leads to it.
    fn held(&self, pushed: &Pushed, digest: &Digest, quarantine: Quarantine) -> Facts {
        let scan = Scan::counted(Scanner::Basic, ScanState::NotFound, [].into());
        let mut facts = pushed.facts(scan);
        facts.observed_at.get_or_insert_with(self.now);
        if let Subject::Image(image) = &mut facts.subject
            && image.digest.as_ref() != Some(digest)
        {
            image.digest = Some(digest.clone());
            image.tags.clear();
        }
        hold(&mut facts, quarantine);
        facts
    }

    /// The release that keeps a denied image, or an index that leads to it, from being acted on.
    pub(super) async fn release_in_force(&self, facts: &Facts) -> Result<Option<Hold>, CallError> {
        let Subject::Image(image) = &facts.subject else {
            return Ok(None);
        };
        let indexes = image.surroundings.family.known();
        let indexes = indexes.into_iter().flat_map(|family| &family.indexes);
        let digests = image
            .digest
            .iter()
            .chain(indexes.map(|index| &index.digest));
        for digest in digests {
            let ledger = self.ledger();
            let known = ledger
                .quarantined(&image.repository, digest, (self.now)())
                .await?;
            if let Some(Release { by, reason, until }) =
                known.and_then(|known| known.release_in_force().cloned())
            {
                return Ok(Some(Hold::Released { by, reason, until }));
            }
        }
        Ok(None)
    }
}

impl Guard {
    /// Has an image be judged by the quarantine that a function put it into, where nobody has told of that
    /// since: who did was ended in between, or could not reach SNS. Gives when that was begun; `None` where
    /// there is nothing to tell.
    pub(super) async fn untold(
        &self,
        facts: &mut Facts,
        line: &Line,
    ) -> Result<Option<Timestamp>, CallError> {
        let Subject::Image(image) = &facts.subject else {
            return Ok(None);
        };
        let Some(digest) = &image.digest else {
            return Ok(None);
        };
        let ledger = self.ledger();
        let known = ledger
            .quarantined(&image.repository, digest, (self.now)())
            .await?;
        let Some(Quarantined::Held {
            begun: Some(begun), ..
        }) = known
        else {
            return Ok(None);
        };
        let Some(mut quarantine) = known.and_then(|known| known.of_its_own(None)) else {
            return Ok(None);
        };
        quarantine.is_untold = true;
        let key = ledger::Key::alert(facts);
        let incident = ledger.incident(&key, self.writer(line)).await?;
        let is_told =
            incident.is_some_and(|incident| incident.is_told_since(begun)) && !self.was_heard(&key);
        if is_told {
            return Ok(None);
        }
        hold(facts, quarantine);
        Ok(Some(begun))
    }
}

/// Has an image be judged by its quarantine, and not by a scan.
fn hold(facts: &mut Facts, quarantine: Quarantine) {
    if let Subject::Image(image) = &mut facts.subject {
        image.scan = Scan::counted(image.scan.scanner, ScanState::NotFound, [].into());
        image.quarantine = Some(quarantine);
    }
}

/// Whether the facts are of an image that is judged by its quarantine.
pub(super) fn is_held(facts: &Facts) -> bool {
    matches!(&facts.subject, Subject::Image(image) if image.quarantine.is_some())
}
