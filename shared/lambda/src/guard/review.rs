//! What time alone changes, no event announces: a schedule's turn.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use tidewaiter_aws::{
    CallError, Reviewed, gather_quarantined,
    ledger::{Quarantined, QuarantinedImage},
};
use tidewaiter_events::{Event, Origin, Scanned};
use tidewaiter_report::{Alert, Failure, Fate};
use tidewaiter_rules::{
    Facts, Subject,
    facts::{Quarantine, ScanState, Scanner, SubjectKind},
    names::{Digest, Repository},
};

use super::{Guard, HandleError, Line};

/// How many repositories a turn looks at: what runs is asked for each, and Lambda gives five minutes.
/// Where there are more, the next day goes on with the others.
const REPOSITORIES: usize = 20;

const DAY: i64 = 86_400;

/// Images of one repository that are in quarantine.
#[derive(Debug, Default)]
struct Held {
    all: BTreeSet<Digest>,
    /// Those whose days are over.
    due: Vec<(Digest, Quarantine)>,
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
                Reviewed::Facts(facts) => self.review_image(origin, *facts, line).await,
                // Not to be looked for every day.
                Reviewed::Gone(digest) => {
                    let image = (repository, &digest);
                    let noted = self.ledger().deletion(image, true, self.writer(line)).await;
                    noted.map(|_| ()).map_err(HandleError::from)
                }
                // Its own event says so.
                Reviewed::Back(_) => Ok(()),
            };
            result = result.and(done);
        }
        result
    }

    async fn review_image(
        &self,
        origin: &Origin,
        facts: Facts,
        turn: &Line,
    ) -> Result<(), HandleError> {
        let start = std::time::Instant::now();
        let mut line = Line {
            request_id: turn.request_id.clone(),
            event: turn.event.clone(),
            ..Line::default()
        };
        let Subject::Image(image) = &facts.subject else {
            return Ok(());
        };
        let event = Event::Scanned(Box::new(Scanned {
            origin: origin.clone(),
            repository: image.repository.clone(),
            digest: image.digest.clone(),
            tags: image.tags.clone(),
            scanner: Scanner::Basic,
            state: ScanState::Archived,
            counts: BTreeMap::new(),
        }));
        let result = self.act(None, &event, facts, &mut line).await;
        if let Err(error) = &result {
            line.retry(error.to_string());
        }
        self.log(&line, start);
        result
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
            is_deleted: false,
            ..
        } = state
        else {
            continue;
        };
        let held = repositories.entry(repository).or_default();
        held.all.insert(digest.clone());
        // The rule decides; what is not due costs no call.
        let age = since.map(|since| now.duration_since(since));
        if age.is_some_and(|age| age >= SignedDuration::from_hours(24 * days)) {
            let elsewhere = None;
            held.due.push((
                digest,
                Quarantine {
                    since,
                    reason,
                    elsewhere,
                    is_untold: false,
                },
            ));
        }
    }
    repositories
}
