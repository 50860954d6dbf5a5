//! `tidewaiter redrive`: what lies in the dead-letter queues of a stack, and back to where it came from.
//!
//! A message is sent first and removed from its queue once it was accepted, so that whoever is killed in
//! between loses none, and one may go back twice. That does no harm: the ledger knows what was done and told.

mod chosen;
mod letter;
mod ways;
mod written;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;
use tidewaiter_aws::{
    Account, CallError, Clients, Letter, Letters, Waiting, inspect::StackResource, publish_text,
};
use tidewaiter_rules::names::quoted;
use tokio::time::{Instant, sleep};

use super::{Session, arguments::RedriveArguments, console::Console, text};
use crate::{Status, arguments::Format};
use chosen::{DeadLetters, Wanted, chosen};
use letter::{Back, Told};
use ways::SUFFIX;
use written::{Item, Outcome, Queue};

/// Seconds for which a message is hidden from others while it is looked at and sent. Whoever is killed
/// finds it in the queue again after that.
const HIDDEN: i32 = 30;

/// The same, for a look whether something came back.
const GLANCE: i32 = 5;

/// Between two such looks.
const PAUSE: Duration = Duration::from_secs(1);

/// One run of the command.
struct Run<'a> {
    letters: Letters,
    clients: &'a Clients,
    console: &'a Console,
    arguments: &'a RedriveArguments,
    wanted: Wanted<'a>,
    resources: &'a BTreeMap<String, StackResource>,
    /// The messages that were there before anything was sent, by their ids.
    seen: BTreeSet<String>,
    /// What was sent in this run: the event, and where it went to.
    sent: BTreeSet<(String, &'static str)>,
    /// What of it was seen to come back while there was still something to send.
    returned: BTreeSet<(String, &'static str)>,
    /// When the run began.
    begun: Timestamp,
}

/// Lists the queues, looks into some, or sends back what lies there.
pub(super) async fn redrive(
    session: &Session<'_>,
    account: &Account,
    arguments: &RedriveArguments,
    console: &Console,
) -> Result<Status, String> {
    let wanted = Wanted::of(arguments)?;
    let reading = console.progress("looking for the queues of the stack");
    let stack = arguments.account.stack.as_str();
    let resources = account.inspector().resources(stack).await.map_err(text)?;
    drop(reading);
    let queues: Vec<DeadLetters> = resources
        .iter()
        .filter_map(|(name, resource)| DeadLetters::of(name, resource))
        .collect();
    if queues.is_empty() {
        return Err(format!(
            "stack {} has no dead-letter queue: is it one of Tidewaiter? name it with `--stack`",
            quoted(stack)
        ));
    }
    let is_chosen = arguments.all || !arguments.queues.is_empty();
    let filters = arguments.only.is_some() || arguments.kind.is_some();
    if !is_chosen && (filters || arguments.yes) {
        return Err(
            "say which queue: `--queue NAME`, or `--all`; `tidewaiter redrive` alone lists them"
                .to_owned(),
        );
    }
    let mut run = Run {
        letters: account.letters(),
        clients: account.clients(),
        console,
        arguments,
        wanted,
        resources: &resources,
        seen: BTreeSet::new(),
        sent: BTreeSet::new(),
        returned: BTreeSet::new(),
        begun: session.now,
    };
    if !is_chosen {
        return run.list(session, &queues).await;
    }
    let chosen = chosen(&queues, arguments)?;
    if arguments.yes {
        tell_pause(session, console).await;
    }
    run.work(&queues, &chosen).await
}

/// Says that what is sent back is judged and not acted on. Who may not read the ledger sends all the same.
async fn tell_pause(session: &Session<'_>, console: &Console) {
    if let Ok(Some(pause)) = session.ledger().pause_in_force().await {
        console.note(&format!(
            "the functions are paused by {} ({}): what is sent back is judged and told, and not acted on",
            quoted(&pause.by),
            quoted(&pause.reason)
        ));
    }
}

impl Run<'_> {
    async fn list(&self, session: &Session<'_>, queues: &[DeadLetters]) -> Result<Status, String> {
        let reading = self.console.progress("counting messages");
        let mut counted: Vec<(&DeadLetters, Waiting)> = Vec::with_capacity(queues.len());
        for queue in queues {
            let waiting = self.letters.waiting(&queue.url).await;
            let waiting = waiting.map_err(|error| format!("{}: {error}", queue.name))?;
            counted.push((queue, waiting));
        }
        drop(reading);
        match self.arguments.format {
            Format::Json => {
                let list = written::list(&counted);
                self.console.print(&crate::json::text(&list)?)?;
            }
            Format::Text => {
                let home = session.clients.home();
                self.console.say(&format!(
                    "stack {} in account {}, {}",
                    quoted(&self.arguments.account.stack),
                    home.account(),
                    home.region()
                ))?;
                self.console.print(&written::counts(&counted))?;
            }
        }
        Ok(Status::Allowed)
    }

    async fn work(
        &mut self,
        queues: &[DeadLetters],
        chosen: &[&DeadLetters],
    ) -> Result<Status, String> {
        let mut done: Vec<Queue> = Vec::with_capacity(chosen.len());
        for queue in chosen {
            let looked = self.look_into(queue).await?;
            let is_stopped = looked.stopped;
            done.push(looked.queue);
            if is_stopped {
                break;
            }
        }
        if self.arguments.yes {
            let back = self.came_back(queues).await;
            for item in done.iter_mut().flat_map(|queue| &mut queue.messages) {
                let sent = item.told.back.map(|to| (item.key.clone(), to.name()));
                if item.outcome == Outcome::Sent && sent.is_some_and(|sent| back.contains(&sent)) {
                    item.outcome = Outcome::CameBack;
                }
            }
        }
        let status = written::status(&done, self.arguments);
        match self.arguments.format {
            Format::Json => self
                .console
                .print(&crate::json::text(&written::report(&done))?)?,
            Format::Text => self
                .console
                .print(&written::summary(&done, self.arguments))?,
        }
        Ok(status)
    }

    /// Looks at what lies in a queue and, where that is wanted, sends it back. What is not sent is given
    /// back to the queue.
    async fn look_into(&mut self, queue: &DeadLetters) -> Result<Looked, String> {
        let of_queue = |error: CallError| format!("{}: {error}", queue.name);
        let mut looked = Looked::at(&queue.name);
        let mut kept: Vec<Letter> = Vec::new();
        let most = usize::try_from(self.arguments.max).unwrap_or(usize::MAX);
        let mut count = 0_usize;
        self.heading(&queue.name)?;
        while !looked.stopped && !looked.queue.has_more {
            let taken = self.letters.take(&queue.url, HIDDEN).await;
            let taken = match taken {
                Ok(taken) => taken,
                Err(error) => {
                    self.give_back(queue, &kept).await;
                    return Err(of_queue(error));
                }
            };
            let before = self.seen.len();
            for letter in taken {
                let is_new = self.seen.insert(letter.id.clone());
                if is_new {
                    count += 1;
                }
                if !is_new || looked.stopped || count > most {
                    looked.queue.has_more |= count > most;
                    kept.push(letter);
                    continue;
                }
                let told = Told::of(&letter, queue.way);
                if !self.wanted.is_met_by(&told) {
                    looked.queue.others += 1;
                    kept.push(letter);
                    continue;
                }
                if self.has_returned(queue, &letter, &told) {
                    kept.push(letter);
                    continue;
                }
                let outcome = self.deal_with(queue, &letter, &told).await;
                if !outcome.is_removed() {
                    kept.push(letter.clone());
                }
                looked.stopped = matches!(
                    outcome,
                    Outcome::Failed {
                        will_go_on: false,
                        ..
                    }
                );
                let key = key(&letter);
                let item = Item { told, outcome, key };
                self.tell(&item)?;
                looked.queue.messages.push(item);
            }
            // The queue is empty, or what was taken first comes out of hiding.
            if self.seen.len() == before {
                break;
            }
        }
        self.give_back(queue, &kept).await;
        Ok(looked)
    }

    fn heading(&self, name: &str) -> Result<(), String> {
        match self.arguments.format {
            Format::Text => self.console.say(name),
            Format::Json => Ok(()),
        }
    }

    fn tell(&self, item: &Item) -> Result<(), String> {
        match self.arguments.format {
            Format::Text => self.console.print(&written::message(item)),
            Format::Json => Ok(()),
        }
    }

    /// Whether a message is what a function has just given up on again. Clocks differ, and then one is taken for
    /// a copy that was there before: it is left as well.
    fn has_returned(&mut self, queue: &DeadLetters, letter: &Letter, told: &Told) -> bool {
        let Some(Back::Function(function)) = told.back else {
            return false;
        };
        let sent = (key(letter), function);
        let is_new = letter.since.is_some_and(|since| since > self.begun);
        let is_own = queue.name.strip_suffix(SUFFIX) == Some(function);
        let is_back = is_new && is_own && self.sent.contains(&sent);
        if is_back {
            self.returned.insert(sent);
        }
        is_back
    }

    /// Sends a message back where that is wanted and can be.
    async fn deal_with(&mut self, queue: &DeadLetters, letter: &Letter, told: &Told) -> Outcome {
        let Some(back) = told.back else {
            return Outcome::Left;
        };
        if !self.arguments.yes {
            return Outcome::Shown;
        }
        let sent = (key(letter), back.name());
        if self.sent.contains(&sent) {
            // A copy, or already back: another sending in the same run would make a circle of it.
            return Outcome::Again;
        }
        let body = told.payload.as_deref().unwrap_or(&letter.body);
        if let Err(outcome) = self.send(back, body).await {
            return outcome;
        }
        self.sent.insert(sent);
        match self.letters.remove(&queue.url, letter).await {
            Ok(()) => Outcome::Sent,
            Err(error) => Outcome::NotRemoved(error.to_string()),
        }
    }

    async fn send(&self, back: Back, body: &str) -> Result<(), Outcome> {
        let kind = match back {
            Back::Function(_) => "AWS::Lambda::Function",
            Back::Queue(_) => "AWS::SQS::Queue",
            Back::Topic(_) => "AWS::SNS::Topic",
        };
        let name = back.name();
        let found = self.resources.get(name);
        let Some(found) = found.filter(|found| found.kind == kind) else {
            return Err(Outcome::Failed {
                error: format!("the stack has no {name} any more: deploy it again"),
                will_go_on: true,
            });
        };
        let sent = match back {
            Back::Function(_) => self.letters.invoke(&found.physical, body).await,
            Back::Queue(_) => self.letters.send(&found.physical, body).await,
            Back::Topic(_) => publish_text(self.clients, &found.physical, body).await,
        };
        // What AWS says of one event it may not say of the next; a fault or a lacking permission stays.
        sent.map_err(|error| Outcome::Failed {
            will_go_on: !error.is_transient()
                && error
                    .code()
                    .is_some_and(|code| code.contains("TooLarge") || code.contains("Invalid")),
            error: error.to_string(),
        })
    }

    /// Gives messages back. Where that fails they come out of hiding by themselves.
    async fn give_back(&self, queue: &DeadLetters, kept: &[Letter]) {
        if let Err(error) = self.letters.give_back(&queue.url, kept).await {
            self.console.note(&format!(
                "{}: what was not sent is hidden for {HIDDEN} seconds more: {error}",
                queue.name
            ));
        }
    }

    /// What a function gave up on again of what was sent to it, as far as that is seen within the time that is
    /// given to it. Queues have a time of their own, and so has what Lambda tries again.
    async fn came_back(&self, queues: &[DeadLetters]) -> BTreeSet<(String, &'static str)> {
        let end = Instant::now() + Duration::from_secs(self.arguments.wait);
        let watched: Vec<(&DeadLetters, &'static str)> = queues
            .iter()
            .filter_map(|queue| {
                let function = queue.name.strip_suffix(SUFFIX)?;
                let mut sent = self.sent.iter();
                let (_, name) = sent.find(|(_, name)| *name == function)?;
                Some((queue, *name))
            })
            .collect();
        let is_watched = |name: &str| watched.iter().any(|(_, function)| *function == name);
        let expected = self.sent.iter().filter(|(_, name)| is_watched(name));
        let expected = expected.count();
        let mut back = self.returned.clone();
        let watching = self
            .console
            .progress("waiting whether something comes back");
        while back.len() < expected && Instant::now() < end {
            sleep(PAUSE.min(end - Instant::now())).await;
            for (queue, function) in &watched {
                let Ok(taken) = self.letters.take(&queue.url, GLANCE).await else {
                    self.console.note(&format!(
                        "{}: cannot see whether something came back",
                        queue.name
                    ));
                    return back;
                };
                let is_new = |letter: &&Letter| !self.seen.contains(&letter.id);
                let new = taken.iter().filter(is_new);
                let new = new.map(|letter| (key(letter), *function));
                back.extend(new.filter(|sent| self.sent.contains(sent)));
                // They come out of hiding by themselves as well, a few seconds later.
                let _ = self.letters.give_back(&queue.url, &taken).await;
            }
        }
        drop(watching);
        back
    }
}

/// What a look into a queue came to.
struct Looked {
    queue: Queue,
    /// Whether AWS failed in a way that the next message would meet as well.
    stopped: bool,
}

impl Looked {
    fn at(name: &str) -> Self {
        Self {
            queue: Queue::of(name),
            stopped: false,
        }
    }
}

/// What tells an event or an alert from all others, however often it is put into a queue.
fn key(letter: &Letter) -> String {
    let keyed: Option<Keyed> = serde_json::from_str(&letter.body).ok();
    let id = keyed.and_then(|keyed| match (keyed.detail_type, keyed.id) {
        (Some(_), id) => id,
        // What has no type is no event, and its `id` may be anything.
        (None, _) => keyed.message_id,
    });
    id.unwrap_or_else(|| letter.body.clone())
}

#[derive(serde::Deserialize)]
struct Keyed {
    /// Of an event.
    id: Option<String>,
    #[serde(rename = "detail-type")]
    detail_type: Option<String>,
    /// Of what a topic carries.
    #[serde(rename = "MessageId")]
    message_id: Option<String>,
}

#[cfg(test)]
mod tests;
