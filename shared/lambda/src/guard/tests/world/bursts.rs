//! The budget and the kill switch, tripped in the middle of a burst that two processes of each
//! function handle.

use std::time::Duration;

use super::{process::SetUp, *};

/// Bad images that are pushed within seconds, and definitions with them.
fn burst() -> Vec<(Duration, Happening)> {
    let mut course = Vec::new();
    for id in [0, 1, 3, 4, 5] {
        course.push((Duration::ZERO, Happening::Flaw(id, "CRITICAL")));
    }
    for (second, id) in [0, 1, 2, 3, 5].into_iter().enumerate() {
        let at = Duration::from_secs(u64::try_from(second).unwrap());
        course.push((at, Happening::Push(id, Some("1.0"))));
    }
    for revision in 1..=5 {
        let at = Duration::from_secs(u64::try_from(revision).unwrap());
        course.push((at, Happening::Register(revision)));
    }
    course
}

fn run(policy: &str, seed: u64, course: &[(Duration, Happening)]) -> std::rc::Rc<World> {
    let set_up = SetUp {
        mode: Mode::Enforce,
        policy: policy.to_owned(),
    };
    let world = World::run(true, &set_up, Chaos::of(seed).at_once(), course);
    let broken = world.see(|aws| aws.watch.broken.clone());
    assert!(broken.is_empty(), "seed {seed}: {broken:#?}");
    world
}

fn changes(aws: &Aws) -> usize {
    let writes = watch::WRITES.iter();
    writes.filter_map(|write| aws.watch.calls.get(*write)).sum()
}

#[test]
fn a_burst_over_two_processes_ends_at_the_budget_of_each_function_and_is_told_in_full() {
    for seed in 0..6 {
        let all = run("", seed, &burst());
        assert!(all.see(changes) >= 10, "the burst is one");
        let world = run("max-actions-per-hour: 2", seed, &burst());
        world.see(|aws| {
            let acts: Vec<u32> = aws.watch.acts.values().copied().collect();
            assert!(
                !acts.is_empty() && acts.iter().all(|acts| *acts <= 2),
                "{acts:?}"
            );
            let pages = aws.watch.told.iter().filter(|told| told.kind == "failure");
            // One of each function that ran out.
            assert!((1..=3).contains(&pages.count()), "{:#?}", aws.watch.told);
            for id in [0, 1, 2, 3, 5] {
                let subject = format!("{}@{}", IMAGES[id].repository, IMAGES[id].digest());
                let told = aws.watch.told.iter().filter(|told| told.subject == subject);
                assert!(told.count() >= 1, "seed {seed}: {subject} is not told");
            }
            assert!(aws.aside.is_empty(), "{:?}", aws.aside);
        });
    }
}

#[test]
fn a_switch_turned_in_a_burst_stops_both_processes_within_the_event_at_hand() {
    for seed in 0..6 {
        let mut course = burst();
        course.push((Duration::from_millis(2_500), Happening::Pause(true)));
        course.sort_by_key(|(at, _)| *at);
        let world = run("", seed, &course);
        world.see(|aws| {
            let all = IMAGES.len() + 5;
            assert!(changes(aws) < all, "seed {seed}");
            assert!(aws.ecs.inactive.len() < 5, "seed {seed}");
            let held = aws.watch.told.iter();
            let held = held.filter(|told| {
                told.became
                    .iter()
                    .any(|it| it.contains("paused all actions"))
            });
            assert!(held.count() > 0, "seed {seed}: {:#?}", aws.watch.told);
        });
    }
}

#[test]
fn what_a_pause_held_back_is_done_when_it_is_announced_again() {
    let course = [
        (Duration::ZERO, Happening::Pause(true)),
        (Duration::ZERO, Happening::Flaw(0, "CRITICAL")),
        (Duration::from_secs(1), Happening::Push(0, None)),
        (Duration::from_mins(150), Happening::Pause(false)),
        (Duration::from_secs(9_001), Happening::Flaw(0, "CRITICAL")),
    ];
    let world = run("", 0, &course);
    assert_eq!(world.outcome().pullable, BTreeSet::new());
}
