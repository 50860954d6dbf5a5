//! What is still open, once a day: whether it is over without that anything announced it, and whether
//! somebody may have forgotten it.

use jiff::Timestamp;
use tidewaiter_aws::{CallError, Gathered, gather, gather_barred, gather_whether_used};
use tidewaiter_events::{Event, Origin, Principal, Registered, Scanned};
use tidewaiter_report::{Incident, Over, Reason, Seen, Standing};
use tidewaiter_rules::{
    Facts, Subject, decide,
    facts::{ScanState, Scanner},
    ledger::{AlertSubject, Key},
    names::{Digest, Repository, TaskDefinitionArn},
};

use super::{Guard, HandleError, Line, ending};

/// How many incidents a turn looks at: each costs AWS a read or two, and Lambda gives two minutes. Where
/// there are more, the next day goes on with the others.
const MOST: usize = 300;

const DAY: i64 = 86_400;

impl Guard {
    /// Looks at what is open. What fails of one is no reason to leave the others; where time can help, the
    /// turn comes again.
    pub(super) async fn review_open(&self, turn: &Line) -> Result<(), HandleError> {
        let now = (self.now)();
        let kind = self.function.subject.name();
        let known = self.ledger().incidents(kind, self.writer(turn)).await?;
        let mut open: Vec<(Key, AlertSubject, Incident)> = Vec::new();
        for (key, incident) in known {
            let is_open = match incident.standing {
                Standing::Telling | Standing::Told | Standing::Resolving => true,
                Standing::Resolved | Standing::Over => false,
            };
            if let Some(subject) = key.alert_subject().filter(|_| is_open) {
                open.push((key, subject, incident));
            }
        }
        let day = usize::try_from(now.as_second().div_euclid(DAY)).unwrap_or(0);
        let first = day
            .saturating_mul(MOST)
            .checked_rem(open.len())
            .unwrap_or(0);
        let mut result = Ok(());
        let turns = open.iter().cycle().skip(first);
        for (key, subject, incident) in turns.take(open.len().min(MOST)) {
            let mut line = Line {
                request_id: turn.request_id.clone(),
                event: turn.event.clone(),
                ..Line::default()
            };
            let looked_at = self
                .look_at_open(key, subject, incident, now, &mut line)
                .await;
            if let Err(error) = looked_at {
                tracing::error!(function = self.function.name, %error, subject = key.part(), "something that is open could not be looked at");
                result = Err(error);
            }
        }
        result
    }

    async fn look_at_open(
        &self,
        key: &Key,
        subject: &AlertSubject,
        incident: &Incident,
        now: Timestamp,
        line: &mut Line,
    ) -> Result<(), HandleError> {
        let over = match subject {
            AlertSubject::Revision(revision) => self.revision_is_over(revision, now).await,
            AlertSubject::Image(repository, digest) => {
                self.image_is_over(repository, digest, now).await
            }
        };
        // That it cannot be read is no reason to forget it.
        let (over, unread) = match over {
            Ok(over) => (over, None),
            Err(error) => (None, Some(error)),
        };
        let alerting = self.settings.policy.alerting();
        let severity = incident.severity();
        let after = severity.and_then(|severity| alerting.reminds_after(severity));
        let seen = match &over {
            Some(over) => Seen::Well(over),
            None => Seen::Turn(after),
        };
        self.tell(key, &seen, None, line).await?.written()?;
        match unread {
            Some(error) if error.is_transient() => Err(error.into()),
            Some(error) => {
                self.warn(&error, "could not find out whether something is still so");
                Ok(())
            }
            None => Ok(()),
        }
    }

    async fn revision_is_over(
        &self,
        revision: &TaskDefinitionArn,
        now: Timestamp,
    ) -> Result<Option<Over>, CallError> {
        let event = Event::Registered(Box::new(Registered {
            origin: Origin {
                id: None,
                time: Some(now),
                place: Some(revision.place().clone()),
            },
            principal: Principal::default(),
            definition: None,
            arn: Some(revision.clone()),
            family: Some(revision.family().to_owned()),
        }));
        let clients = &self.settings.clients;
        if revision.place() != clients.home() {
            return Ok(None);
        }
        let mut facts = match gather(clients, &event).await? {
            Gathered::Facts(facts) => *facts,
            Gathered::Gone => return Ok(Some(Over::of(Reason::Deleted))),
            Gathered::NotScanned => return Ok(None),
        };
        if let Subject::TaskDefinition(definition) = &facts.subject
            && definition.is_inactive()
        {
            return Ok(Some(Over::of(Reason::Deregistered)));
        }
        gather_barred(clients, &self.ledger(), &mut facts, now).await?;
        Ok(self.over_by_policy(&facts))
    }

    async fn image_is_over(
        &self,
        repository: &Repository,
        digest: &Digest,
        now: Timestamp,
    ) -> Result<Option<Over>, CallError> {
        let clients = &self.settings.clients;
        if repository.place() != clients.home() {
            return Ok(None);
        }
        let event = Event::Scanned(Box::new(Scanned {
            origin: Origin {
                id: None,
                time: Some(now),
                place: Some(repository.place().clone()),
            },
            repository: repository.clone(),
            digest: Some(digest.clone()),
            tags: Vec::new(),
            scanner: Scanner::Basic,
            state: ScanState::NotFound,
            counts: std::collections::BTreeMap::new(),
        }));
        let facts = match gather(clients, &event).await? {
            Gathered::Facts(facts) => *facts,
            Gathered::Gone => return Ok(Some(Over::of(Reason::Deleted))),
            Gathered::NotScanned => return Ok(None),
        };
        let Subject::Image(image) = &facts.subject else {
            return Ok(None);
        };
        if image.scan.state == ScanState::Archived {
            let is_used =
                gather_whether_used(clients, self.ledger(), now, repository, digest).await?;
            return Ok((!is_used).then(|| Over::of(Reason::Contained)));
        }
        Ok(self.over_by_policy(&facts))
    }

    fn over_by_policy(&self, facts: &Facts) -> Option<Over> {
        let decision = decide(facts, &self.settings.policy);
        ending::over_by_decision(facts, &decision)
    }
}
