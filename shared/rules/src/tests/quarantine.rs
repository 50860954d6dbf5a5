//! What the quarantine of an image takes, and what it leaves.

use super::*;
use crate::{
    facts::{
        Run,
        family::{Build, Child, Listed, Role},
    },
    policy::InUse,
    wants_surroundings,
};

pub(super) fn digest(number: u8) -> Digest {
    Digest::parse(&format!("sha256:{}", format!("{number:02x}").repeat(32))).unwrap()
}

/// The scanned image of [`image`].
pub(super) const SCANNED: u8 = 0x0a;

pub(super) fn bad() -> Facts {
    alone(image(
        ScanState::Complete,
        BTreeMap::from([(ScanSeverity::Critical, 1)]),
    ))
}

pub(super) fn around(facts: &mut Facts) -> &mut Surroundings {
    let Subject::Image(image) = &mut facts.subject else {
        panic!("made as an image")
    };
    &mut image.surroundings
}

pub(super) fn platform(number: u8) -> Child {
    Child {
        digest: digest(number),
        role: Role::Platform("linux/amd64".to_owned()),
    }
}

pub(super) fn listed(number: u8, tags: &[&str], is_archived: bool) -> (Digest, Listed) {
    let listed = Listed {
        digest: digest(number),
        tags: tags.iter().map(|&tag| tag.to_owned()).collect(),
        is_archived,
        pushed_at: None,
    };
    (digest(number), listed)
}

pub(super) fn run(number: u8) -> Run {
    Run {
        cluster: "prod".to_owned(),
        service: Some("web".to_owned()),
        task_definition: "web:7".to_owned(),
        digest: digest(number),
        tasks: 2,
        task_arns: Vec::new(),
        owners: Vec::new(),
    }
}

pub(super) fn planned(facts: &Facts, more: &str) -> crate::Plan {
    plan(
        &decide(facts, &policy(more)),
        facts,
        Mode::Enforce,
        Some(&home()),
    )
}

/// The digests that a plan archives, in order.
fn archived(plan: &crate::Plan) -> Vec<Digest> {
    let digest = |step: &crate::Step| match &step.action {
        Action::ArchiveImage(_, digest) => digest.clone(),
        other => panic!("the method is archive: {other:?}"),
    };
    plan.steps.iter().map(digest).collect()
}

#[test]
fn an_index_goes_first_then_the_image_then_what_only_that_index_leads_to() {
    let attestation = Child {
        digest: digest(3),
        role: Role::Attestation,
    };
    let indexes = BTreeMap::from([
        (
            digest(0x20),
            vec![
                platform(SCANNED),
                platform(2),
                attestation,
                platform(4),
                platform(5),
                platform(6),
            ],
        ),
        // Another build with one platform in common.
        (digest(0x30), vec![platform(4), platform(7)]),
        // An index that leads to the index.
        (digest(0x10), vec![platform(0x20)]),
    ]);
    let list = BTreeMap::from([
        listed(0x20, &["1.0"], false),
        listed(5, &["1.0-arm64"], false),
        listed(6, &[], true),
    ]);
    let family = Family::of(&digest(SCANNED), &list, &indexes);
    assert_eq!(family.indexes[1].tags, ["1.0"]);
    let mut facts = bad();
    around(&mut facts).family = family.into();
    let plan = planned(&facts, "");
    assert_eq!(
        archived(&plan),
        [digest(0x10), digest(0x20), digest(SCANNED), digest(2)]
    );
    let kept: Vec<(&str, &str)> = plan
        .kept
        .iter()
        .map(|kept| (kept.digest.as_str(), kept.reason.as_str()))
        .collect();
    let shared = format!(
        "index {} leads to it too, and not to the denied image",
        digest(0x30)
    );
    assert_eq!(
        kept,
        [
            (digest(4).as_str(), shared.as_str()),
            (
                digest(5).as_str(),
                "it has a tag of its own, and is judged by its own scan"
            ),
        ]
    );
}

#[test]
fn an_entry_that_calls_itself_an_attestation_hides_no_image() {
    let child = Child {
        digest: digest(SCANNED),
        role: Role::Attestation,
    };
    let indexes = BTreeMap::from([(digest(0x20), vec![child])]);
    let mut facts = bad();
    around(&mut facts).family = Family::of(&digest(SCANNED), &BTreeMap::new(), &indexes).into();
    assert_eq!(
        archived(&planned(&facts, "")),
        [digest(0x20), digest(SCANNED)]
    );
}

#[test]
fn indexes_that_lead_in_circles_end() {
    let indexes = BTreeMap::from([
        (digest(1), vec![platform(2), platform(SCANNED)]),
        (digest(2), vec![platform(1), platform(2)]),
    ]);
    let family = Family::of(&digest(SCANNED), &BTreeMap::new(), &indexes);
    assert_eq!(family.indexes.len(), 2);
}

#[test]
fn what_runs_is_left_unless_the_policy_says_otherwise() {
    let mut facts = bad();
    around(&mut facts).usage = Some(Usage {
        runs: vec![run(SCANNED)],
        unknown: None,
    });
    let left = planned(&facts, "");
    assert_eq!(
        (left.steps, left.withheld),
        (Vec::new(), Some(Withheld::InUse))
    );
    assert_eq!(planned(&facts, "in-use: quarantine").steps.len(), 1);
    // Something else of the repository runs.
    around(&mut facts).usage = Some(Usage {
        runs: vec![run(1)],
        unknown: None,
    });
    assert_eq!(planned(&facts, "in-use: alert").steps.len(), 1);
}

#[test]
fn what_may_run_counts_as_running() {
    let unread = Surroundings::default();
    let partly = Surroundings {
        family: Family::default().into(),
        usage: Some(Usage {
            runs: Vec::new(),
            unknown: Some("denied".to_owned()),
        }),
        ..Surroundings::default()
    };
    let no_family = Surroundings {
        family: crate::Field::Unknown("denied".to_owned()),
        usage: Some(Usage::default()),
        ..Surroundings::default()
    };
    for surroundings in [unread, partly, no_family] {
        let mut facts = bad();
        *around(&mut facts) = surroundings;
        let left = planned(&facts, "");
        assert_eq!(
            (left.steps, left.withheld),
            (Vec::new(), Some(Withheld::UsageUnknown))
        );
        assert_eq!(
            archived(&planned(&facts, "in-use: quarantine")),
            [digest(SCANNED)]
        );
    }
}

#[test]
fn surroundings_are_read_only_where_they_decide() {
    let wants = |facts: &Facts, home: &Place| {
        wants_surroundings(&decide(facts, &Policy::default()), facts, home)
    };
    assert!(wants(&bad(), &home()));
    let elsewhere = Place::of_region("us-east-1", "111122223333").unwrap();
    assert!(!wants(&bad(), &elsewhere));
    assert!(!wants(
        &image(ScanState::Complete, BTreeMap::new()),
        &home()
    ));
    assert!(!wants(&image(ScanState::Failed, BTreeMap::new()), &home()));
    let counts = BTreeMap::from([(ScanSeverity::Critical, 1)]);
    assert!(!wants(&image(ScanState::Archived, counts), &home()));
}

#[test]
fn the_newest_build_whose_every_platform_is_clean_is_the_replacement() {
    let scan = |state: ScanState, critical: u64| {
        Scan::counted(
            Scanner::Basic,
            state,
            BTreeMap::from([(ScanSeverity::Critical, critical)]),
        )
    };
    let clean = || (digest(1), scan(ScanState::Complete, 0));
    let build = |tag: &str, scans: Vec<(Digest, Scan)>| Build {
        tag: tag.to_owned(),
        scans,
    };
    let mut facts = bad();
    around(&mut facts).builds = vec![
        build("empty", Vec::new()),
        build(
            "half",
            vec![clean(), (digest(2), scan(ScanState::Complete, 1))],
        ),
        build(
            "unscanned",
            vec![clean(), (digest(2), scan(ScanState::NotFound, 0))],
        ),
        build(
            "1.2",
            vec![clean(), (digest(3), scan(ScanState::Active, 0))],
        ),
        build("1.1", vec![clean()]),
    ];
    let tag = crate::replacement(&facts, &Policy::default());
    assert_eq!(tag.as_deref(), Some("1.2"));
    around(&mut facts).builds.truncate(3);
    assert_eq!(crate::replacement(&facts, &Policy::default()), None);
}

fn any_role() -> impl Strategy<Value = Role> {
    prop::sample::select(vec![
        Role::Platform("linux/amd64".to_owned()),
        Role::Attestation,
        Role::Artifact,
    ])
}

/// A repository of sixteen manifests, of which the first six are indexes: what is listed, and what
/// they lead to. An index leads to greater numbers alone, so there are no circles.
pub(super) fn any_repository()
-> impl Strategy<Value = (BTreeMap<Digest, Listed>, BTreeMap<Digest, Vec<Child>>)> {
    let manifest = (
        any::<bool>(),
        any::<bool>(),
        prop::collection::vec((1..16_u8, any_role()), 0..5),
    );
    prop::collection::vec(manifest, 16).prop_map(|manifests| {
        let mut list = BTreeMap::new();
        let mut indexes = BTreeMap::new();
        for (number, (is_tagged, is_archived, children)) in (0..16_u8).zip(manifests) {
            let tags: &[&str] = if is_tagged { &["t"] } else { &[] };
            list.extend([listed(number, tags, is_archived)]);
            if number < 6 && !is_archived {
                let child = |(step, role): (u8, Role)| Child {
                    digest: digest((number + step).min(15)),
                    role,
                };
                indexes.insert(digest(number), children.into_iter().map(child).collect());
            }
        }
        (list, indexes)
    })
}

pub(super) fn any_usage() -> impl Strategy<Value = Option<Usage>> {
    let usage =
        (prop::collection::vec(0..16_u8, 0..3), any::<bool>()).prop_map(|(running, is_unknown)| {
            Usage {
                runs: running.into_iter().map(run).collect(),
                unknown: is_unknown.then(|| "denied".to_owned()),
            }
        });
    prop::option::weighted(0.9, usage)
}

proptest! {
    #[test]
    fn no_plan_makes_what_runs_unpullable_unless_the_policy_says_so(
        (list, indexes) in any_repository(), usage in any_usage(), knows_family in any::<bool>(),
    ) {
        let mut facts = bad();
        let family = Family::of(&digest(SCANNED), &list, &indexes);
        *around(&mut facts) = Surroundings {
            family: if knows_family { family.into() } else { crate::Field::Unknown("denied".to_owned()) },
            usage: usage.clone(),
            ..Surroundings::default()
        };
        let targets = archived(&planned(&facts, ""));
        if !targets.is_empty() {
            let usage = usage.unwrap();
            prop_assert_eq!(usage.unknown, None);
            prop_assert!(knows_family);
            prop_assert!(usage.runs.iter().all(|run| !targets.contains(&run.digest)));
        }
    }

    #[test]
    fn an_index_goes_before_what_it_leads_to_and_nothing_healthy_loses_a_part(
        (list, indexes) in any_repository(),
    ) {
        let scanned = digest(SCANNED);
        let mut facts = bad();
        around(&mut facts).family = Family::of(&scanned, &list, &indexes).into();
        let targets = archived(&planned(&facts, ""));
        let place = |wanted: &Digest| targets.iter().position(|one| one == wanted);
        for (index, children) in &indexes {
            let leads = |to: &Digest| children.iter().any(|child| child.digest == *to);
            if leads(&scanned) {
                prop_assert!(place(index).is_some());
            }
            for target in targets.iter().filter(|target| leads(target)) {
                // ECR refuses to archive what an index in place leads to.
                prop_assert!(place(index) < place(target), "{:?}", targets);
                prop_assert!(place(index).is_some());
            }
        }
        // Each once, nothing that is archived, and nothing but images.
        let mut once = targets.clone();
        once.sort();
        once.dedup();
        prop_assert_eq!(once.len(), targets.len());
        for target in &targets {
            prop_assert!(!list[target].is_archived);
        }
    }

    #[test]
    fn a_plan_applied_leaves_nothing_to_do_and_twice_is_the_same((list, indexes) in any_repository()) {
        let scanned = digest(SCANNED);
        let mut facts = bad();
        around(&mut facts).family = Family::of(&scanned, &list, &indexes).into();
        let first = planned(&facts, "");
        prop_assert_eq!(&planned(&facts, ""), &first);
        let (mut list, mut indexes) = (list, indexes);
        for target in archived(&first) {
            if let Some(one) = list.get_mut(&target) {
                one.is_archived = true;
            }
            indexes.remove(&target);
        }
        around(&mut facts).family = Family::of(&scanned, &list, &indexes).into();
        let again = planned(&facts, "");
        prop_assert_eq!((again.steps, again.withheld), (Vec::new(), Some(Withheld::AlreadyDone)));
        let keys: std::collections::BTreeSet<_> = first.steps.iter().map(|step| &step.idempotency_key).collect();
        prop_assert_eq!(keys.len(), first.steps.len());
    }
}

#[test]
fn the_policy_says_what_is_done_about_what_runs() {
    assert_eq!(policy("").in_use(), InUse::Alert);
    assert_eq!(policy("in-use: quarantine").in_use(), InUse::Quarantine);
    let today = "2026-11-23T12:00:00Z".parse().unwrap();
    assert!(Policy::from_yaml("version: 1\nin-use: stop\n", today).is_err());
}

#[test]
fn a_person_may_put_back_what_was_restored() {
    let mut facts = bad();
    let Subject::Image(image) = &mut facts.subject else {
        panic!("made as an image")
    };
    image.is_restored = true;
    let plan = crate::plan_quarantine(image, InUse::Quarantine, &home());
    assert_eq!(archived(&plan), [digest(SCANNED)]);
    assert_eq!(planned(&facts, "").withheld, Some(Withheld::Restored));
}
