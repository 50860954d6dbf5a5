//! The index: whatever the order of events, it ends as what is true.

use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use tidewaiter_rules::{facts::usage::OwnImage, names::Place};

use super::*;
use crate::wire::{Answer, Table, Wire};

fn place() -> Place {
    Place::of_region("eu-west-1", "111122223333").unwrap()
}

fn repository() -> Repository {
    Repository::new(place(), "app").unwrap()
}

fn digest(number: u8) -> Digest {
    Digest::parse(&format!("sha256:{number:064}")).unwrap()
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn wire(table: &Table) -> Wire {
    let table = table.clone();
    Wire::new(move |call| table.answer(call).unwrap())
}

const START: &str = "2026-11-25T12:00:00Z";

/// A report of task `task`, a second later with each version.
fn seen(task: u8, version: i64, image: Option<u8>, is_running: bool) -> TaskSeen {
    TaskSeen {
        place: place(),
        arn: format!("arn:aws:ecs:eu-west-1:111122223333:task/prod/{task:032}"),
        cluster: "prod".to_owned(),
        service: Some("web".to_owned()),
        task_definition: "web:7".to_owned(),
        version,
        is_running,
        at: time(START) + SignedDuration::from_secs(version),
        images: vec![OwnImage {
            repository: repository(),
            digest: image.map(digest),
        }],
    }
}

/// Everything that the table holds.
fn dump(table: &Table) -> Vec<String> {
    let names = [
        "state",
        "version",
        "at",
        "cluster",
        "service",
        "definition",
        "repository",
        "expires",
    ];
    let line = |key: String| {
        let values = names.map(|name| table.attribute(&key, name).unwrap_or_default());
        format!("{key} {}", values.join(" "))
    };
    table.keys().into_iter().map(line).collect()
}

#[tokio::test(start_paused = true)]
async fn a_tasks_life_leaves_what_it_pulled_and_what_it_ran() {
    let table = Table::default();
    let wire = wire(&table);
    let clients = wire.clients(place());
    let ledger = Ledger::new(&clients, "ledger");
    for report in [
        seen(1, 1, None, true),
        seen(1, 3, Some(7), true),
        seen(1, 6, Some(7), false),
    ] {
        ledger.record(&report, Reporter::Event).await.unwrap();
    }
    assert_eq!(wire.operations(), ["UpdateItem"; 3]);
    insta::assert_snapshot!(dump(&table).join("\n"));
}

#[tokio::test(start_paused = true)]
async fn an_image_in_two_repositories_costs_one_write() {
    let table = Table::default();
    let wire = wire(&table);
    let clients = wire.clients(place());
    let mut report = seen(1, 3, Some(7), true);
    let mut second = report.images[0].clone();
    second.repository = Repository::new(place(), "copy").unwrap();
    report.images.push(second);
    let ledger = Ledger::new(&clients, "ledger");
    ledger.record(&report, Reporter::Event).await.unwrap();
    assert_eq!(wire.operations(), ["UpdateItem"]);
}

#[tokio::test(start_paused = true)]
async fn what_a_complete_listing_did_not_find_is_gone_unless_it_is_news() {
    let table = Table::default();
    let clients = wire(&table).clients(place());
    let ledger = Ledger::new(&clients, "ledger");
    let lost = seen(1, 3, Some(7), true);
    let found = seen(2, 3, Some(7), true);
    for report in [&lost, &found] {
        ledger.record(report, Reporter::Event).await.unwrap();
    }
    let began = time("2026-11-25T18:00:00Z");
    // As it runs on, no event of it came: the listing has the same version.
    let listed = TaskSeen { at: began, ..found };
    ledger.record(&listed, Reporter::Listing).await.unwrap();
    // Begun since, and just before, when `ListTasks` may not have shown it yet.
    let minute = SignedDuration::from_mins(1);
    for (task, at) in [(3, began + minute), (4, began - minute)] {
        let report = TaskSeen {
            at,
            ..seen(task, 1, Some(7), true)
        };
        ledger.record(&report, Reporter::Event).await.unwrap();
    }
    ledger.complete_index(began, 1).await.unwrap();
    let now = began + minute + minute;
    assert_eq!(ledger.index(now).await.unwrap(), Index::Complete(began));
    let users = ledger.users(&digest(7), began, now).await.unwrap();
    let tasks: Vec<&str> = users
        .running
        .iter()
        .filter_map(|user| user.arn.rsplit('0').next())
        .collect();
    assert_eq!(tasks, ["2", "3", "4"]);
}

#[tokio::test(start_paused = true)]
async fn an_index_is_relied_on_for_twice_the_time_between_listings() {
    let table = Table::default();
    let clients = wire(&table).clients(place());
    let ledger = Ledger::new(&clients, "ledger");
    let began = time(START);
    assert_eq!(TRUSTED, INTERVAL * 2);
    let unreliable = |index: Index| match index {
        Index::Unreliable(why) => why,
        Index::Complete(_) => panic!("must not be relied on"),
    };
    let why = unreliable(ledger.index(began).await.unwrap());
    assert!(why.contains("never listed"), "{why}");
    ledger
        .leave_index_incomplete(began, "too many")
        .await
        .unwrap();
    let why = unreliable(ledger.index(began).await.unwrap());
    assert!(why.contains("too many"), "{why}");
    ledger.complete_index(began, 3).await.unwrap();
    assert_eq!(
        ledger.index(began + TRUSTED).await.unwrap(),
        Index::Complete(began)
    );
    let late = began + TRUSTED + SignedDuration::from_secs(1);
    let why = unreliable(ledger.index(late).await.unwrap());
    assert!(why.contains("2026-11-25T12:00:00Z"), "{why}");
    // A later one that did not come to its end takes nothing back, and neither does an earlier one.
    let later = began + INTERVAL;
    ledger
        .leave_index_incomplete(later, "denied")
        .await
        .unwrap();
    ledger.complete_index(began - INTERVAL, 3).await.unwrap();
    assert_eq!(ledger.index(later).await.unwrap(), Index::Complete(began));
    let why = unreliable(ledger.index(late).await.unwrap());
    assert!(why.contains("denied"), "{why}");
}

#[tokio::test(start_paused = true)]
async fn a_service_that_a_listing_found_may_start_tasks_until_the_next_one() {
    let table = Table::default();
    let clients = wire(&table).clients(place());
    let ledger = Ledger::new(&clients, "ledger");
    let began = time(START);
    let service = "arn:aws:ecs:eu-west-1:111122223333:service/prod/idle";
    let service = ServiceArn::parse(service).unwrap();
    ledger
        .record_service(&digest(7), &service, "web:7", began)
        .await
        .unwrap();
    // A task of another has ended since.
    ledger
        .record(&seen(1, 6, Some(7), false), Reporter::Event)
        .await
        .unwrap();
    let users = ledger.users(&digest(7), began, began).await.unwrap();
    assert_eq!(users.running, []);
    let names: Vec<_> = users
        .services
        .iter()
        .filter_map(|user| user.service.as_deref())
        .collect();
    assert_eq!(names, ["idle", "web"]);
    let next = began + INTERVAL;
    let users = ledger.users(&digest(7), next, next).await.unwrap();
    assert_eq!(users, Users::default());
}

#[tokio::test(start_paused = true)]
async fn a_pull_that_takes_too_long_has_failed() {
    let table = Table::default();
    let clients = wire(&table).clients(place());
    let ledger = Ledger::new(&clients, "ledger");
    let began = time(START);
    ledger
        .record(&seen(1, 1, None, true), Reporter::Event)
        .await
        .unwrap();
    ledger
        .record(&seen(2, 1, None, true), Reporter::Event)
        .await
        .unwrap();
    ledger
        .record(&seen(2, 4, None, false), Reporter::Event)
        .await
        .unwrap();
    for (minutes, count) in [(5, 1), (19, 1), (21, 0)] {
        let now = began + SignedDuration::from_mins(minutes);
        let pulls = ledger.pulls(&repository(), began, now).await.unwrap();
        assert_eq!(pulls.len(), count, "after {minutes} minutes");
    }
}

#[tokio::test(start_paused = true)]
async fn a_ledger_that_cannot_be_reached_is_told() {
    let wire = Wire::new(|_| Answer::throttled());
    let clients = wire.clients(place());
    let ledger = Ledger::new(&clients, "ledger");
    let error = ledger
        .record(&seen(1, 1, None, true), Reporter::Event)
        .await
        .unwrap_err();
    assert!(error.is_transient());
}

/// The reports of a task's life, shorter or longer, with the image that it turned out to run.
fn life(task: u8) -> impl Strategy<Value = Vec<TaskSeen>> {
    (1..4_u8, 1..7_usize).prop_map(move |(image, length)| {
        let pulled = Some(image);
        let life = [
            seen(task, 1, None, true),
            seen(task, 2, None, true),
            seen(task, 3, pulled, true),
            seen(task, 4, pulled, true),
            seen(task, 5, pulled, false),
            seen(task, 6, pulled, false),
        ];
        life.into_iter().take(length).collect()
    })
}

/// Tasks by the image that they run.
type Running = BTreeSet<(Digest, String)>;

/// What the index and the truth say: which tasks run which image.
fn ended(reports: &[TaskSeen]) -> (Vec<String>, Running, Running) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let table = Table::default();
    let running = runtime.block_on(async {
        let clients = wire(&table).clients(place());
        let ledger = Ledger::new(&clients, "ledger");
        for report in reports {
            ledger.record(report, Reporter::Event).await.unwrap();
        }
        let mut running = BTreeSet::new();
        for number in 0..4 {
            let users = ledger
                .users(&digest(number), time(START), time(START))
                .await
                .unwrap();
            running.extend(
                users
                    .running
                    .into_iter()
                    .map(|user| (digest(number), user.arn)),
            );
        }
        running
    });
    let mut last: std::collections::BTreeMap<&str, &TaskSeen> = std::collections::BTreeMap::new();
    for report in reports {
        let known = last.entry(&report.arn).or_insert(report);
        if known.version < report.version {
            *known = report;
        }
    }
    let truth = last.into_values().filter(|report| report.is_running);
    let truth =
        truth.filter_map(|report| Some((report.images[0].digest.clone()?, report.arn.clone())));
    (dump(&table), running, truth.collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_order_and_repetition_of_events_ends_in_the_same_entries_and_they_are_true(
        lives in (life(1), life(2), life(3)),
        order in prop::collection::vec(any::<prop::sample::Index>(), 0..30),
    ) {
        let sorted: Vec<TaskSeen> = [lives.0, lives.1, lives.2].concat();
        // Some come again, and all in any order.
        let mut reports = sorted.clone();
        for index in &order {
            reports.push(sorted[index.index(sorted.len())].clone());
        }
        for (place, index) in order.iter().enumerate() {
            let other = index.index(reports.len());
            reports.swap(place % sorted.len(), other);
        }
        let (entries, running, truth) = ended(&reports);
        prop_assert_eq!(&running, &truth);
        prop_assert_eq!(entries, ended(&sorted).0);
    }
}

#[test]
fn the_writes_of_the_index_touch_nothing_else() {
    // The functions that keep the index are allowed these keys alone.
    let calls = Arc::new(Mutex::new(Vec::new()));
    let wire = {
        let calls = Arc::clone(&calls);
        Wire::new(move |call| {
            let id = call.parameters["Key"]["id"]["S"]
                .as_str()
                .unwrap_or_default();
            calls.lock().unwrap().push(id.to_owned());
            Answer::empty()
        })
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let clients = wire.clients(place());
        let ledger = Ledger::new(&clients, "ledger");
        let service = "arn:aws:ecs:eu-west-1:111122223333:service/prod/idle";
        let service = ServiceArn::parse(service).unwrap();
        ledger
            .record(&seen(1, 1, None, true), Reporter::Event)
            .await
            .unwrap();
        ledger
            .record(&seen(1, 1, Some(1), true), Reporter::Event)
            .await
            .unwrap();
        ledger
            .record_service(&digest(1), &service, "web:7", time(START))
            .await
            .unwrap();
        ledger.complete_index(time(START), 1).await.unwrap();
        ledger
            .leave_index_incomplete(time(START), "x")
            .await
            .unwrap();
    });
    let calls = calls.lock().unwrap();
    assert_eq!(calls.len(), 5);
    assert!(
        calls
            .iter()
            .all(|id| id.starts_with("usage#") || id == "usage-index"),
        "{calls:?}"
    );
}
