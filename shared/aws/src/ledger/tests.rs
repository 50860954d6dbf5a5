//! The entries, as they are written and read.

use std::sync::{Arc, Mutex};

use tidewaiter_report::{Change, Incident, Over, Reason, Standing, WhatChanged};
use tidewaiter_rules::{
    Action, Effect, Step, Undo,
    names::{Digest, Place, Repository, TaskDefinitionArn},
};

use super::*;
use crate::wire::{Answer, Call, Table, Wire};

const ARN: &str = "arn:aws:ecs:eu-west-1:111122223333:task-definition/web:7";

const BAD: Because<'static> = Because {
    subject: None,
    reason: "bad",
    ticket: None,
};

fn place() -> Place {
    Place::of_region("eu-west-1", "111122223333").unwrap()
}

fn wire(table: &Table) -> Wire {
    let table = table.clone();
    Wire::new(move |call| table.answer(call).unwrap())
}

fn writer(attempt: &'static str, now: &str) -> Writer<'static> {
    Writer {
        by: "guard",
        attempt,
        now: now.parse().unwrap(),
    }
}

fn step(action: Action) -> Step {
    Step {
        idempotency_key: format!("{}:{}", action.name(), action.target()),
        undo: Undo {
            explanation: "as it was",
            command: "aws back".to_owned(),
        },
        action,
    }
}

fn deregister() -> Step {
    let arn = TaskDefinitionArn::parse(ARN).unwrap();
    step(Action::DeregisterTaskDefinition(arn))
}

fn image() -> (Repository, Digest) {
    let digest = format!("sha256:{}", "a".repeat(64));
    (
        Repository::new(place(), "app").unwrap(),
        Digest::parse(&digest).unwrap(),
    )
}

fn failed() -> Effect {
    Effect::Failed {
        error: "no".to_owned(),
        will_retry: true,
    }
}

#[test]
fn attributes_are_found_in_expressions() {
    let found: Vec<&str> = names("SET #state = :state, #is_a=:b REMOVE #c").collect();
    assert_eq!(found, ["state", "is_a", "c"]);
    assert_eq!(
        names("attribute_not_exists(#id)").collect::<Vec<_>>(),
        ["id"]
    );
}

#[tokio::test(start_paused = true)]
async fn every_write_is_conditional_and_touches_one_entry_of_the_table() {
    let calls: Arc<Mutex<Vec<Call>>> = Arc::default();
    let (table, seen) = (Table::default(), calls.clone());
    let wire = Wire::new(move |call| {
        seen.lock().unwrap().push(call.clone());
        table.answer(call).unwrap()
    });
    let clients = wire.clients(place());
    let ledger = Ledger::new(&clients, "the-table");
    let writer = writer("a", "2026-11-23T13:00:00.5Z");
    let key = Key::alert_in("image", "x");
    let (repository, digest) = image();
    ledger.pause_in_force().await.unwrap();
    ledger.set_switch(true, "why", writer).await.unwrap();
    ledger.spend(1, writer).await.unwrap();
    ledger.begin(&deregister(), writer).await.unwrap();
    ledger
        .finish(&deregister(), &failed(), writer)
        .await
        .unwrap();
    let archive = step(Action::ArchiveImage(repository.clone(), digest.clone()));
    ledger.begin(&archive, writer).await.unwrap();
    ledger
        .quarantine((&repository, &digest), (&archive, None), BAD, writer)
        .await
        .unwrap();
    ledger
        .quarantined(&repository, &digest, writer.now)
        .await
        .unwrap();
    ledger
        .quarantined_anywhere(&digest, writer.now)
        .await
        .unwrap();
    ledger.all_quarantined(writer.now).await.unwrap();
    ledger
        .release(&repository, &digest, "good", writer.now, writer)
        .await
        .unwrap();
    assert_eq!(ledger.incident(&key, writer).await, Ok(None));
    let opened = incident(writer.now);
    assert_eq!(ledger.put_incident(&key, &opened, writer).await, Ok(true));
    let told = opened.told(writer.now);
    assert_eq!(ledger.put_incident(&key, &told, writer).await, Ok(true));
    ledger.incidents("image", writer).await.unwrap();
    let calls = calls.lock().unwrap();
    assert_eq!(calls.len(), 15);
    for call in calls.iter() {
        assert_eq!(call.parameters["TableName"], "the-table");
        match call.operation.as_str() {
            "GetItem" | "Query" => assert_eq!(call.parameters["ConsistentRead"], true),
            "UpdateItem" => {
                assert!(call.parameters["ConditionExpression"].is_string());
                // DynamoDB refuses values that no expression names.
                let expressions = format!(
                    "{} {} ",
                    call.parameters["UpdateExpression"].as_str().unwrap(),
                    call.parameters["ConditionExpression"].as_str().unwrap()
                )
                .replace([',', ')'], " ");
                let values = call.parameters["ExpressionAttributeValues"].as_object();
                for name in values.unwrap().keys() {
                    assert!(
                        expressions.contains(&format!("{name} ")),
                        "{name}: {expressions}"
                    );
                }
            }
            other => panic!("{other}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_action_is_begun_once_and_what_is_done_stays_done() {
    let table = Table::default();
    let wire = wire(&table);
    let clients = wire.clients(place());
    let ledger = Ledger::new(&clients, "t");
    let early = writer("a", "2026-11-23T13:00:00.9Z");
    let late = writer("b", "2026-11-24T13:00:00Z");
    let at: Timestamp = "2026-11-23T13:00:00Z".parse().unwrap();
    let begun = |was_done| Ok(Begun { at, was_done });
    let step = deregister();
    assert_eq!(ledger.begin(&step, early).await, begun(false));
    assert_eq!(
        ledger.begin(&step, late).await,
        begun(false),
        "an attempt that failed"
    );
    ledger.finish(&step, &Effect::Done, early).await.unwrap();
    ledger.finish(&step, &failed(), late).await.unwrap();
    assert_eq!(ledger.begin(&step, late).await, begun(true));
    let id = format!("action#deregister-task-definition:{ARN}");
    for (name, value) in [
        ("state", "done"),
        ("begun", "2026-11-23T13:00:00Z"),
        ("undo", "aws back"),
        ("explanation", "as it was"),
        ("action", "deregister-task-definition"),
        ("target", ARN),
        ("by", "guard"),
    ] {
        assert_eq!(table.attribute(&id, name).as_deref(), Some(value), "{name}");
    }
    let days = late.now.as_second() / 86_400 + 399;
    let expires: i64 = table.attribute(&id, "expires").unwrap().parse().unwrap();
    assert_eq!(expires / 86_400, days);
}

#[tokio::test(start_paused = true)]
async fn a_budget_is_never_overdrawn() {
    let table = Table::default();
    let wire = wire(&table);
    let clients = wire.clients(place());
    let ledger = Ledger::new(&clients, "t");
    let mut left = Vec::new();
    for _ in 0..6 {
        let writer = writer("a", "2026-11-23T13:00:00Z");
        left.push(ledger.spend(4, writer).await.unwrap());
    }
    assert_eq!(left, [Some(3), Some(2), Some(1), Some(0), None, None]);
    let left = table.attribute("budget#guard#2026-11-23T13Z", "spent");
    assert_eq!(left.as_deref(), Some("4"));
}

#[tokio::test(start_paused = true)]
async fn calls_that_fail_are_counted_until_somebody_asks() {
    let wire = Wire::new(|_| Answer::denied());
    let clients = wire.clients(place());
    let ledger = Ledger::new(&clients, "t");
    let now = writer("a", "2026-11-23T13:00:00Z");
    ledger.switch().await.unwrap_err();
    ledger.spend(1, now).await.unwrap_err();
    ledger.all_quarantined(now.now).await.unwrap_err();
    assert_eq!(clients.take_ledger_failures(), 3);
    assert_eq!(clients.take_ledger_failures(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_condition_that_does_not_hold_is_no_failure() {
    let table = Table::default();
    let wire = wire(&table);
    let clients = wire.clients(place());
    let ledger = Ledger::new(&clients, "t");
    let now = writer("a", "2026-11-23T13:00:00Z");
    assert_eq!(ledger.spend(1, now).await, Ok(Some(0)));
    assert_eq!(ledger.spend(1, now).await, Ok(None));
    assert_eq!(clients.take_ledger_failures(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_longer_of_two_releases_holds_and_a_quarantine_waits_for_its_end() {
    let table = Table::default();
    let wire = wire(&table);
    let clients = wire.clients(place());
    let ledger = Ledger::new(&clients, "t");
    let (repository, digest) = image();
    let archive = step(Action::ArchiveImage(repository.clone(), digest.clone()));
    let day = |day: u8| format!("2026-11-{day}T00:00:00Z");
    let time = |number| day(number).parse::<Timestamp>().unwrap();
    let first = writer("a", "2026-11-20T00:00:00Z");
    ledger
        .release(&repository, &digest, "long", time(25), first)
        .await
        .unwrap();
    ledger
        .release(&repository, &digest, "short", time(22), first)
        .await
        .unwrap();
    let quarantine = async |number| {
        let day = day(number);
        let writer = Writer {
            by: "guard",
            attempt: "b",
            now: day.parse().unwrap(),
        };
        ledger
            .quarantine((&repository, &digest), (&archive, None), BAD, writer)
            .await
    };
    let release = Release {
        by: "guard".to_owned(),
        reason: "long".to_owned(),
        until: time(25),
    };
    assert_eq!(quarantine(24).await, Ok(Some(release.clone())));
    let asked = async |number| ledger.quarantined(&repository, &digest, time(number)).await;
    assert_eq!(
        asked(24).await,
        Ok(Some(Quarantined::Released(release.clone())))
    );
    assert_eq!(asked(25).await, Ok(Some(Quarantined::Ended(release))));
    assert_eq!(quarantine(25).await, Ok(None));
    let held = Quarantined::Held {
        reason: "bad".to_owned(),
        since: Some(time(25)),
        begun: None,
        undo: "aws back".to_owned(),
        deletion: None,
        with: None,
    };
    assert_eq!(asked(26).await, Ok(Some(held)));
}

#[tokio::test(start_paused = true)]
async fn what_is_bad_by_itself_stays_so_when_it_is_taken_along_with_another() {
    let table = Table::default();
    let wire = wire(&table);
    let clients = wire.clients(place());
    let ledger = Ledger::new(&clients, "t");
    let (repository, digest) = image();
    let other = Digest::parse(&format!("sha256:{}", "b".repeat(64))).unwrap();
    let archive = step(Action::ArchiveImage(repository.clone(), digest.clone()));
    let now = writer("a", "2026-11-23T13:00:00Z");
    let along = Because {
        subject: Some(&other),
        ..BAD
    };
    for (because, with) in [(along, Some(other.clone())), (BAD, None), (along, None)] {
        let image = (&repository, &digest);
        let refused = ledger
            .quarantine(image, (&archive, None), because, now)
            .await;
        assert_eq!(refused, Ok(None));
        let known = ledger.quarantined(&repository, &digest, now.now).await;
        let Ok(Some(Quarantined::Held { with: found, .. })) = known else {
            panic!("{known:?}")
        };
        assert_eq!(found, with);
    }
}

/// A digest is found in every repository by one question, and a longer digest is not taken for it.
#[tokio::test(start_paused = true)]
async fn a_digest_is_found_wherever_it_is_in_quarantine() {
    let table = Table::default();
    let wire = wire(&table);
    let clients = wire.clients(place());
    let ledger = Ledger::new(&clients, "t");
    let (app, digest) = image();
    let web = Repository::new(place(), "web").unwrap();
    let longer = Digest::parse(&format!("{digest}0")).unwrap();
    let now = writer("a", "2026-11-23T13:00:00Z");
    for (repository, digest) in [(&web, &digest), (&app, &digest), (&app, &longer)] {
        let archive = step(Action::ArchiveImage(repository.clone(), digest.clone()));
        let refused = ledger
            .quarantine((repository, digest), (&archive, None), BAD, now)
            .await;
        assert_eq!(refused, Ok(None));
    }
    let images = |listed: Vec<QuarantinedImage>| -> Vec<String> {
        let name = |one: QuarantinedImage| format!("{}@{}", one.repository.arn(), one.digest);
        listed.into_iter().map(name).collect()
    };
    let found = ledger.quarantined_anywhere(&digest, now.now).await.unwrap();
    let [app, web] = [&app, &web].map(|repository| format!("{}@{digest}", repository.arn()));
    assert_eq!(images(found), [app.clone(), web.clone()]);
    let all = ledger.all_quarantined(now.now).await.unwrap();
    assert_eq!(images(all), [app.clone(), format!("{app}0"), web]);
    assert_eq!(wire.operations()[3..], ["Query", "Query"]);
}

#[tokio::test(start_paused = true)]
async fn a_switch_that_cannot_be_read_counts_as_paused() {
    let wire = Wire::new(|_| Answer::json(r#"{"Item":{"id":{"S":"switch"}}}"#));
    let clients = wire.clients(place());
    let pause = Ledger::new(&clients, "t").pause_in_force().await.unwrap();
    assert_eq!(pause.unwrap().by, "somebody");
}

#[tokio::test(start_paused = true)]
async fn an_action_is_taken_back_once_and_may_be_taken_again() {
    let table = Table::default();
    let wire = wire(&table);
    let clients = wire.clients(place());
    let ledger = Ledger::new(&clients, "t");
    let (repository, digest) = image();
    let step = step(Action::ArchiveImage(repository, digest));
    let first = writer("a", "2026-11-23T13:00:00Z");
    let person = Writer {
        by: "ada",
        ..writer("b", "2026-11-23T13:10:00Z")
    };
    let undoing = async || {
        ledger
            .undoing(&step.action, "oops", Some("T-1"), person)
            .await
    };
    assert_eq!(undoing().await, Ok(false), "what was never done");
    assert!(table.keys().is_empty());
    ledger.begin(&step, first).await.unwrap();
    ledger.finish(&step, &Effect::Done, first).await.unwrap();
    assert_eq!(undoing().await, Ok(true));
    ledger
        .undone(&step.action, Some("x"), person)
        .await
        .unwrap();
    assert_eq!(undoing().await, Ok(false));
    let recorded = ledger.action(&step.action, person.now).await.unwrap();
    let recorded = recorded.unwrap();
    assert!(recorded.is_undone());
    assert_eq!(
        (&*recorded.by, recorded.made.as_deref()),
        ("ada", Some("x"))
    );
    let begun = ledger.begin(&step, first).await.unwrap();
    assert!(!begun.was_done, "a new occurrence");
}

#[tokio::test(start_paused = true)]
async fn what_a_quarantine_took_is_listed_with_what_it_was_taken_for() {
    let table = Table::default();
    let wire = wire(&table);
    let clients = wire.clients(place());
    let ledger = Ledger::new(&clients, "t");
    let (repository, digest) = image();
    let index = Digest::parse(&format!("sha256:{}", "b".repeat(64))).unwrap();
    let now = writer("a", "2026-11-23T13:00:00Z");
    for one in [&index, &digest] {
        let step = step(Action::ArchiveImage(repository.clone(), one.clone()));
        let because = Because {
            subject: Some(&digest),
            reason: "bad",
            ticket: Some("T-1"),
        };
        ledger
            .quarantine((&repository, one), (&step, None), because, now)
            .await
            .unwrap();
    }
    let listed = ledger.all_quarantined(now.now).await.unwrap();
    assert_eq!(listed.len(), 2);
    for one in listed {
        assert_eq!(one.repository, repository);
        assert_eq!(one.subject.as_ref(), Some(&digest));
        assert_eq!(one.ticket.as_deref(), Some("T-1"));
        assert_eq!(one.by, "guard");
    }
}

#[tokio::test(start_paused = true)]
async fn a_release_can_be_ended_and_a_longer_one_is_the_answer_to_a_shorter() {
    let table = Table::default();
    let wire = wire(&table);
    let clients = wire.clients(place());
    let ledger = Ledger::new(&clients, "t");
    let (repository, digest) = image();
    let image = (&repository, &digest);
    let now = writer("a", "2026-11-23T13:00:00Z");
    let releasing = |until: &str| Releasing {
        reason: "good",
        ticket: Some("T-2"),
        until: until.parse().unwrap(),
    };
    let longer = releasing("2026-12-23T13:00:00Z");
    assert_eq!(ledger.release_for(image, longer, now).await, Ok(None));
    let shorter = releasing("2026-11-24T13:00:00Z");
    let answer = ledger.release_for(image, shorter, now).await.unwrap();
    assert_eq!(answer.unwrap().until, longer.until);
    ledger.end_release(image, now).await.unwrap();
    let archive = step(Action::ArchiveImage(repository.clone(), digest.clone()));
    assert_eq!(
        ledger.quarantine(image, (&archive, None), BAD, now).await,
        Ok(None)
    );
    let listed = ledger.all_quarantined(now.now).await.unwrap();
    assert!(matches!(&listed[0].state, Quarantined::Held { .. }));
    assert_eq!(
        listed[0].ticket, None,
        "the release's ticket is not the quarantine's"
    );
}

#[tokio::test(start_paused = true)]
async fn the_switch_and_the_budget_are_read_as_they_were_written() {
    let table = Table::default();
    let wire = wire(&table);
    let clients = wire.clients(place());
    let ledger = Ledger::new(&clients, "t");
    let now = writer("a", "2026-11-23T13:00:00Z");
    assert_eq!(ledger.switch().await, Ok(None));
    ledger.set_switch(true, "why", now).await.unwrap();
    let switch = ledger.switch().await.unwrap().unwrap();
    assert!(switch.is_paused);
    assert_eq!((&*switch.by, &*switch.reason), ("guard", "why"));
    assert_eq!(switch.since, Some(now.now));
    ledger.spend(5, now).await.unwrap();
    ledger.spend(5, now).await.unwrap();
    assert_eq!(ledger.spent("guard", now.now).await, Ok(2));
    assert_eq!(ledger.spent("other", now.now).await, Ok(0));
}

fn incident(now: Timestamp) -> Incident {
    Incident {
        standing: Standing::Telling,
        change: Change::Changed,
        what_changed: Some(WhatChanged::ActedOn),
        since: now,
        at: now,
        findings: "f".to_owned(),
        effects: "e".to_owned(),
        over: Some(Over::by(Reason::Released, "by ada")),
        repeats: 3,
        last: Some(now),
        alert: r#"{"version":1}"#.to_owned(),
        sequence: 2,
        attempt: "a".to_owned(),
        until: Some(now),
        revision: 1,
    }
}

#[tokio::test(start_paused = true)]
async fn an_incident_is_read_as_it_was_written_and_listed_with_its_kind() {
    let table = Table::default();
    let wire = wire(&table);
    let clients = wire.clients(place());
    let ledger = Ledger::new(&clients, "t");
    let writer = writer("a", "2026-11-23T13:00:00Z");
    let (repository, digest) = image();
    let key = Key::alert_about_image(&repository, &digest);
    let first = incident(writer.now);
    assert_eq!(ledger.put_incident(&key, &first, writer).await, Ok(true));
    assert_eq!(ledger.incident(&key, writer).await, Ok(Some(first.clone())));
    let other = Key::alert_in("task-definition", "x");
    ledger.put_incident(&other, &first, writer).await.unwrap();
    let listed = ledger.incidents("image", writer).await.unwrap();
    assert_eq!(listed, [(key.clone(), first.clone())]);
    // What is not there any more is taken out.
    let bare = Incident {
        what_changed: None,
        over: None,
        last: None,
        until: None,
        ..first.told(writer.now)
    };
    assert_eq!(ledger.put_incident(&key, &bare, writer).await, Ok(true));
    assert_eq!(ledger.incident(&key, writer).await, Ok(Some(bare)));
}

#[tokio::test(start_paused = true)]
async fn of_two_who_read_the_same_incident_one_writes() {
    let table = Table::default();
    let wire = wire(&table);
    let clients = wire.clients(place());
    let ledger = Ledger::new(&clients, "t");
    let writer_of = writer;
    let writer = writer("a", "2026-11-23T13:00:00Z");
    let (repository, digest) = image();
    let key = Key::alert_about_image(&repository, &digest);
    let first = incident(writer.now);
    assert_eq!(ledger.put_incident(&key, &first, writer).await, Ok(true));
    assert_eq!(ledger.put_incident(&key, &first, writer).await, Ok(false));
    let told = first.told(writer.now);
    assert_eq!(ledger.put_incident(&key, &told, writer).await, Ok(true));
    assert_eq!(ledger.put_incident(&key, &told, writer).await, Ok(false));
    // An open image is known for longer than a year, and what nobody has seen for that long is new.
    let later = writer_of("b", "2027-12-27T13:00:00Z");
    assert!(ledger.incident(&key, later).await.unwrap().is_some());
    let much_later = writer_of("b", "2027-12-29T13:00:00Z");
    assert_eq!(ledger.incident(&key, much_later).await, Ok(None));
    assert_eq!(
        ledger
            .put_incident(&key, &told.told(writer.now), much_later)
            .await,
        Ok(false)
    );
    assert_eq!(
        ledger.put_incident(&key, &first, much_later).await,
        Ok(true)
    );
}
