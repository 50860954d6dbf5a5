//! What time alone changes, no event announces: a schedule's turn.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use tidewaiter_aws::{
    CallError, Due, Reviewed, gather_quarantined,
    ledger::{Deletion, Quarantined, QuarantinedImage},
};
use tidewaiter_events::{Event, Origin, Scanned};
use tidewaiter_report::{Alert, Failure, Fate};
use tidewaiter_rules::{
    Effect, Facts, Subject, decide,
    facts::{Image, Quarantine, ScanState, Scanner, SubjectKind},
    ledger,
    names::{Digest, Repository},
    plan,
};

use super::{Guard, HandleError, Line, acting::Acted, judged::Judged};

/// How many repositories a turn looks at: what runs is asked for each, and Lambda gives five minutes.
/// Where there are more, the next day goes on with the others.
const REPOSITORIES: usize = 20;

const DAY: i64 = 86_400;

/// Images of one repository that are in quarantine.
#[derive(Debug, Default)]
struct Held {
    all: BTreeSet<Digest>,
    /// Those whose days are over.
    due: Vec<Due>,
}

impl Guard {
    pub(super) async fn review(&self, origin: &Origin, line: &mut Line) -> Result<(), HandleError> {
        line.event = origin.id.clone().unwrap_or_default();
        line.outcome = "reviewed";
        let Some(time) = origin.time else {
            "the schedule gives no time".clone_into(&mut line.reason);
            return Ok(());
        };
        if self.function.subject == SubjectKind::Image {
            // Whoever may invoke a function may say that it is next year.
            let time = time.min((self.now)());
            let reviewed = self.review_quarantine(origin, time, line).await;
            // What fails of one is no reason to leave the other.
            return reviewed.and(self.review_open(line).await);
        }
        self.review_waivers(time).await?;
        // Another attempt would tell of the waivers once more, and the next turn comes to the same.
        if let Err(error) = self.review_open(line).await {
            "not all that is open could be looked at".clone_into(&mut line.reason);
            self.warn_of(&error);
        }
        Ok(())
    }

    /// Tells of waivers that end.
    async fn review_waivers(&self, time: Timestamp) -> Result<(), HandleError> {
        let waivers = self.settings.policy.waivers().iter();
        let due = waivers.filter_map(|waiver| Some((waiver, waiver.reminder(time)?)));
        let home = self.settings.clients.home();
        match Alert::of_waivers(due.collect(), time, self.settings.mode, home) {
            Some(alert) => self.publish(&alert).await,
            None => Ok(()),
        }
    }

    /// Judges the images whose days in quarantine are over. What fails of one is no reason to leave the
    /// others; where time can help, the turn comes again.
    async fn review_quarantine(
        &self,
        origin: &Origin,
        time: Timestamp,
        line: &Line,
    ) -> Result<(), HandleError> {
        let Some(days) = self.settings.policy.method().deletes_after() else {
            return Ok(());
        };
        let listed = self.ledger().all_quarantined(time).await?;
        let held = by_repository(listed, time, i64::from(days));
        let held: Vec<(Repository, Held)> = held
            .into_iter()
            .filter(|(_, held)| !held.due.is_empty())
            .collect();
        let turn = usize::try_from(time.as_second().div_euclid(DAY)).unwrap_or(0);
        let first = (turn * REPOSITORIES).checked_rem(held.len()).unwrap_or(0);
        let mut result = Ok(());
        for (repository, held) in held
            .iter()
            .cycle()
            .skip(first)
            .take(held.len().min(REPOSITORIES))
        {
            if let Err(error) = self
                .review_repository(origin, time, repository, held, line)
                .await
            {
                tracing::error!(function = self.function.name, %error, repository = repository.name(), "a repository could not be reviewed");
                result = Err(error);
            }
        }
        result
    }

    async fn review_repository(
        &self,
        origin: &Origin,
        time: Timestamp,
        repository: &Repository,
        held: &Held,
        line: &Line,
    ) -> Result<(), HandleError> {
        let clients = &self.settings.clients;
        let reviewed = gather_quarantined(
            clients,
            self.ledger(),
            repository,
            held.due.clone(),
            &held.all,
            time,
        )
        .await;
        let reviewed = match reviewed {
            Ok(reviewed) => reviewed,
            Err(error) if error.is_transient() => return Err(error.into()),
            Err(error) => return self.tell_unreviewed(repository, &error).await,
        };
        let mut result = Ok(());
        for one in reviewed {
            let done = match one {
                Reviewed::Facts(facts) => self.review_image(origin, *facts, false, line).await,
                Reviewed::Deleted(facts) => self.review_image(origin, *facts, true, line).await,
                // Not to be looked for every day.
                Reviewed::Gone(digest) => self.note_gone(repository, &digest, line).await,
                // Its own event says so.
                Reviewed::Back(_) => Ok(()),
            };
            result = result.and(done);
        }
        result
    }

    /// Judges an image whose days are over, or tells of its deletion where it `is_gone`.
    async fn review_image(
        &self,
        origin: &Origin,
        facts: Facts,
        is_gone: bool,
        turn: &Line,
    ) -> Result<(), HandleError> {
        let Subject::Image(image) = &facts.subject else {
            return Ok(());
        };
        let Some(digest) = image.digest.clone() else {
            return Ok(());
        };
        let (event, repository) = (seen(origin, image), image.repository.clone());
        let start = std::time::Instant::now();
        let mut line = Line {
            request_id: turn.request_id.clone(),
            event: turn.event.clone(),
            ..Line::default()
        };
        let mut result = if is_gone {
            self.tell_deleted(&event, &facts, &mut line).await
        } else {
            self.act(None, &event, facts, &mut line).await
        };
        // Not before it is told: who dies in between leaves it to the next review.
        if result.is_ok() && (is_gone || line.is_deleted) {
            result = self.note_gone(&repository, &digest, &line).await;
        }
        if let Err(error) = &result {
            line.retry(error.to_string());
        }
        self.log(&line, start);
        result
    }

    /// Tells of a deletion that nobody told of: who began it was ended in between, or could not reach SNS.
    async fn tell_deleted(
        &self,
        event: &Event,
        facts: &Facts,
        line: &mut Line,
    ) -> Result<(), HandleError> {
        line.outcome = "gone";
        line.subject = facts.subject.id();
        let policy = &self.settings.policy;
        let decision = decide(facts, policy);
        let mode = policy.mode(facts, self.settings.mode);
        let home = self.settings.clients.home();
        let plan = plan(&decision, facts, mode, Some(home));
        let [step] = plan.steps.as_slice() else {
            "the policy has nothing deleted by now".clone_into(&mut line.reason);
            return Ok(());
        };
        let recorded = self.ledger().action(&step.action, (self.now)()).await?;
        let Some(begun) = recorded.and_then(|recorded| recorded.begun) else {
            return Ok(());
        };
        let key = ledger::Key::alert(facts);
        let incident = self.ledger().incident(&key, self.writer(line)).await?;
        if incident.is_some_and(|incident| incident.is_told_since(begun)) && !self.was_heard(&key) {
            return Ok(());
        }
        // Who began it is not asked whether it came to its end: it is gone.
        let effect = Effect::Done;
        let finished = self.ledger().finish(step, &effect, self.writer(line)).await;
        let acted = Acted {
            effects: vec![effect],
            begun: Some(begun),
            unrecorded: finished.err(),
            ..Acted::default()
        };
        line.judged(facts, &decision, &plan, &acted.effects);
        let judged = Judged {
            event,
            facts,
            decision: &decision,
            plan: &plan,
            acted: &acted,
            untold: None,
            refused: None,
            comes_again: true,
        };
        let kept = self.tell_judged(&judged, line).await?;
        acted
            .unrecorded
            .map_or_else(|| kept.written(), |error| Err(error.into()))
    }

    /// Writes down that nothing is left to tell of an image that is gone.
    async fn note_gone(
        &self,
        repository: &Repository,
        digest: &Digest,
        line: &Line,
    ) -> Result<(), HandleError> {
        let (image, writer) = ((repository, digest), self.writer(line));
        self.ledger()
            .deletion(image, Deletion::Done, writer)
            .await?;
        Ok(())
    }

    async fn tell_unreviewed(
        &self,
        repository: &Repository,
        error: &CallError,
    ) -> Result<(), HandleError> {
        let error = format!(
            "images of `{}` whose days in quarantine are over could not be looked at: {error}",
            repository.name()
        );
        let alert = Alert::of_failure(&Failure {
            event: None,
            error: &error,
            fate: Fate::Handled,
            mode: self.settings.mode,
            home: self.settings.clients.home(),
        });
        self.publish(&alert).await
    }
}

/// What a turn of the schedule sees of an image, as an event.
fn seen(origin: &Origin, image: &Image) -> Event {
    Event::Scanned(Box::new(Scanned {
        origin: origin.clone(),
        repository: image.repository.clone(),
        digest: image.digest.clone(),
        tags: image.tags.clone(),
        scanner: Scanner::Basic,
        state: ScanState::Archived,
        counts: BTreeMap::new(),
    }))
}

/// What is in quarantine, by repository, without what has been deleted from there.
fn by_repository(
    listed: Vec<QuarantinedImage>,
    now: Timestamp,
    days: i64,
) -> BTreeMap<Repository, Held> {
    let mut repositories: BTreeMap<Repository, Held> = BTreeMap::new();
    for QuarantinedImage {
        repository,
        digest,
        state,
        ..
    } in listed
    {
        let Quarantined::Held {
            reason,
            since,
            deletion,
            ..
        } = state
        else {
            continue;
        };
        if deletion == Some(Deletion::Done) {
            continue;
        }
        let held = repositories.entry(repository).or_default();
        held.all.insert(digest.clone());
        // The rule decides; what is not due costs no call.
        let age = since.map(|since| now.duration_since(since));
        if age.is_some_and(|age| age >= SignedDuration::from_hours(24 * days)) {
            let quarantine = Quarantine {
                since,
                reason,
                elsewhere: None,
                is_untold: false,
            };
            held.due.push(Due {
                digest,
                quarantine,
                deletion,
            });
        }
    }
    repositories
}
