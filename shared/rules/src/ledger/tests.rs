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
    let begun = Some(at("2026-11-23T14:00:00Z"));
    let news = |action: Action| {
        let plan = Plan {
            mode: crate::Mode::Enforce,
            steps: vec![Step::of(action)],
            withheld: None,
            kept: Vec::new(),
            left: Vec::new(),
        };
        became(&plan, &[Effect::Done], None, begun)
    };
    let archived = news(Action::ArchiveImage(repository.clone(), digest.clone()));
    let deleted = news(Action::DeleteImage(repository, digest));
    assert_ne!(archived, deleted);
    assert!(archived.starts_with(DONE) && deleted.starts_with(DONE));
}
