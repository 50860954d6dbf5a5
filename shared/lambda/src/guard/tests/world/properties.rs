//! What holds in every world.

use std::time::Duration;

use proptest::{prelude::*, test_runner::RngSeed};

use super::{chaos::Lost, ecr::Scan, process::SetUp, watch::Told, *};

/// A happening so long after the one before.
type Course = Vec<(Duration, Happening)>;

const YEAR: Duration = Duration::from_hours(365 * 24);

fn enforcing(policy: &str) -> SetUp {
    SetUp {
        mode: Mode::Enforce,
        policy: policy.to_owned(),
    }
}

/// What people name: images that stand alone, and indexes.
fn whole() -> impl Strategy<Value = ImageId> + Clone {
    prop::sample::select(vec![0, 1, 2, 7, 8])
}

/// Anything, parts of indexes too.
fn any_image() -> impl Strategy<Value = ImageId> + Clone {
    0..IMAGES.len()
}

fn flaw() -> impl Strategy<Value = Happening> {
    let severity = prop_oneof![Just("LOW"), Just("CRITICAL"), Just("CRITICAL")];
    (any_image(), severity).prop_map(|(id, severity)| Happening::Flaw(id, severity))
}

/// What happens to these images, to what is registered, and by people.
fn happening(
    of: impl Strategy<Value = ImageId> + Clone + 'static,
) -> impl Strategy<Value = Happening> {
    let tags = prop_oneof![Just(None), Just(Some("1.0")), Just(Some("2.0"))];
    let push = (of.clone(), tags).prop_map(|(id, tag)| Happening::Push(id, tag));
    prop_oneof![
        6 => push,
        4 => flaw(),
        1 => of.clone().prop_map(Happening::Restore),
        1 => of.prop_map(|id| Happening::Release(id, YEAR)),
        1 => (1..4_usize).prop_map(Happening::Register),
    ]
}

/// Tasks come and go as well.
fn busy() -> impl Strategy<Value = Happening> {
    prop_oneof![
        6 => happening(any_image()),
        2 => (0..4_u8, any_image()).prop_map(|(task, id)| Happening::Start(task, id)),
        1 => (0..4_u8).prop_map(Happening::Stop),
    ]
}

/// So many of these, within some hours.
fn course(of: impl Strategy<Value = Happening>, most: usize) -> impl Strategy<Value = Course> {
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

/// Events in any order; and where it is rough, a ledger that throttles and clocks that are apart.
fn chaos(seed: u64, is_rough: bool) -> Chaos {
    let chaos = Chaos::of(seed);
    if is_rough { chaos.roughly() } else { chaos }
}

/// When everything has happened, scans included.
fn end(course: &Course) -> Duration {
    course.last().map_or(Duration::ZERO, |(at, _)| *at) + Duration::from_hours(1)
}

/// Nothing that must not have been, and nothing given up.
fn nothing_broke(world: &World) -> Result<(), TestCaseError> {
    let broken = world.see(|aws| aws.watch.broken.clone());
    prop_assert!(broken.is_empty(), "{broken:#?}");
    let aside = world.see(|aws| aws.aside.clone());
    prop_assert!(aside.is_empty(), "{aside:#?}");
    Ok(())
}

/// The same worlds at every run, or so many others.
fn cases(most: u32) -> ProptestConfig {
    let asked = std::env::var("TIDEWAITER_WORLDS").ok();
    let asked = asked.and_then(|it| it.parse().ok());
    ProptestConfig {
        cases: asked.unwrap_or(most),
        rng_seed: asked.map_or(RngSeed::Fixed(20_261_125), |_| RngSeed::Random),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// Whether an alert was about this image, or named it among what was archived.
fn is_told(told: &Told, id: ImageId) -> bool {
    told.decision == "deny" && (told.subject == subject(id) || told.targets.contains(&name(id)))
}

/// An image as alerts have it.
fn subject(id: ImageId) -> String {
    format!("{}@{}", IMAGES[id].repository, IMAGES[id].digest())
}

/// What is denied, and known to be.
fn denied(aws: &Aws) -> Vec<ImageId> {
    let known = aws.registry.images.iter();
    let scanned = known.filter(|(_, image)| image.is_archived || image.scan == Scan::Done);
    let ids = scanned.map(|(id, _)| *id);
    ids.filter(|id| aws.registry.is_bad(*id)).collect()
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn any_order_and_repetition_of_deliveries_ends_as_the_sorted_ones_after_all_has_happened(
        course in course(happening(whole()), 12),
        is_enhanced: bool,
        is_rough: bool,
        seed: u64,
    ) {
        let set_up = enforcing("");
        let sorted = World::run(is_enhanced, &set_up, Chaos::after(end(&course)), &course);
        nothing_broke(&sorted)?;
        let world = World::run(is_enhanced, &set_up, chaos(seed, is_rough), &course);
        nothing_broke(&world)?;
        let outcome = world.outcome();
        prop_assert_eq!(&outcome.slipped, &BTreeSet::new());
        prop_assert_eq!(outcome, sorted.outcome());
    }

    /// Parts of an index are pushed, restored and released by themselves as well.
    #[test]
    fn in_any_order_what_is_denied_ends_out_of_reach_or_told(
        course in course(busy(), 16),
        is_enhanced: bool,
        is_rough: bool,
        seed: u64,
    ) {
        let world = World::run(is_enhanced, &enforcing(""), chaos(seed, is_rough), &course);
        nothing_broke(&world)?;
        world.see(|aws| {
            for id in denied(aws) {
                let is_known = aws.watch.told.iter().any(|told| is_told(told, id));
                prop_assert!(is_known, "{} was never told", subject(id));
            }
            Ok(())
        })?;
    }

    #[test]
    fn where_the_policy_has_what_runs_quarantined_it_is(
        course in course(busy(), 12),
        seed: u64,
    ) {
        let set_up = enforcing("in-use: quarantine");
        let world = World::run(true, &set_up, Chaos::of(seed), &course);
        nothing_broke(&world)?;
        let released = course.iter().any(|(_, it)| matches!(it, Happening::Release(..)));
        world.see(|aws| {
            for id in denied(aws) {
                prop_assert!(released || !aws.registry.is_pullable(id), "{}", subject(id));
            }
            Ok(())
        })?;
    }

    #[test]
    fn in_audit_mode_nothing_is_ever_changed(course in course(busy(), 10), seed: u64) {
        let set_up = SetUp { mode: Mode::Audit, policy: String::new() };
        let world = World::run(true, &set_up, Chaos::of(seed), &course);
        nothing_broke(&world)?;
    }

    #[test]
    fn no_more_is_changed_in_an_hour_than_the_budget_has(
        course in course(busy(), 14),
        most in 0..3_u32,
        seed: u64,
    ) {
        let set_up = enforcing(&format!("max-actions-per-hour: {most}"));
        let world = World::run(true, &set_up, Chaos::of(seed), &course);
        nothing_broke(&world)?;
    }

    #[test]
    fn each_incident_is_told_and_once_more_at_most_for_a_kill(
        course in course(prop_oneof![2 => whole().prop_map(|id| Happening::Push(id, None)), 2 => flaw()], 8),
        seed: u64,
        kill in prop::option::of((0..200_usize, prop_oneof![Just(Lost::Request), Just(Lost::Answer)])),
    ) {
        let mut chaos = Chaos::of(seed);
        if let Some((call, lost)) = kill {
            chaos = chaos.killing(call, lost);
        }
        let world = World::run(true, &enforcing(""), chaos, &course);
        nothing_broke(&world)?;
        let kills = world.see(|aws| kill.is_some_and(|(call, _)| call < aws.watch.count()));
        world.see(|aws| {
            for id in denied(aws) {
                let alerts = aws.watch.told.iter();
                let own = alerts.filter(|told| told.subject == subject(id));
                let own = own.filter(|told| told.change != "resolved").count();
                let is_known = aws.watch.told.iter().any(|told| is_told(told, id));
                prop_assert!(is_known, "{} was never told", subject(id));
                // What comes back with another index is another incident.
                let most = aws.registry.images[&id].arrivals + usize::from(kills);
                prop_assert!(own <= most, "{} was told {own} times: {:#?}", subject(id), aws.watch.told);
            }
            Ok(())
        })?;
    }
}
