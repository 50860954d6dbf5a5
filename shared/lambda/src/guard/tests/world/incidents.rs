//! One incident, however often and in whatever order it is announced: opened once, and resolved once.

use std::{collections::BTreeMap, rc::Rc, time::Duration};

use super::{chaos::Lost, process::SetUp, *};

fn run(mode: Mode, chaos: Chaos, course: &[(Duration, Happening)]) -> Rc<World> {
    let policy = String::new();
    let world = World::run(false, &SetUp { mode, policy }, chaos, course);
    world.see(|aws| {
        assert!(aws.watch.broken.is_empty(), "{:#?}", aws.watch.broken);
        assert!(aws.aside.is_empty(), "{:?}", aws.aside);
    });
    world
}

/// The changes that were told of each subject, in order.
fn told(aws: &Aws) -> BTreeMap<String, Vec<String>> {
    let mut told: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for one in &aws.watch.told {
        let changes = told.entry(one.subject.clone()).or_default();
        changes.push(one.change.clone());
    }
    told
}

/// A definition that is registered, and deregistered for it.
fn definition() -> Vec<(Duration, Happening)> {
    vec![(Duration::ZERO, Happening::Register(1))]
}

/// An image that is pushed, found bad and archived for it.
fn image() -> Vec<(Duration, Happening)> {
    vec![
        (Duration::ZERO, Happening::Flaw(0, "CRITICAL")),
        (Duration::from_secs(1), Happening::Push(0, Some("1.0"))),
    ]
}

#[test]
fn a_thousand_deliveries_of_an_incident_to_two_processes_are_one_opened_and_one_resolved() {
    for (course, subject) in [
        (definition(), "ci-builder:1".to_owned()),
        (
            image(),
            format!("{}@{}", IMAGES[0].repository, IMAGES[0].digest()),
        ),
    ] {
        for seed in 0..2 {
            // Two events of each: a registration and a deregistration, a push and a scan.
            let chaos = Chaos::of(seed).repeating(500);
            let world = run(Mode::Enforce, chaos, &course);
            world.see(|aws| {
                let expected = vec!["opened".to_owned(), "resolved".to_owned()];
                assert_eq!(
                    told(aws),
                    [(subject.clone(), expected)].into(),
                    "seed {seed}"
                );
            });
        }
    }
}

#[test]
fn a_definition_that_somebody_deregisters_is_resolved_though_that_is_heard_of_first() {
    for seed in 0..8 {
        let course = [
            (Duration::ZERO, Happening::Register(1)),
            (Duration::from_secs(1), Happening::Deregister(1)),
        ];
        let world = run(Mode::Audit, Chaos::of(seed).repeating(20), &course);
        world.see(|aws| {
            let told = told(aws);
            assert_eq!(told["ci-builder:1"], ["opened", "resolved"], "seed {seed}");
        });
    }
}

#[test]
fn a_definition_that_nothing_is_told_of_is_over_in_silence() {
    let course = [(Duration::ZERO, Happening::Deregister(9))];
    let world = run(Mode::Audit, Chaos::of(0).repeating(20), &course);
    world.see(|aws| assert!(aws.watch.told.is_empty(), "{:#?}", aws.watch.told));
}

#[test]
fn a_kill_at_any_call_repeats_one_message_at_most_and_loses_none() {
    for course in [definition(), image()] {
        let calls = run(Mode::Enforce, Chaos::of(7), &course).see(|aws| aws.watch.count());
        assert!(calls > 12, "it is a world");
        for call in 0..calls {
            for lost in [Lost::Request, Lost::Answer] {
                let chaos = Chaos::of(7).killing(call, lost);
                let world = run(Mode::Enforce, chaos, &course);
                world.see(|aws| {
                    let told: Vec<String> = told(aws).into_values().flatten().collect();
                    let count = |change: &str| told.iter().filter(|it| *it == change).count();
                    let (opened, resolved) = (count("opened"), count("resolved"));
                    assert_eq!(opened + resolved, told.len(), "call {call}: {told:?}");
                    assert!(
                        opened >= 1 && resolved >= 1 && told.len() <= 3,
                        "call {call}: {told:?}"
                    );
                    assert_eq!(told[0], "opened", "call {call}");
                    assert_eq!(
                        told.last().map(String::as_str),
                        Some("resolved"),
                        "call {call}"
                    );
                });
            }
        }
    }
}
