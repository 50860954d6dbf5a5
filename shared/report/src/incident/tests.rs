//! What is told, whatever order things are seen in and whoever is killed.

use proptest::prelude::*;
use serde_json::json;
use tidewaiter_rules::Effect;

use super::*;
use crate::tests::{alert, is_within_limits, registered};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).unwrap()
}

/// The alert about a definition with these containers.
fn bad(containers: &serde_json::Value, effect: Effect) -> Alert {
    let definition = json!({
        "family": "web", "taskDefinitionArn": "arn:aws:ecs:eu-west-1:111122223333:task-definition/web:7",
        "containerDefinitions": containers,
    });
    alert(&registered(&definition, &json!({}), "aws-cli"), effect).unwrap()
}

fn privileged(effect: Effect) -> Alert {
    bad(
        &json!([{"name": "app", "image": "app:1", "privileged": true}]),
        effect,
    )
}

fn news(findings: &str, effects: &str) -> News {
    News {
        findings: findings.to_owned(),
        effects: effects.to_owned(),
    }
}

fn over(reason: Reason) -> Over {
    Over::of(reason)
}

/// What is told when these are seen one after the other, a minute between them.
fn told(seen: &[Seen<'_>]) -> Vec<String> {
    let (mut known, mut told): (Option<Incident>, _) = (None, Vec::new());
    for (minute, seen) in (0..).zip(seen) {
        let now = at(60 * minute);
        let mut seen = seen.clone();
        loop {
            match Incident::next(known.as_ref(), &seen, "a", now) {
                Next::Nothing => told.push("-".to_owned()),
                Next::Busy => told.push("busy".to_owned()),
                Next::Count(next) => {
                    told.push(format!("count {}", next.repeats));
                    known = Some(next);
                }
                Next::Note(next) => {
                    told.push("note".to_owned());
                    known = Some(next);
                }
                Next::Tell(next) => {
                    let what = next.what_changed.map(|what| format!(" {}", what.name()));
                    let number = next.sequence;
                    told.push(format!(
                        "{number} {}{}",
                        next.change.name(),
                        what.unwrap_or_default()
                    ));
                    let done = next.told(now);
                    let is_left = done.standing == Standing::Told && done.over.is_some();
                    known = Some(done);
                    if is_left {
                        seen = Seen::Turn(None);
                        continue;
                    }
                }
            }
            break;
        }
    }
    told
}

#[test]
fn what_is_told_is_a_change_of_state() {
    let alert = privileged(Effect::Done);
    let (one, other) = (news("f", "not-applied"), news("g", "not-applied"));
    let bad = |news| Seen::Bad {
        news,
        alert: &alert,
        over: None,
    };
    let (clean, deregistered) = (over(Reason::Clean), over(Reason::Deregistered));
    assert_eq!(
        told(&[
            Seen::Well(&clean),
            bad(&one),
            bad(&one),
            bad(&one),
            bad(&other),
            Seen::Well(&clean),
            Seen::Well(&clean),
            bad(&other),
            Seen::Well(&deregistered),
            bad(&other),
            bad(&one),
            Seen::Well(&deregistered),
        ]),
        [
            "-",
            "1 opened",
            "count 1",
            "count 2",
            "2 changed worse",
            "3 resolved",
            "-",
            "4 reopened",
            "5 resolved",
            "count 1",
            "count 2",
            "-"
        ]
    );
}

#[test]
fn what_is_over_before_it_is_told_is_told_and_resolved_once() {
    let alert = privileged(Effect::Done);
    let news = news("f", "done 1");
    let seen = Seen::Bad {
        news: &news,
        alert: &alert,
        over: None,
    };
    let deregistered = over(Reason::Deregistered);
    assert_eq!(
        told(&[
            Seen::Well(&deregistered),
            Seen::Well(&deregistered),
            seen.clone(),
            seen
        ]),
        ["note", "-", "1 opened", "2 resolved", "count 1"]
    );
}

#[test]
fn what_is_contained_is_told_and_resolved_at_once_and_again_when_it_comes_back() {
    let alert = privileged(Effect::Done);
    let contained = over(Reason::Contained);
    let (first, second, already) = (
        news("f", "done 1"),
        news("f", "done 2"),
        news("g", "already-done"),
    );
    let bad = |news| Seen::Bad {
        news,
        alert: &alert,
        over: Some(&contained),
    };
    let (released, clean) = (over(Reason::Released), over(Reason::Clean));
    let pardoned = news("f", "not-applied released");
    let is_released = Seen::Bad {
        news: &pardoned,
        alert: &alert,
        over: Some(&released),
    };
    assert_eq!(
        told(&[
            bad(&first),
            bad(&first),
            bad(&already),
            bad(&second),
            Seen::Well(&released),
            is_released.clone(),
            is_released,
            Seen::Well(&clean),
            bad(&second),
        ]),
        [
            "1 opened",
            "2 resolved",
            "count 1",
            "count 2",
            "3 reopened",
            "4 resolved",
            "note",
            "count 1",
            "count 2",
            "note",
            "5 reopened",
            "6 resolved"
        ]
    );
}

#[test]
fn a_change_says_what_changed() {
    let good = json!([{"name": "app", "image": "app:1", "privileged": true}]);
    let worse = json!([{"name": "app", "image": "app:1", "privileged": true, "user": "root"},
        {"name": "b", "image": "b:1", "privileged": true}]);
    let (few, many) = (
        bad(&good, Effect::NotApplied),
        bad(&worse, Effect::NotApplied),
    );
    let held = bad(&good, Effect::NotApplied).held_back(Some("paused".to_owned()));
    let seen = |news, alert| Seen::Bad {
        news,
        alert,
        over: None,
    };
    let (a, b) = (news("f", "not-applied"), news("g", "not-applied"));
    let (failed, done) = (news("f", "failed 1"), news("f", "done 1"));
    let paused = news("f", "not-applied paused");
    assert_eq!(
        told(&[
            seen(&a, &few),
            seen(&b, &many),
            seen(&a, &few),
            seen(&failed, &few),
            seen(&paused, &held),
            seen(&done, &few),
        ])[1..],
        [
            "2 changed worse",
            "3 changed better",
            "4 changed action-failed",
            "5 changed held-back",
            "6 changed acted-on"
        ]
    );
}

#[test]
fn a_reminder_comes_so_long_after_the_last_alert_and_not_of_what_is_over() {
    let alert = privileged(Effect::NotApplied);
    let news = news("f", "not-applied");
    let seen = Seen::Bad {
        news: &news,
        alert: &alert,
        over: None,
    };
    let turn = Seen::Turn(Some(SignedDuration::from_mins(3)));
    let waived = over(Reason::Waived);
    assert_eq!(
        told(&[
            seen.clone(),
            turn.clone(),
            Seen::Turn(None),
            turn.clone(),
            turn.clone(),
            seen,
            turn.clone(),
            Seen::Well(&waived),
            turn.clone(),
            turn.clone(),
            turn,
        ]),
        [
            "1 opened",
            "-",
            "-",
            "2 reminder",
            "-",
            "count 1",
            "3 reminder",
            "4 resolved",
            "-",
            "-",
            "-"
        ]
    );
}

#[test]
fn who_finds_a_claim_comes_back_and_takes_it_over_when_it_has_run_out() {
    let alert = privileged(Effect::Done);
    let news = news("f", "done 1");
    let seen = Seen::Bad {
        news: &news,
        alert: &alert,
        over: None,
    };
    let deregistered = over(Reason::Deregistered);
    let Next::Tell(claimed) = Incident::next(None, &seen, "a", at(0)) else {
        panic!("it is new");
    };
    for later in [&seen, &Seen::Well(&deregistered)] {
        let next = Incident::next(Some(&claimed), later, "b", at(150));
        assert_eq!(next, Next::Busy);
    }
    // Its own next attempt, and another's once it has run out, tell what may never have been sent.
    for (later, attempt, now) in [
        (&seen, "a", 1),
        (&seen, "b", 151),
        (&Seen::Well(&deregistered), "b", 151),
        (&Seen::Turn(None), "b", 151),
    ] {
        let next = Incident::next(Some(&claimed), later, attempt, at(now));
        let Next::Tell(next) = next else {
            panic!("{later:?}: {next:?}");
        };
        assert_eq!((next.change, next.sequence), (Change::Opened, 1));
        assert_eq!(next.alert, claimed.alert);
    }
}

#[test]
fn what_people_read_of_what_is_over_and_of_what_is_still_so() {
    let alert = privileged(Effect::NotApplied);
    let news = news("f", "not-applied");
    let seen = Seen::Bad {
        news: &news,
        alert: &alert,
        over: None,
    };
    let Next::Tell(opened) = Incident::next(None, &seen, "a", at(0)) else {
        panic!("it is new");
    };
    let told = Incident {
        repeats: 12,
        ..opened.told(at(0))
    };
    let turn = Seen::Turn(Some(SignedDuration::from_hours(24)));
    let week = at(7 * 86_400);
    let Next::Tell(reminder) = Incident::next(Some(&told), &turn, "b", week) else {
        panic!("it is due");
    };
    let by = Over::by(Reason::Deregistered, "by ada <!channel>\n");
    let Next::Tell(resolved) = Incident::next(Some(&told), &Seen::Well(&by), "b", week) else {
        panic!("it is over");
    };
    let text = |incident: &Incident| {
        let message = incident.message(None);
        let body: Value = serde_json::from_str(&message.body).unwrap();
        format!(
            "{}\n{:?}\n\n{}",
            message.subject,
            message
                .attributes
                .iter()
                .map(|attribute| (attribute.name, attribute.value.as_str()))
                .collect::<Vec<_>>(),
            body["email"].as_str().unwrap()
        )
    };
    insta::assert_snapshot!("reminder", text(&reminder));
    insta::assert_snapshot!("resolved", text(&resolved));
}

/// What a process is at, with one delivery.
#[derive(Debug, Clone)]
struct Process {
    is_over: bool,
    attempt: String,
    is_turn: bool,
    stage: Stage,
}

#[derive(Debug, Clone)]
enum Stage {
    Read,
    Write(Next),
    Send(Incident),
    Told(Incident),
}

proptest! {
    #[test]
    fn hostile_text_comes_out_inert_and_within_limits_when_it_is_told_again(
        text in prop_oneof![
            "[\\s\\S]{0,60}",
            "[\\s\\S]{1,20}".prop_map(|part| part.repeat(300)),
            Just("<!channel> *bold* `code` \u{202e}evil\u{1b}[31m\r\nSubject: forged".to_owned()),
        ],
    ) {
        let container = json!({"name": text, "user": text, "image": text, "privileged": true});
        let alert = bad(&json!(vec![container; 20]), Effect::Done);
        let news = news("f", "done 1");
        let seen = Seen::Bad { news: &news, alert: &alert, over: None };
        let Next::Tell(opened) = Incident::next(None, &seen, "a", at(0)) else {
            return Err(TestCaseError::fail("it is new"));
        };
        let told = opened.told(at(0));
        let over = Over::by(Reason::Waived, &text);
        let turn = Seen::Turn(Some(SignedDuration::from_secs(1)));
        for seen in [Seen::Well(&over), turn] {
            let Next::Tell(next) = Incident::next(Some(&told), &seen, "b", at(9)) else {
                return Err(TestCaseError::fail("it is told"));
            };
            is_within_limits(&next.message(None))?;
        }
    }

    #[test]
    fn in_any_order_with_any_kills_one_incident_is_opened_and_resolved_once_and_no_more_than_a_kill_repeats(
        deliveries in prop::collection::vec(any::<bool>(), 1..60),
        dice in prop::collection::vec((0..3_usize, 0..40_u8), 400),
        most_kills in 0..3_usize,
    ) {
        let alert = privileged(Effect::Done);
        let news = news("f", "done 1");
        let deregistered = over(Reason::Deregistered);
        let mut queue: std::collections::VecDeque<(bool, String)> = deliveries
            .iter()
            .enumerate()
            .map(|(number, is_over)| (*is_over, format!("d{number}")))
            .collect();
        // Both are reported at least once, in the end.
        queue.push_back((false, "last bad".to_owned()));
        queue.push_back((true, "last over".to_owned()));
        let mut store: Option<Incident> = None;
        let mut sent: Vec<Change> = Vec::new();
        let mut processes: [Option<Process>; 3] = [None, None, None];
        let (mut kills, mut second) = (0, 0);
        let mut dice = dice.iter().cycle();
        while !queue.is_empty() || processes.iter().any(Option::is_some) {
            second += 1;
            prop_assert!(second < 200_000, "it comes to no end");
            let (place, chance) = *dice.next().unwrap();
            // A cycle must not starve anybody.
            let place = (place + usize::try_from(second).unwrap() / 400) % 3;
            let Some(process) = processes[place].clone() else {
                if let Some((is_over, attempt)) = queue.pop_front() {
                    processes[place] =
                        Some(Process { is_over, attempt, is_turn: false, stage: Stage::Read });
                }
                continue;
            };
            if chance == 0 && kills < most_kills {
                kills += 1;
                queue.push_back((process.is_over, process.attempt));
                processes[place] = None;
                continue;
            }
            let seen = match (process.is_turn, process.is_over) {
                (true, _) => Seen::Turn(None),
                (false, true) => Seen::Well(&deregistered),
                (false, false) => Seen::Bad { news: &news, alert: &alert, over: None },
            };
            let mut put = |incident: &Incident| {
                let was = store.as_ref().map_or(0, |known| known.revision);
                let is_ours = was + 1 == incident.revision;
                if is_ours {
                    store = Some(incident.clone());
                }
                is_ours
            };
            let next = match process.stage.clone() {
                Stage::Read => {
                    let next =
                        Incident::next(store.as_ref(), &seen, &process.attempt, at(second));
                    Some(Stage::Write(next))
                }
                Stage::Write(Next::Nothing) => None,
                Stage::Write(Next::Busy) => {
                    queue.push_back((process.is_over, process.attempt.clone()));
                    None
                }
                Stage::Write(Next::Count(next)) => {
                    put(&next);
                    None
                }
                Stage::Write(Next::Note(next)) => (!put(&next)).then_some(Stage::Read),
                Stage::Write(Next::Tell(next)) => {
                    Some(if put(&next) { Stage::Send(next) } else { Stage::Read })
                }
                Stage::Send(next) => {
                    sent.push(next.change);
                    Some(Stage::Told(next.told(at(second))))
                }
                Stage::Told(next) => {
                    let is_left = put(&next)
                        && next.standing == Standing::Told
                        && next.over.is_some();
                    is_left.then_some(Stage::Read)
                }
            };
            processes[place] = next.map(|stage| Process {
                is_turn: process.is_turn || matches!((&process.stage, &stage), (Stage::Told(_), Stage::Read)),
                stage,
                ..process
            });
        }
        let count = |change: Change| sent.iter().filter(|sent| **sent == change).count();
        let (opened, resolved) = (count(Change::Opened), count(Change::Resolved));
        prop_assert!(opened >= 1 && resolved >= 1, "{sent:?}");
        prop_assert_eq!(opened + resolved, sent.len(), "{:?}", sent);
        // A claim that has run out while its owner lives on counts as a kill here.
        prop_assert!(sent.len() <= 2 + kills || second > 150 && kills > 0, "{sent:?}, {kills} kills");
        if kills == 0 {
            prop_assert_eq!(sent, [Change::Opened, Change::Resolved]);
        }
        let standing = store.map(|incident| incident.standing);
        prop_assert_eq!(standing, Some(Standing::Resolved));
    }
}
