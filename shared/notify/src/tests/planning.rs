//! What is told now, in which company, and what waits.

use std::collections::BTreeMap;

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::{Content, Due, Flaps, Plan, plan};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

const NOON: &str = "2026-11-25T12:00:00Z";

fn planned(channels: &Channels, alerts: &[Incoming], now: &str) -> Plan {
    planned_after(channels, alerts, &mut BTreeMap::new(), at(now))
}

fn planned_after(
    channels: &Channels,
    alerts: &[Incoming],
    flaps: &mut BTreeMap<String, Flaps>,
    now: Timestamp,
) -> Plan {
    let told: Vec<_> = alerts
        .iter()
        .enumerate()
        .flat_map(|(index, alert)| {
            channels
                .of_alert(alert)
                .into_iter()
                .map(move |channel| (index, channel))
        })
        .collect();
    plan(alerts, &told, channels, flaps, now)
}

fn contents(plan: &Plan, channel: &str) -> Vec<(Content, usize)> {
    let messages = plan
        .messages
        .iter()
        .filter(|message| message.channel.as_str() == channel);
    messages
        .map(|message| (message.content, message.alerts.len()))
        .collect()
}

const CHAT_AND_PAGER: &str = "{version: 1, channels: {chat: {type: slack-webhook, secret: s}, pager: {type: pagerduty, secret: s}}}";

#[test]
fn forty_images_with_the_same_vulnerability_are_one_message_in_a_chat_and_forty_incidents() {
    let alerts: Vec<Incoming> = (0..40)
        .map(|number| {
            image(
                &number.to_string(),
                "critical",
                &format!("app-{number}"),
                &["CVE-2026-1"],
            )
        })
        .chain([image("other", "critical", "app", &["CVE-2026-2"])])
        .collect();
    let plan = planned(&channels(CHAT_AND_PAGER), &alerts, NOON);
    assert_eq!(
        contents(&plan, "chat"),
        [(Content::Group, 40), (Content::Alert, 1)]
    );
    assert_eq!(contents(&plan, "pager"), [(Content::Alert, 1); 41]);
}

#[test]
fn twelve_revisions_of_one_family_by_one_person_are_one_message() {
    let alerts: Vec<Incoming> = (1..=12)
        .map(|revision| definition(&revision.to_string(), "opened", "web", revision))
        .chain([
            definition("other", "opened", "api", 1),
            definition("well", "resolved", "web", 1),
        ])
        .collect();
    let plan = planned(&channels(CHAT_AND_PAGER), &alerts, NOON);
    assert_eq!(
        contents(&plan, "chat"),
        [
            (Content::Group, 12),
            (Content::Alert, 1),
            (Content::Alert, 1)
        ]
    );
}

const PATIENT: &str = "
version: 1
channels:
  chat:
    type: teams
    secret: s
    digest: { below: high, at: [\"09:00\"] }
    quiet-hours: { from: \"22:00\", to: \"10:00\" }
";

#[test]
fn what_is_not_grave_waits_for_the_digest_and_at_night_only_what_is_critical_is_told() {
    let channels = channels(PATIENT);
    let due = |severity, now| {
        let plan = planned(&channels, &[image("1", severity, "app", &[])], now);
        assert_eq!(plan.messages.len() + plan.kept.len(), 1);
        plan.kept.first().map(|kept| (kept.at, kept.due))
    };
    assert_eq!(due("critical", "2026-11-25T23:00:00Z"), None);
    assert_eq!(due("high", NOON), None);
    let ten = Some((at("2026-11-26T10:00:00Z"), Due::Together));
    assert_eq!(due("high", "2026-11-25T23:00:00Z"), ten);
    // The digest of nine o'clock lies in the quiet hours.
    assert_eq!(due("medium", NOON), ten);
}

#[test]
fn what_flaps_is_told_once_more_and_then_waits_until_it_is_stable() {
    let channels = channels(&CHAT_AND_PAGER.replace("version: 1", "version: 1, flaps-per-hour: 2"));
    let mut flaps = BTreeMap::new();
    let mut told = Vec::new();
    for (number, change) in ["opened", "resolved", "opened", "resolved", "opened"]
        .into_iter()
        .enumerate()
    {
        let alert = definition(&number.to_string(), change, "web", 1);
        let plan = planned_after(&channels, &[alert], &mut flaps, at(NOON));
        told.push((
            contents(&plan, "chat"),
            contents(&plan, "pager"),
            plan.kept.len(),
        ));
    }
    let (one, flapping) = (vec![(Content::Alert, 1)], vec![(Content::Flapping(3), 1)]);
    assert_eq!(
        told,
        [
            (one.clone(), one.clone(), 0),
            (one.clone(), one, 0),
            (flapping.clone(), flapping, 0),
            (vec![], vec![], 2),
            (vec![], vec![], 2),
        ]
    );
}

const MANY: &str = "
version: 1
channels:
  chat: { type: slack-bot, secret: s, conversation: C1, digest: { below: medium, at: [\"09:00\"] } }
  night: { type: teams, secret: s, quiet-hours: { from: \"20:00\", to: \"08:00\", time-zone: Asia/Tokyo, passes: high } }
  pager: { type: pagerduty, secret: s, min-severity: high }
  siem: { type: webhook, secret: s }
flaps-per-hour: 2
";

fn alerts() -> impl Strategy<Value = Vec<Incoming>> {
    let one = (0_u8..3, 0_usize..4, 0_usize..5, prop::bool::ANY);
    prop::collection::vec(one, 0..60).prop_map(|seeds| {
        let made =
            seeds
                .into_iter()
                .enumerate()
                .map(|(number, (name, change, severity, is_image))| {
                    let id = number.to_string();
                    let name = format!("app-{name}");
                    let mut alert = if is_image {
                        let severity = ["info", "low", "medium", "high", "critical"][severity];
                        image(&id, severity, &name, &["CVE-2026-1"])
                    } else {
                        definition(&id, "opened", &name, 1)
                    };
                    alert.change = [
                        Change::Opened,
                        Change::Changed,
                        Change::Resolved,
                        Change::Reminder,
                    ][change];
                    alert
                });
        made.collect()
    })
}

use tidewaiter_report::Change;

proptest! {
    #[test]
    fn nothing_is_lost_and_nothing_is_told_twice(
        alerts in alerts(), second in 1_780_000_000_i64..1_790_000_000,
    ) {
        let channels = channels(MANY);
        let now = Timestamp::from_second(second).unwrap();
        let plan = planned_after(&channels, &alerts, &mut BTreeMap::new(), now);
        let mut told: BTreeMap<(String, usize), usize> = BTreeMap::new();
        for message in &plan.messages {
            prop_assert_eq!(message.content == Content::Group, message.alerts.len() > 1);
            for alert in &message.alerts {
                *told.entry((message.channel.as_str().to_owned(), *alert)).or_default() += 1;
            }
        }
        for kept in &plan.kept {
            prop_assert!(kept.at > now, "what waits is told later");
            *told.entry((kept.channel.as_str().to_owned(), kept.alert)).or_default() += 1;
        }
        let wanted: BTreeMap<(String, usize), usize> = alerts
            .iter()
            .enumerate()
            .flat_map(|(index, alert)| {
                let named = channels.of_alert(alert).into_iter();
                named.map(move |channel| ((channel.name.as_str().to_owned(), index), 1))
            })
            .collect();
        prop_assert_eq!(told, wanted);
    }

    #[test]
    fn a_batch_that_comes_again_is_planned_the_same(alerts in alerts()) {
        let channels = channels(MANY);
        let mut flaps = BTreeMap::new();
        let first = planned_after(&channels, &alerts, &mut flaps, at(NOON));
        let again = planned_after(&channels, &alerts, &mut flaps, at(NOON));
        let places = |plan: &Plan| {
            let messages = plan.messages.iter().map(|m| (m.channel.clone(), m.alerts.clone()));
            messages.collect::<Vec<_>>()
        };
        prop_assert_eq!(places(&first), places(&again));
        prop_assert_eq!(first.kept, again.kept);
    }

    #[test]
    fn machines_hear_each_alert_at_once(alerts in alerts()) {
        let plan = planned(&channels(MANY), &alerts, NOON);
        prop_assert_eq!(contents(&plan, "siem"), vec![(Content::Alert, 1); alerts.len()]);
    }
}
