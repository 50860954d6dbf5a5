//! The methods of a quarantine: what each does, what it never does, and that its undo undoes it.

use std::collections::BTreeSet;

use super::quarantine::*;
use super::*;
use crate::{
    Plan,
    facts::{
        Quarantine,
        family::{Child, Listed},
    },
    names::ImageTag,
    policy::Method,
    wants_surroundings,
};

const UNTAG: &str = "quarantine: {method: untag}";
const DELETE: &str = "quarantine: {method: delete, delete-after-days: 7}";

fn at(facts: &mut Facts, time: &str) {
    facts.observed_at = Some(time.parse().unwrap());
}

fn facts_of(list: &BTreeMap<Digest, Listed>, indexes: &BTreeMap<Digest, Vec<Child>>) -> Facts {
    let mut facts = bad();
    at(&mut facts, "2026-11-25T12:00:00Z");
    around(&mut facts).family = Family::of(&digest(SCANNED), list, indexes).into();
    facts
}

fn image_of(facts: &mut Facts) -> &mut Image {
    let Subject::Image(image) = &mut facts.subject else {
        panic!("made as an image")
    };
    image
}

/// An image that is in the archive since a time.
fn archived_since(since: &str, now: &str) -> Facts {
    let mut facts = alone(image(ScanState::Archived, BTreeMap::new()));
    at(&mut facts, now);
    image_of(&mut facts).quarantine = Some(Quarantine {
        since: Some(since.parse().unwrap()),
        reason: "CVE-2026-1".to_owned(),
        elsewhere: None,
        is_untold: false,
    });
    around(&mut facts).family = Family {
        is_archived: true,
        ..Family::default()
    }
    .into();
    facts
}

/// The steps, short: what is done, and to which tag.
fn told(plan: &Plan) -> Vec<(&'static str, Digest, String)> {
    let told = |step: &crate::Step| match &step.action {
        Action::ArchiveImage(_, digest) | Action::DeleteImage(_, digest) => {
            (step.action.name(), digest.clone(), String::new())
        }
        Action::TagImage(_, digest, tag) | Action::UntagImage(_, digest, tag) => {
            (step.action.name(), digest.clone(), tag.to_string())
        }
        other => panic!("nothing is said about what runs: {other:?}"),
    };
    plan.steps.iter().map(told).collect()
}

#[test]
fn the_method_is_archive_unless_the_policy_says_another() {
    for (written, method) in [
        ("", Method::Archive),
        ("quarantine: {}", Method::Archive),
        ("quarantine: {method: archive}", Method::Archive),
        (UNTAG, Method::Untag),
        (DELETE, Method::Delete { after_days: 7 }),
    ] {
        assert_eq!(policy(written).method(), method, "{written}");
    }
}

#[test]
fn untagging_puts_a_quarantine_tag_first_and_takes_the_others_one_by_one_index_first() {
    let indexes = BTreeMap::from([(digest(0x20), vec![platform(SCANNED), platform(2)])]);
    let list = BTreeMap::from([
        listed(0x20, &["1.0", "latest"], false),
        listed(SCANNED, &["1.0-amd64"], false),
    ]);
    let plan = planned(&facts_of(&list, &indexes), UNTAG);
    let tag = |name: &str| name.to_owned();
    assert_eq!(
        told(&plan),
        [
            (
                "tag-image",
                digest(0x20),
                tag("quarantine-20261125-202020202020")
            ),
            ("untag-image", digest(0x20), tag("1.0")),
            ("untag-image", digest(0x20), tag("latest")),
            (
                "tag-image",
                digest(SCANNED),
                tag("quarantine-20261125-0a0a0a0a0a0a")
            ),
            ("untag-image", digest(SCANNED), tag("1.0-amd64")),
        ]
    );
    let keys: BTreeSet<&str> = plan
        .steps
        .iter()
        .map(|s| s.idempotency_key.as_str())
        .collect();
    assert_eq!(keys.len(), 5);
    assert!(
        keys.contains(
            format!(
                "untag-image:arn:aws:ecr:eu-west-1:111122223333:repository/team/app:latest@{}",
                digest(0x20)
            )
            .as_str()
        )
    );
}

#[test]
fn untagging_begun_by_an_earlier_attempt_keeps_its_quarantine_tag() {
    let marked = "quarantine-20261101-0a0a0a0a0a0a";
    let list = BTreeMap::from([listed(SCANNED, &[marked, "1.0"], false)]);
    let plan = planned(&facts_of(&list, &BTreeMap::new()), UNTAG);
    assert_eq!(
        told(&plan),
        [("untag-image", digest(SCANNED), "1.0".to_owned())]
    );
}

#[test]
fn what_cannot_be_untagged_is_left_for_a_reason() {
    let alone_with = |tags: &[&str]| {
        let list = BTreeMap::from([listed(SCANNED, tags, false)]);
        facts_of(&list, &BTreeMap::new())
    };
    let mut unread = alone_with(&["1.0"]);
    around(&mut unread).family = crate::Field::Unknown("denied".to_owned());
    let mut runs = alone_with(&["1.0"]);
    around(&mut runs).usage = Some(Usage {
        runs: vec![run(SCANNED)],
        unknown: None,
    });
    let done = alone_with(&["quarantine-20261101-0a0a0a0a0a0a"]);
    for (facts, reason) in [
        (alone_with(&[]), Withheld::Untagged),
        (done, Withheld::AlreadyDone),
        (unread, Withheld::TagsUnknown),
        (alone_with(&["1.0", "a b"]), Withheld::TagsUnknown),
        (runs, Withheld::InUse),
    ] {
        let plan = planned(&facts, UNTAG);
        assert_eq!((plan.steps, plan.withheld), (Vec::new(), Some(reason)));
    }
    // Without an account nobody can be asked, and the event says which tags it had.
    let mut dry = image(
        ScanState::Complete,
        BTreeMap::from([(ScanSeverity::Critical, 1)]),
    );
    image_of(&mut dry).tags = vec!["1.0".to_owned()];
    let decision = decide(&dry, &policy(UNTAG));
    assert_eq!(plan(&decision, &dry, Mode::Audit, None).steps.len(), 2);
    // A quarantine tag of another digest says nothing of this one.
    let others = planned(&alone_with(&["quarantine-20261101-0b0b0b0b0b0b"]), UNTAG);
    assert_eq!(others.steps.len(), 2);
}

#[test]
fn tags_are_read_before_they_are_removed() {
    let facts = image(
        ScanState::Complete,
        BTreeMap::from([(ScanSeverity::Critical, 1)]),
    );
    let decision = decide(&facts, &policy(UNTAG));
    assert!(wants_surroundings(&decision, &facts, &home()));
}

#[test]
fn what_is_to_be_deleted_is_archived_first() {
    let plan = planned(&bad(), DELETE);
    assert_eq!(
        told(&plan),
        [("archive-image", digest(SCANNED), String::new())]
    );
}

#[test]
fn an_image_is_deleted_when_its_days_in_quarantine_are_over_and_not_before() {
    let since = "2026-11-18T12:00:00Z";
    let before = archived_since(since, "2026-11-25T11:59:59Z");
    let over = archived_since(since, "2026-11-25T12:00:00Z");
    assert_eq!(decide(&before, &policy(DELETE)).verdict, Verdict::Allow);
    assert_eq!(
        told(&planned(&over, DELETE)),
        [("delete-image", digest(SCANNED), String::new())]
    );
    // By no other method, and not where the rule is not to deny.
    for more in [
        "",
        UNTAG,
        &format!("{DELETE}\nrules: {{expired-quarantine: warn}}"),
    ] {
        assert!(planned(&over, more).steps.is_empty(), "{more}");
    }
}

#[test]
fn what_may_still_be_wanted_is_not_deleted_whatever_the_policy_says_of_what_runs() {
    let over = || archived_since("2026-11-01T12:00:00Z", "2026-11-25T12:00:00Z");
    let running = Usage {
        // Of the same repository: what an archived index leads to is not known.
        runs: vec![run(0x77)],
        unknown: None,
    };
    let unseen = Usage {
        runs: Vec::new(),
        unknown: Some("denied".to_owned()),
    };
    let indexes = BTreeMap::from([(digest(0x20), vec![platform(SCANNED)])]);
    let list = BTreeMap::from([listed(SCANNED, &[], true)]);
    let referenced = Family::of(&digest(SCANNED), &list, &indexes);
    for in_use in ["alert", "quarantine"] {
        let more = format!("{DELETE}\nin-use: {in_use}");
        for (change, reason) in [
            (
                (|around: &mut Surroundings, usage: &Usage, _: &Family| {
                    around.usage = Some(usage.clone());
                }) as fn(&mut Surroundings, &Usage, &Family),
                Withheld::RunsArchived,
            ),
            (|around, _, _| around.usage = None, Withheld::RunsArchived),
            (
                |around, _, _| around.family = crate::Field::Unknown("denied".to_owned()),
                Withheld::RunsArchived,
            ),
            (
                |around, _, family| around.family = family.clone().into(),
                Withheld::Referenced,
            ),
            (
                |around, _, _| around.family = Family::default().into(),
                Withheld::Restored,
            ),
        ] {
            for usage in [&running, &unseen] {
                let mut facts = over();
                change(around(&mut facts), usage, &referenced);
                let plan = planned(&facts, &more);
                assert_eq!((plan.steps, plan.withheld), (Vec::new(), Some(reason)));
            }
        }
    }
}

#[test]
fn the_undo_of_a_deletion_promises_nothing() {
    let over = archived_since("2026-11-01T12:00:00Z", "2026-11-25T12:00:00Z");
    let plan = planned(&over, DELETE);
    let undo = &plan.steps[0].undo;
    assert!(undo.command.starts_with("# no command"), "{}", undo.command);
    assert!(undo.explanation.contains("pushing it again"));
}

#[test]
fn the_commands_of_tags_read_as_they_should() {
    let list = BTreeMap::from([listed(SCANNED, &["1.0"], false)]);
    let plan = planned(&facts_of(&list, &BTreeMap::new()), UNTAG);
    let mut text = String::new();
    for step in &plan.steps {
        let (command, undo) = (step.action.command(), &step.undo.command);
        writeln!(text, "{}\n{command}\n{undo}\n", step.action.name()).unwrap();
    }
    insta::assert_snapshot!(text);
}

// ---- A repository as ECR keeps it -----------------------------------------------------

/// Each image: its tags, and whether it is in the archive.
type State = BTreeMap<Digest, (BTreeSet<String>, bool)>;

fn state_of(list: &BTreeMap<Digest, Listed>) -> State {
    list.iter()
        .map(|(digest, one)| {
            let tags = one.tags.iter().cloned().collect();
            (digest.clone(), (tags, one.is_archived))
        })
        .collect()
}

fn put_tag(state: &mut State, digest: &Digest, tag: &str) {
    for (tags, _) in state.values_mut() {
        tags.remove(tag);
    }
    state.get_mut(digest).unwrap().0.insert(tag.to_owned());
}

/// `BatchDeleteImage` by tag: with its last tag the image is gone.
fn remove_tag(state: &mut State, tag: &str) {
    let holder = state.iter().find(|(_, (tags, _))| tags.contains(tag));
    let Some((digest, _)) = holder.map(|(digest, held)| (digest.clone(), held)) else {
        return;
    };
    let tags = &mut state.get_mut(&digest).unwrap().0;
    tags.remove(tag);
    if tags.is_empty() {
        state.remove(&digest);
    }
}

fn apply(state: &mut State, action: &Action) {
    match action {
        Action::ArchiveImage(_, digest) => state.get_mut(digest).unwrap().1 = true,
        Action::TagImage(_, digest, tag) => put_tag(state, digest, tag.as_str()),
        Action::UntagImage(_, _, tag) => remove_tag(state, tag.as_str()),
        Action::DeleteImage(_, digest) => {
            state.remove(digest);
        }
        other => panic!("nothing is said about what runs: {other:?}"),
    }
}

/// What stands in `text` between `before` and the next character that no name has.
fn word<'t>(text: &'t str, before: &str) -> &'t str {
    let (_, rest) = text.split_once(before).expect(before);
    rest.split([' ', '"', '\'', ')']).next().unwrap()
}

/// Does what a command says, as a shell and ECR would, and the program itself.
fn run_command(state: &mut State, command: &str) {
    if command.starts_with("tidewaiter undo 'archive-image:") {
        let digest = Digest::parse(word(command, "@")).unwrap();
        state.get_mut(&digest).unwrap().1 = false;
        return;
    }
    let digest = Digest::parse(word(command, "imageDigest=")).unwrap();
    if command.contains("update-image-storage-class") {
        let is_archived = word(command, "--target-storage-class ") == "ARCHIVE";
        state.get_mut(&digest).unwrap().1 = is_archived;
    } else if command.contains("put-image") {
        assert_eq!(word(command, "imageDigest: \""), digest.as_str());
        put_tag(state, &digest, word(command, "imageTag: \""));
    } else {
        let tag = word(command, "imageTag=");
        assert_eq!(word(command, "any(. == \""), tag);
        assert!(
            command.contains("length > 1 and")
                && command.contains(" && aws ecr batch-delete-image")
        );
        let tags = &state[&digest].0;
        if tags.len() > 1 && tags.contains(tag) {
            remove_tag(state, tag);
        }
    }
}

/// A repository in which every tag is on one image alone, as in every repository.
fn any_tagged_repository()
-> impl Strategy<Value = (BTreeMap<Digest, Listed>, BTreeMap<Digest, Vec<Child>>)> {
    (any_repository(), prop::collection::vec(0..4_usize, 16)).prop_map(
        |((mut list, indexes), counts)| {
            for ((number, one), count) in (0..).zip(list.values_mut()).zip(counts) {
                one.tags = (0..count).map(|tag| format!("t{number}.{tag}")).collect();
            }
            (list, indexes)
        },
    )
}

fn any_method() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["", UNTAG, DELETE])
}

proptest! {
    #[test]
    fn what_a_method_does_its_undo_undoes(
        (list, indexes) in any_tagged_repository(), method in any_method(),
    ) {
        let before = state_of(&list);
        let plan = planned(&facts_of(&list, &indexes), method);
        let mut state = before.clone();
        for step in &plan.steps {
            apply(&mut state, &step.action);
        }
        prop_assert_eq!(plan.steps.is_empty(), state == before);
        for step in plan.steps.iter().rev() {
            run_command(&mut state, &step.undo.command);
        }
        prop_assert_eq!(state, before);
    }

    #[test]
    fn what_a_command_does_by_hand_is_what_the_action_does(
        (list, indexes) in any_tagged_repository(), method in any_method(),
    ) {
        let plan = planned(&facts_of(&list, &indexes), method);
        let (mut acted, mut by_hand) = (state_of(&list), state_of(&list));
        for step in &plan.steps {
            apply(&mut acted, &step.action);
            run_command(&mut by_hand, &step.action.command());
        }
        prop_assert_eq!(acted, by_hand);
    }

    #[test]
    fn no_image_ever_loses_its_last_tag(
        (list, indexes) in any_tagged_repository(), left_off in 0..20_usize,
    ) {
        let plan = planned(&facts_of(&list, &indexes), UNTAG);
        let mut state = state_of(&list);
        // A function may end at any step.
        for step in plan.steps.iter().take(left_off) {
            apply(&mut state, &step.action);
            prop_assert_eq!(state.len(), list.len());
        }
        for (digest, one) in &list {
            prop_assert_eq!(one.tags.is_empty(), state[digest].0.is_empty());
        }
        // The next attempt goes on where it was, and the one after it has nothing to do.
        let mut list = list;
        for _ in 0..2 {
            for one in list.values_mut() {
                one.tags = state[&one.digest].0.iter().cloned().collect();
            }
            let again = planned(&facts_of(&list, &indexes), UNTAG);
            for step in &again.steps {
                apply(&mut state, &step.action);
            }
            prop_assert_eq!(state.len(), list.len());
        }
        for one in list.values_mut() {
            one.tags = state[&one.digest].0.iter().cloned().collect();
        }
        let last = planned(&facts_of(&list, &indexes), UNTAG);
        prop_assert!(last.steps.is_empty());
        prop_assert!(matches!(last.withheld, Some(Withheld::AlreadyDone | Withheld::Untagged)), "{:?}", last.withheld);
    }

    #[test]
    fn no_method_touches_what_runs_unless_the_policy_says_so(
        (list, indexes) in any_tagged_repository(), usage in any_usage(), knows_family in any::<bool>(),
        method in any_method(), is_old in any::<bool>(), is_archived in any::<bool>(),
    ) {
        let mut facts = facts_of(&list, &indexes);
        around(&mut facts).usage.clone_from(&usage);
        if !knows_family {
            around(&mut facts).family = crate::Field::Unknown("denied".to_owned());
        }
        let image = image_of(&mut facts);
        if is_archived {
            image.scan = Scan::counted(Scanner::Basic, ScanState::Archived, BTreeMap::new());
        }
        image.quarantine = is_old.then(|| Quarantine {
            since: Some("2026-01-01T00:00:00Z".parse().unwrap()),
            reason: "r".to_owned(),
            elsewhere: None,
            is_untold: false,
        });
        let steps = told(&planned(&facts, method));
        if !steps.is_empty() {
            let usage = usage.unwrap();
            prop_assert_eq!(usage.unknown, None);
            prop_assert!(knows_family);
            prop_assert!(usage.runs.iter().all(|run| steps.iter().all(|(_, digest, _)| *digest != run.digest)));
            if steps.iter().any(|(action, ..)| *action == "delete-image") {
                prop_assert_eq!(method, DELETE);
                prop_assert!(is_old && is_archived && usage.runs.is_empty());
            }
        }
    }

    #[test]
    fn tags_that_come_from_outside_cannot_end_a_command(tag in "[\\s\\S]{1,20}|[A-Za-z0-9_][A-Za-z0-9._-]{0,20}") {
        let list = BTreeMap::from([listed(SCANNED, &[&tag], false)]);
        let plan = planned(&facts_of(&list, &BTreeMap::new()), UNTAG);
        if ImageTag::parse(&tag).is_err() {
            prop_assert_eq!((plan.steps, plan.withheld), (Vec::new(), Some(Withheld::TagsUnknown)));
        } else {
            for step in &plan.steps {
                let quotes = step.undo.command.matches('\'').count();
                prop_assert_eq!(quotes, 2, "{}", step.undo.command);
            }
        }
    }
}
