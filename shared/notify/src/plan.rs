//! What is told to whom now, and what waits.

use std::collections::BTreeMap;

use jiff::Timestamp;
use tidewaiter_report::Change;

use crate::{Channel, Channels, Damped, Flaps, Incoming, Name, flaps::WINDOW, group::Group};

/// What is to be sent and what is to be kept.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plan {
    /// Messages to send, in order.
    pub messages: Vec<Message>,
    /// Alerts to keep until they are due.
    pub kept: Vec<Kept>,
}

/// A message to one channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// The channel.
    pub channel: Name,
    /// The alerts that it tells, by their places in the batch.
    pub alerts: Vec<usize>,
    /// How.
    pub content: Content,
}

/// How a message tells alerts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// One, in full.
    Alert,
    /// Several, a line each.
    Group,
    /// One, in full, with the word that what follows about the same is not told until it is stable. The
    /// number is how many changes there were within the hour.
    Flapping(usize),
}

/// An alert that waits.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    /// The channel.
    pub channel: Name,
    /// The alert, by its place in the batch.
    pub alert: usize,
    /// When it is to be told.
    pub at: Timestamp,
    /// What for.
    pub due: Due,
}

/// What an alert waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// A digest, or the end of quiet hours: it is told with the others that wait.
    Together,
    /// That what it is about changes no more. Of all that wait for that the last is told.
    Stable,
}

/// Plans how the alerts of a batch are told. `told` says which of them, by their places, are to be told
/// to which channels; `flaps` holds what is known of each key, and is brought up to date.
///
/// Each pair stands in exactly one message, or is kept once.
pub fn plan(
    alerts: &[Incoming],
    told: &[(usize, &Channel)],
    channels: &Channels,
    flaps: &mut BTreeMap<String, Flaps>,
    now: Timestamp,
) -> Plan {
    let mut plan = Plan::default();
    let mut groups: BTreeMap<(&Name, Group), usize> = BTreeMap::new();
    for (index, channel) in told {
        let Some(alert) = alerts.get(*index) else {
            continue;
        };
        let message = |content| Message {
            channel: channel.name.clone(),
            alerts: vec![*index],
            content,
        };
        let kept = |at, due| Kept {
            channel: channel.name.clone(),
            alert: *index,
            at,
            due,
        };
        if channels.damps(channel) && (alert.change.opens() || alert.change == Change::Resolved) {
            let known = flaps.entry(alert.key.clone()).or_default();
            match known.note(&alert.id, now, channels.flaps_per_hour) {
                Damped::No => {}
                Damped::Begins => {
                    plan.messages
                        .push(message(Content::Flapping(known.count())));
                    continue;
                }
                Damped::Yes => {
                    let at = now.checked_add(WINDOW).unwrap_or(now);
                    plan.kept.push(kept(at, Due::Stable));
                    continue;
                }
            }
        }
        if let Some(at) = due(alert, channel, now) {
            plan.kept.push(kept(at, Due::Together));
            continue;
        }
        let group = Group::of(alert).filter(|_| channel.kind.is_chat());
        let known = group.map(|group| {
            let next = plan.messages.len();
            *groups.entry((&channel.name, group)).or_insert(next)
        });
        match known.and_then(|known| plan.messages.get_mut(known)) {
            Some(first) => {
                first.alerts.push(*index);
                first.content = Content::Group;
            }
            None => plan.messages.push(message(Content::Alert)),
        }
    }
    plan
}

/// When an alert is told that waits; `None` where it does not.
fn due(alert: &Incoming, channel: &Channel, now: Timestamp) -> Option<Timestamp> {
    let digest = channel.digest.as_ref();
    let digest = digest.filter(|digest| alert.severity < digest.below);
    let quiet = channel.quiet.as_ref();
    let quiet = quiet.filter(|quiet| alert.severity < quiet.passes);
    let at = digest.map(|digest| digest.next(now));
    // A digest in quiet hours is told when they end.
    let end = quiet.and_then(|quiet| quiet.end(at.unwrap_or(now)));
    end.or(at)
}
