//! Keys, hours and news.

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn an_hour_begins_and_ends_on_the_clock() {
    let hour = Hour::of(at("2026-11-23T13:59:59.9Z"));
    assert_eq!(hour.to_string(), "2026-11-23T13Z");
    assert_eq!(hour.end(), at("2026-11-23T14:00:00Z"));
    assert_ne!(hour, Hour::of(at("2026-11-23T14:00:00Z")));
    assert_eq!(
        Key::budget("guard", hour).id(),
        "budget#guard#2026-11-23T13Z"
    );
    for time in [Timestamp::MIN, Timestamp::MAX] {
        assert!(!Hour::of(time).to_string().is_empty());
    }
}

#[test]
fn a_key_fits_and_stays_apart() {
    for text in ["a", "é", "𝕏"] {
        for longest in [LONGEST, LONGEST_PART] {
            let shortened = short(&text.repeat(longest), longest + 1).into_owned();
            assert!(shortened.len() <= longest + 1);
            assert!(
                short(&text.repeat(3000), longest).len() <= longest,
                "{text}"
            );
            assert!(short(&text.repeat(3000), longest).starts_with(&text.repeat(200)));
            assert_eq!(short("short", longest), "short");
        }
        let long = |end: &str| Key::of("alert", &(text.repeat(3000) + end));
        assert!(long("a").id().len() <= 2048);
        assert_ne!(long("a"), long("b"));
        assert_eq!(long("a"), long("a"));
    }
}

#[test]
fn no_two_lists_hash_alike() {
    assert_ne!(hash(["ab", "c"]), hash(["a", "bc"]));
    assert_ne!(hash(["a"]), hash(["a", ""]));
    // What stands in a table has to mean the same in the next release.
    assert_eq!(hash(["a"]), "3b196fd4907bedf51c3090e9835f2f7c");
}

#[test]
fn text_from_outside_is_quoted_in_what_holds_back() {
    let hold = Hold::Paused {
        by: "ada`\n".to_owned(),
        reason: "\u{1b}[31m<!channel>".to_owned(),
    };
    assert!(
        !hold.reason().contains(['\n', '\u{1b}']),
        "{}",
        hold.reason()
    );
}

#[test]
fn a_deletion_is_news_though_the_quarantine_was_begun_in_the_same_second() {
    let digest = Digest::parse(&format!("sha256:{}", "0".repeat(64))).unwrap();
    let repository = Repository::parse_arn("arn:aws:ecr:eu-west-1:111122223333:repository/shop");
    let repository = repository.unwrap();
    let begun = at("2026-11-23T14:00:00Z");
    let news = |action: Action| {
        let plan = Plan {
            mode: crate::Mode::Enforce,
            steps: vec![Step::of(action)],
            withheld: None,
            kept: Vec::new(),
            left: Vec::new(),
        };
        became(&plan, &[Effect::Done], None, Some(begun))
    };
    let archived = news(Action::ArchiveImage(repository.clone(), digest.clone()));
    let deleted = news(Action::DeleteImage(repository, digest));
    assert_ne!(archived, deleted);
    assert!(archived.starts_with(DONE) && deleted.starts_with(DONE));
    // Whoever finds it done and untold tells the same as who did it.
    let found = News::of_budget(1).done_before(begun);
    assert_eq!(found.effects, archived);
}

fn image() -> (Repository, Digest) {
    let repository = Repository::parse_arn("arn:aws:ecr:eu-west-1:111122223333:repository/shop");
    let digest = Digest::parse(&format!("sha256:{}", "0".repeat(64)));
    (repository.unwrap(), digest.unwrap())
}

/// What stands in a table has to be found by the next release.
#[test]
fn entries_keep_their_keys() {
    let (repository, digest) = image();
    let (arn, digest_text) = (repository.arn(), digest.to_string());
    let revision = "arn:aws:ecs:eu-west-1:111122223333:task-definition/web:7";
    let hour = Hour::of(at("2026-11-23T13:59:59Z"));
    for (key, id, part) in [
        (
            Key::alert_about_revision(&TaskDefinitionArn::parse(revision).unwrap()),
            "alert#task-definition".to_owned(),
            revision.to_owned(),
        ),
        (
            Key::alert_about_image(&repository, &digest),
            "alert#image".to_owned(),
            format!("{arn}@{digest_text}"),
        ),
        (
            Key::budget_alert("guard", hour),
            "alert#budget".to_owned(),
            "guard#2026-11-23T13Z".to_owned(),
        ),
        (
            Key::quarantine(&repository, &digest),
            "quarantine".to_owned(),
            format!("{digest_text}@{arn}"),
        ),
        (
            Key::user(&digest, "arn:task"),
            format!("usage#{digest_text}"),
            "arn:task".to_owned(),
        ),
        (
            Key::pull(&repository, "arn:task"),
            format!("usage#{arn}"),
            "arn:task".to_owned(),
        ),
        (Key::usage_index(), "usage-index".to_owned(), "-".to_owned()),
        (Key::switch(), "switch".to_owned(), "-".to_owned()),
        (
            Key::delivery("message", "ops"),
            "sent#message".to_owned(),
            "ops".to_owned(),
        ),
        (
            Key::kept("ops", "message"),
            "kept#ops".to_owned(),
            "alert#message".to_owned(),
        ),
    ] {
        assert_eq!((key.id(), key.part()), (id.as_str(), part.as_str()));
    }
    assert_eq!(Key::quarantines_of(&digest), format!("{digest_text}@"));
}

#[test]
fn what_an_alert_is_about_is_read_back_where_it_stays() {
    let (repository, digest) = image();
    let revision = "arn:aws:ecs:eu-west-1:111122223333:task-definition/web:7";
    let revision = TaskDefinitionArn::parse(revision).unwrap();
    for (key, subject) in [
        (
            Key::alert_about_revision(&revision),
            Some(AlertSubject::Revision(revision)),
        ),
        (
            Key::alert_about_image(&repository, &digest),
            Some(AlertSubject::Image(repository.clone(), digest.clone())),
        ),
        (Key::alert_in("task-definition", "web"), None),
        (Key::alert_in("image", "shop"), None),
        (Key::alert_in("run", "web:7 in main"), None),
        (Key::quarantine(&repository, &digest), None),
        (Key::switch(), None),
    ] {
        assert_eq!(key.alert_subject(), subject, "{key:?}");
    }
}

#[test]
fn a_hold_says_who_and_until_when() {
    let until = at("2026-11-24T00:00:00Z");
    for (hold, words) in [
        (
            Hold::Paused {
                by: "ada".to_owned(),
                reason: "release".to_owned(),
            },
            &["`ada`", "paused", "`release`"][..],
        ),
        (
            Hold::OverBudget { most: 60, until },
            &["60", "max-actions-per-hour", "2026-11-24T00:00:00Z"],
        ),
        (
            Hold::Released {
                by: "ada".to_owned(),
                reason: "false alarm".to_owned(),
                until,
            },
            &["`ada`", "released", "2026-11-24T00:00:00Z", "`false alarm`"],
        ),
    ] {
        let reason = hold.reason();
        assert!(words.iter().all(|word| reason.contains(word)), "{reason}");
    }
    let paused = Hold::Paused {
        by: String::new(),
        reason: String::new(),
    };
    let names = [paused, Hold::OverBudget { most: 1, until }].map(|hold| hold.name());
    assert_eq!(names, ["paused", "over-budget"]);
}

#[test]
fn what_was_done_is_told_from_what_was_left_and_what_had_been_done() {
    let plan = |withheld, steps| Plan {
        mode: crate::Mode::Enforce,
        steps,
        withheld,
        kept: Vec::new(),
        left: Vec::new(),
    };
    let (repository, digest) = image();
    let step = || {
        vec![Step::of(Action::ArchiveImage(
            repository.clone(),
            digest.clone(),
        ))]
    };
    let news = |plan: &Plan, effects: &[Effect]| News {
        findings: String::new(),
        effects: became(plan, effects, None, Some(at("2026-11-23T14:00:00Z"))),
    };
    let done = news(&plan(None, step()), &[Effect::Done]);
    assert!(done.is_done() && !done.is_already_done());
    let left = news(&plan(Some(Withheld::Elsewhere), Vec::new()), &[]);
    assert!(!left.is_done() && !left.is_already_done());
    assert!(left.effects.starts_with("withheld: "), "{}", left.effects);
    // What was left of it does not hide what was done about the rest.
    let both = news(&plan(Some(Withheld::Elsewhere), step()), &[Effect::Done]);
    assert!(both.is_done(), "{}", both.effects);
    let before = news(&plan(Some(Withheld::AlreadyDone), Vec::new()), &[]);
    assert!(!before.is_done() && before.is_already_done());
}
