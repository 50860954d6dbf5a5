//! What `notify` makes of the alerts: the queue with its window, the plan, what is kept and when that is told,
//! and the rate of a channel. What it decides is the real thing; what it writes into the ledger is kept here.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use tidewaiter_aws::ledger::Ledger;
use tidewaiter_notify::{Channels, Content, Due, Flaps, Incoming, plan};

/// How a message tells its alerts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum How {
    Alone,
    /// With others of the same story.
    Grouped,
    /// With all that waited: for a digest, for the end of quiet hours, or for a minute with room.
    Together,
    /// As flapping, or as stable again.
    Flapping,
}

/// A message that was sent.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    pub(super) at: Timestamp,
    pub(super) channel: String,
    pub(super) alerts: Vec<usize>,
    pub(super) how: How,
}

/// An alert that waits in a channel.
#[derive(Debug)]
struct Waiting {
    channel: String,
    alert: usize,
    at: Timestamp,
    /// The key of what it is the last alert about; `None` for what is told together.
    last_of: Option<String>,
}

/// How long a batch gathers, how often what is kept is told, and how long a message of the queue is hidden, as
/// the template has it.
const WINDOW: SignedDuration = SignedDuration::from_secs(15);
const TURN: SignedDuration = SignedDuration::from_mins(5);
const HIDDEN: SignedDuration = SignedDuration::from_secs(735);

/// The channels' side of the day.
#[derive(Debug)]
pub(super) struct Desk<'a> {
    channels: &'a Channels,
    alerts: &'a [Incoming],
    queue: BTreeMap<(Timestamp, usize), usize>,
    /// Alerts and channels that are done with.
    claimed: BTreeSet<(usize, String)>,
    flaps: BTreeMap<String, Flaps>,
    kept: Vec<Waiting>,
    rates: BTreeMap<(String, i64), u32>,
    pub(super) sent: Vec<Sent>,
    /// Alerts whose place in a channel a later one about the same took, while that flapped.
    pub(super) replaced: BTreeSet<(usize, String)>,
}

impl<'a> Desk<'a> {
    pub(super) fn new(channels: &'a Channels, alerts: &'a [Incoming]) -> Self {
        Self {
            channels,
            alerts,
            queue: BTreeMap::new(),
            claimed: BTreeSet::new(),
            flaps: BTreeMap::new(),
            kept: Vec::new(),
            rates: BTreeMap::new(),
            sent: Vec::new(),
            replaced: BTreeSet::new(),
        }
    }

    /// An alert comes to the queue.
    pub(super) fn arrive(&mut self, alert: usize, at: Timestamp) {
        let entry = self.queue.len();
        self.queue.insert((at, entry), alert);
    }

    /// Until nothing waits any more.
    pub(super) fn work(&mut self, from: Timestamp) {
        let mut turn = from + TURN;
        loop {
            let first = self.queue.first_key_value().map(|((at, _), _)| *at);
            match first {
                Some(at) if at + WINDOW < turn => self.take_batch(at + WINDOW),
                None if self.kept.is_empty() => return,
                _ => {
                    self.tell_kept(turn);
                    turn += TURN;
                }
            }
        }
    }

    fn take_batch(&mut self, now: Timestamp) {
        let later = self.queue.split_off(&(now, usize::MAX));
        let batch: BTreeSet<usize> = std::mem::replace(&mut self.queue, later)
            .into_values()
            .collect();
        let places: Vec<usize> = batch.into_iter().collect();
        let alerts: Vec<Incoming> = places
            .iter()
            .map(|place| self.alerts[*place].clone())
            .collect();
        let mut told = Vec::new();
        for (index, alert) in alerts.iter().enumerate() {
            for channel in self.channels.of_alert(alert) {
                if self
                    .claimed
                    .insert((places[index], channel.name.as_str().to_owned()))
                {
                    told.push((index, channel));
                }
            }
        }
        let plan = plan(&alerts, &told, self.channels, &mut self.flaps, now);
        for kept in plan.kept {
            let channel = kept.channel.as_str().to_owned();
            let last_of = (kept.due == Due::Stable).then(|| alerts[kept.alert].key.clone());
            self.keep(channel, places[kept.alert], kept.at, last_of);
        }
        for message in plan.messages {
            let channel = message.channel.as_str().to_owned();
            let alerts: Vec<usize> = message.alerts.iter().map(|index| places[*index]).collect();
            if !self.has_room(&channel, now) {
                self.over_rate(&channel, &alerts, now);
                continue;
            }
            let how = match message.content {
                Content::Alert => How::Alone,
                Content::Group => How::Grouped,
                Content::Flapping(_) => How::Flapping,
            };
            self.sent.push(Sent {
                at: now,
                channel,
                alerts,
                how,
            });
        }
    }

    fn has_room(&mut self, channel: &str, now: Timestamp) -> bool {
        let most = self.channels.named(channel).unwrap().rate_per_minute;
        let spent = self
            .rates
            .entry((channel.to_owned(), now.as_second() / 60))
            .or_default();
        *spent += 1;
        *spent <= most
    }

    /// In a chat it is told together with what else waits; others get it from the queue again.
    fn over_rate(&mut self, channel: &str, alerts: &[usize], now: Timestamp) {
        let is_chat = self.channels.named(channel).unwrap().kind.is_chat();
        for alert in alerts {
            if is_chat {
                self.keep(channel.to_owned(), *alert, Ledger::next_minute(now), None);
            } else {
                self.claimed.remove(&(*alert, channel.to_owned()));
                self.arrive(*alert, now + HIDDEN);
            }
        }
    }

    fn keep(&mut self, channel: String, alert: usize, at: Timestamp, last_of: Option<String>) {
        if let Some(key) = &last_of {
            let is_before =
                |kept: &Waiting| kept.channel == channel && kept.last_of.as_ref() == Some(key);
            let before = self.kept.extract_if(.., |kept| is_before(kept));
            let before: Vec<usize> = before.map(|kept| kept.alert).collect();
            self.replaced
                .extend(before.into_iter().map(|alert| (alert, channel.clone())));
        }
        self.kept.push(Waiting {
            channel,
            alert,
            at,
            last_of,
        });
    }

    fn tell_kept(&mut self, now: Timestamp) {
        let due: Vec<Waiting> = self.kept.extract_if(.., |kept| kept.at <= now).collect();
        let mut together: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for kept in due {
            if kept.last_of.is_some() {
                let (channel, alerts) = (kept.channel, vec![kept.alert]);
                self.sent.push(Sent {
                    at: now,
                    channel,
                    alerts,
                    how: How::Flapping,
                });
            } else {
                together.entry(kept.channel).or_default().push(kept.alert);
            }
        }
        for (channel, alerts) in together {
            self.sent.push(Sent {
                at: now,
                channel,
                alerts,
                how: How::Together,
            });
        }
    }
}
