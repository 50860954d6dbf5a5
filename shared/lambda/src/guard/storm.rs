//! Events that come by the thousand: a batch of messages from a queue, one evaluation a digest.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use tidewaiter_events::Found;
use tokio::time::{Instant, timeout_at};

use super::{Alert, Event, Failure, Fate, Guard, Line, Metric, Read};
use crate::batch::{Batch, Failures, Message};

/// Digests in a row that could not be judged for now, after which the rest of a batch waits too:
/// what AWS refuses to three it refuses to the others, and each attempt makes that worse.
const STOP_AFTER: usize = 3;

/// What has been judged by this process, and when.
#[derive(Debug, Default)]
pub(super) struct Recent(BTreeMap<String, Timestamp>);

impl Recent {
    /// An entry is some 200 bytes.
    const MOST: usize = 10_000;

    /// How long a finding may be announced before ECR answers with it.
    const DELAY: SignedDuration = SignedDuration::from_secs(60);

    /// Whether the findings of this digest have been read since the event came about: then it has
    /// nothing new to tell.
    fn covers(&self, group: &Group<'_>) -> bool {
        let read = self.0.get(&group.subject);
        match (read, group.latest) {
            (Some(read), Some(latest)) if !group.is_untimed => {
                read.duration_since(latest) >= Self::DELAY
            }
            _ => false,
        }
    }

    fn note(&mut self, subject: String, read: Timestamp) {
        if self.0.len() >= Self::MOST {
            self.0.clear();
        }
        self.0.insert(subject, read);
    }
}

/// The events about one digest.
struct Group<'a> {
    subject: String,
    /// The one that stands for all: the worst finding, and of these the latest. One leads to all
    /// findings being read, so that the others would have nothing to add.
    event: Event,
    body: &'a str,
    messages: Vec<&'a Message>,
    latest: Option<Timestamp>,
    is_untimed: bool,
}

/// What a batch came to.
#[derive(Default)]
struct Sum {
    subjects: usize,
    ignored: usize,
    /// Subjects that had been judged since.
    known: usize,
    put_aside: usize,
    /// The first of those, as far as it could be read, and why it was put aside.
    first: Option<(Option<Event>, String)>,
}

impl Sum {
    fn note_aside(&mut self, event: Option<Event>, reason: String) {
        self.put_aside += 1;
        self.first.get_or_insert((event, reason));
    }
}

/// A message that no attempt can help, the event in it where it could be read, and why.
type Hopeless<'a> = (&'a Message, Option<Event>, String);

impl Guard {
    /// Handles a batch of messages until `end`; the answer says which have to be delivered again.
    /// The events about one digest are judged once, and fail together and with no other.
    pub async fn handle_batch(&self, batch: &Batch, request_id: &str, end: Instant) -> Failures {
        let start = std::time::Instant::now();
        self.tell_setup().await;
        let mut failures = Failures::default();
        let mut sum = Sum::default();
        let mut aside = Vec::new();
        let groups = self.sorted(batch, &mut sum, &mut aside);
        sum.subjects = groups.len();
        let mut in_row = 0;
        for group in groups {
            if self.recent.borrow().covers(&group) {
                sum.known += 1;
                continue;
            }
            let may_try = in_row < STOP_AFTER && Instant::now() < end;
            if may_try && self.handle_group(&group, request_id, end, &mut sum).await {
                in_row = 0;
                continue;
            }
            in_row += 1;
            for message in &group.messages {
                failures.add(&message.id);
            }
        }
        self.give_up_all(aside, &mut sum, &mut failures).await;
        self.count(Metric::Ignored, sum.ignored + sum.known);
        self.count(Metric::Retries, failures.len());
        tracing::info!(
            function = self.function.name,
            mode = self.settings.mode.name(),
            request_id,
            messages = batch.messages.len(),
            ignored = sum.ignored,
            subjects = sum.subjects,
            known = sum.known,
            put_aside = sum.put_aside,
            returned = failures.len(),
            duration_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX),
            "batch"
        );
        failures
    }

    /// The events by what they are about, in the order in which that came first; what cannot be
    /// handled into `aside`.
    fn sorted<'a>(
        &self,
        batch: &'a Batch,
        sum: &mut Sum,
        aside: &mut Vec<Hopeless<'a>>,
    ) -> Vec<Group<'a>> {
        let mut groups: Vec<Group<'a>> = Vec::new();
        let mut places: BTreeMap<String, usize> = BTreeMap::new();
        for message in &batch.messages {
            let event = match self.read(&message.body) {
                Read::Event(event) => event,
                Read::Hopeless(event, reason) => {
                    aside.push((message, event, reason));
                    continue;
                }
                Read::Ignored(_) | Read::Review(_) | Read::Deregistered(_) => {
                    sum.ignored += 1;
                    continue;
                }
            };
            let subject = match &event {
                Event::Found(found) => subject(found),
                // Others are not of one kind with it, and each tells its own.
                _ => format!("message {}", message.id),
            };
            let place = *places.entry(subject.clone()).or_insert(groups.len());
            match groups.get_mut(place) {
                Some(group) => group.add(event, message),
                None => groups.push(Group::new(subject, event, message)),
            }
        }
        groups
    }

    /// Whether the group is dealt with; if not, its messages have to come again.
    async fn handle_group(
        &self,
        group: &Group<'_>,
        request_id: &str,
        end: Instant,
        sum: &mut Sum,
    ) -> bool {
        let start = std::time::Instant::now();
        // What is read from now on holds for every event up to now.
        let read = (self.now)();
        let mut line = Line {
            // A batch that is delivered again has a new request id, and a message keeps its own: by it
            // the ledger knows who had begun.
            request_id: group
                .messages
                .first()
                .map_or(request_id, |message| message.id.as_str())
                .to_owned(),
            ..Line::default()
        };
        let evaluated = timeout_at(end, self.evaluate(group.body, &group.event, &mut line)).await;
        let hopeless = match evaluated {
            Ok(Ok(hopeless)) => hopeless,
            Ok(Err(error)) => {
                line.retry(error.to_string());
                self.log(&line, start);
                return false;
            }
            Err(_) => {
                line.retry("the time that Lambda gives an invocation is over".to_owned());
                self.log(&line, start);
                return false;
            }
        };
        if let Some(reason) = hopeless {
            if let Err(error) = self.put_aside(group.body, &reason, &mut line).await {
                line.retry(error.to_string());
                self.log(&line, start);
                return false;
            }
            sum.note_aside(Some(group.event.clone()), reason);
        }
        self.log(&line, start);
        // What is put aside comes back once somebody has mended what was in its way.
        if line.outcome != "dead-letter" {
            self.recent.borrow_mut().note(group.subject.clone(), read);
        }
        true
    }

    /// Puts aside what no further attempt can help, and tells of all of it at once.
    async fn give_up_all(&self, aside: Vec<Hopeless<'_>>, sum: &mut Sum, failures: &mut Failures) {
        let mut line = Line::default();
        for (message, event, reason) in aside {
            match self.put_aside(&message.body, &reason, &mut line).await {
                Ok(()) => sum.note_aside(event, reason),
                Err(error) => {
                    tracing::error!(function = self.function.name, %error, "cannot put a message aside");
                    failures.add(&message.id);
                }
            }
        }
        let Some((event, reason)) = sum.first.take() else {
            return;
        };
        let error = match sum.put_aside {
            1 => reason,
            count => format!("{count} events of one batch; the first: {reason}"),
        };
        let alert = Alert::of_failure(&Failure {
            event: event.as_ref(),
            error: &error,
            fate: Fate::DeadLetter,
            mode: self.settings.mode,
            home: self.settings.clients.home(),
        });
        // They are in the dead-letter queue, whose alarm rings too: once more would only double them.
        if let Err(error) = self.publish(&alert).await {
            tracing::error!(function = self.function.name, %error, "cannot tell of events put aside");
        }
    }
}

impl<'a> Group<'a> {
    fn new(subject: String, event: Event, message: &'a Message) -> Self {
        let time = event.origin().time;
        Self {
            subject,
            event,
            body: &message.body,
            messages: vec![message],
            latest: time,
            is_untimed: time.is_none(),
        }
    }

    fn add(&mut self, event: Event, message: &'a Message) {
        let time = event.origin().time;
        self.latest = self.latest.max(time);
        self.is_untimed |= time.is_none();
        self.messages.push(message);
        if rank(&event) < rank(&self.event) {
            self.event = event;
            self.body = &message.body;
        }
    }
}

/// The digest, or where AWS left that out, the repository.
fn subject(found: &Found) -> String {
    let image = &found.image;
    let digest = image.digest.as_ref().map_or("", |digest| digest.as_str());
    format!("{}@{digest}", image.repository.arn())
}

/// The smaller, the sooner it stands for its group. Nothing of it depends on the order of delivery.
fn rank(event: &Event) -> impl Ord {
    let severity = match event {
        Event::Found(found) => Some(found.vulnerability.severity.clone()),
        _ => None,
    };
    let origin = event.origin();
    (severity, std::cmp::Reverse(origin.time), origin.id.clone())
}
