//! What holds in every world.

use std::time::Duration;

use proptest::prelude::*;

use super::{
    chaos::Lost,
    ecr::{INDEX, SHARED, SINGLE},
    process::SetUp,
    *,
};

/// A happening so long after the one before.
type Course = Vec<(Duration, Happening)>;

const YEAR: Duration = Duration::from_secs(365 * 86_400);

fn enforcing(policy: &str) -> SetUp {
    SetUp {
        mode: Mode::Enforce,
        policy: policy.to_owned(),
    }
}

fn push() -> impl Strategy<Value = Happening> {
    let tags = prop_oneof![Just(None), Just(Some("1.0")), Just(Some("2.0"))];
    (0..IMAGES.len(), tags).prop_map(|(id, tag)| Happening::Push(id, tag))
}

fn flaw() -> impl Strategy<Value = Happening> {
    let severity = prop_oneof![Just("LOW"), Just("CRITICAL"), Just("CRITICAL")];
    (0..IMAGES.len(), severity).prop_map(|(id, severity)| Happening::Flaw(id, severity))
}

/// What happens to images, to what is registered, and by people.
fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        6 => push(),
        4 => flaw(),
        1 => (0..IMAGES.len()).prop_map(Happening::Restore),
        1 => (0..IMAGES.len()).prop_map(|id| Happening::Release(id, YEAR)),
        1 => (1..4_usize).prop_map(Happening::Register),
    ]
}

/// Tasks come and go as well.
fn busy() -> impl Strategy<Value = Happening> {
    prop_oneof![
        6 => happening(),
        2 => (0..4_u8, 0..IMAGES.len()).prop_map(|(task, id)| Happening::Start(task, id)),
        1 => (0..4_u8).prop_map(Happening::Stop),
    ]
}

/// So many of these, within some hours.
fn course(
    of: impl Strategy<Value = Happening>,
    most: usize,
) -> impl Strategy<Value = Course> {
    let gaps = (0..1_800_u64, of);
    prop::collection::vec(gaps, 1..most).prop_map(|gaps| {
        let mut at = Duration::ZERO;
        let later = |(gap, happening)| {
            at += Duration::from_secs(gap);
            (at, happening)
        };
        gaps.into_iter().map(later).collect()
    })
}

/// When everything has happened, scans included.
fn end(course: &Course) -> Duration {
    course.last().map_or(Duration::ZERO, |(at, _)| *at) + Duration::from_secs(3600)
}

/// Nothing that must not have been, and nothing given up.
fn nothing_broke(world: &World) -> Result<(), TestCaseError> {
    let broken = world.see(|aws| aws.watch.broken.clone());
    prop_assert!(broken.is_empty(), "{broken:#?}");
    let aside = world.see(|aws| aws.aside.clone());
    prop_assert!(aside.is_empty(), "{aside:#?}");
    Ok(())
}

fn cases(most: u32) -> ProptestConfig {
    let asked = std::env::var("TIDEWAITER_WORLDS").ok();
    ProptestConfig {
        cases: asked.and_then(|it| it.parse().ok()).unwrap_or(most),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(cases(24))]

    #[test]
    fn any_order_and_repetition_of_deliveries_ends_as_the_sorted_ones_after_all_has_happened(
        course in course(happening(), 14),
        is_enhanced: bool,
        seed: u64,
    ) {
        let set_up = enforcing("");
        let sorted = World::run(is_enhanced, &set_up, Chaos::after(end(&course)), &course);
        nothing_broke(&sorted)?;
        let world = World::run(is_enhanced, &set_up, Chaos::of(seed), &course);
        nothing_broke(&world)?;
        prop_assert_eq!(world.outcome(), sorted.outcome());
    }
}
