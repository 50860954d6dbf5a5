//! The rules about images, value by value.

use super::*;
use crate::{
    decide::Outcome,
    facts::{Epss, Exploit, Fix, Scan, ScanSeverity, ScanState, Surroundings, Vulnerability},
    policy::{Count, Days, ImageParameters},
};

fn image(state: &str, found: Vec<Vulnerability>) -> Image {
    let place = Place::of_region("eu-west-1", "111122223333").unwrap();
    let mut scan = Scan::counted(Scanner::Enhanced, ScanState::parse(state), [].into());
    for vulnerability in &found {
        *scan
            .counts
            .entry(vulnerability.severity.clone())
            .or_default() += 1;
    }
    scan.vulnerabilities = found;
    Image {
        repository: Repository::new(place, "example/web").unwrap(),
        digest: None,
        tags: Vec::new(),
        pushed_at: None,
        is_restored: false,
        quarantine: None,
        scan,
        surroundings: Surroundings::default(),
    }
}

fn finding(severity: &str, change: impl FnOnce(&mut Vulnerability)) -> Vulnerability {
    let mut found = Vulnerability::new("CVE-2026-1", ScanSeverity::parse(severity));
    change(&mut found);
    found
}

fn judge(id: &str, image: &Image, change: impl FnOnce(&mut ImageParameters)) -> Vec<Answer> {
    let mut parameters = Parameters::default();
    change(&mut parameters.image);
    let context = Context {
        place: None,
        parameters: &parameters,
        observed_at: Some(TODAY.parse().unwrap()),
    };
    find(id)
        .unwrap()
        .answers(&Subject::Image(Box::new(image.clone())), &context)
}

/// The outcome and severity of the one answer, if there is one.
fn one(answers: &[Answer]) -> Option<(Outcome, Option<Severity>)> {
    assert!(answers.len() <= 1, "{answers:?}");
    answers
        .first()
        .map(|answer| (answer.outcome, answer.severity))
}

const FAIL: Outcome = Outcome::Fail;
const UNKNOWN: Outcome = Outcome::Unknown;

#[test]
fn what_counts_is_what_reaches_the_threshold() {
    for (severity, threshold, expected) in [
        (
            "CRITICAL",
            Severity::High,
            Some((FAIL, Some(Severity::Critical))),
        ),
        ("HIGH", Severity::High, Some((FAIL, Some(Severity::High)))),
        ("MEDIUM", Severity::High, None),
        ("HIGH", Severity::Critical, None),
        (
            "MEDIUM",
            Severity::Medium,
            Some((FAIL, Some(Severity::Medium))),
        ),
        ("LOW", Severity::Low, Some((FAIL, Some(Severity::Low)))),
        ("INFORMATIONAL", Severity::Low, None),
        (
            "INFORMATIONAL",
            Severity::Info,
            Some((FAIL, Some(Severity::Info))),
        ),
        (
            "UNTRIAGED",
            Severity::Critical,
            Some((UNKNOWN, Some(Severity::Medium))),
        ),
        (
            "UNDEFINED",
            Severity::High,
            Some((UNKNOWN, Some(Severity::Medium))),
        ),
        (
            "SEVERE",
            Severity::High,
            Some((UNKNOWN, Some(Severity::Medium))),
        ),
    ] {
        let image = image("ACTIVE", vec![finding(severity, |_| {})]);
        let answers = judge("vulnerable-image", &image, |p| p.threshold = threshold);
        assert_eq!(one(&answers), expected, "{severity} {threshold}");
    }
}

#[test]
fn fixable_only_counts_what_can_be_fixed_and_does_not_know_what_nobody_says() {
    let high = Some(Severity::High);
    for (fix, expected) in [
        (Fix::Available, Some((FAIL, high))),
        (Fix::Partial, Some((FAIL, high))),
        (Fix::Unknown, Some((UNKNOWN, high))),
        (Fix::Unavailable, None),
    ] {
        let image = image("ACTIVE", vec![finding("HIGH", |found| found.fix = fix)]);
        let answers = judge("vulnerable-image", &image, |p| p.fixable_only = true);
        assert_eq!(one(&answers), expected, "{fix:?}");
        assert_eq!(
            one(&judge("vulnerable-image", &image, |_| {})),
            Some((FAIL, high))
        );
    }
    // What is known by its number alone may be fixable.
    let mut counted = image("COMPLETE", Vec::new());
    counted.scan.counts = [(ScanSeverity::High, 2)].into();
    let answers = judge("vulnerable-image", &counted, |p| p.fixable_only = true);
    assert_eq!(one(&answers), Some((UNKNOWN, high)));
}

#[test]
fn each_severity_has_days_of_its_own() {
    let days = Days {
        critical: Some(Count(1)),
        high: Some(Count(2)),
        medium: Some(Count(3)),
        low: Some(Count(4)),
    };
    let of = |severity: &str| days.of(&ScanSeverity::parse(severity));
    let all = ["CRITICAL", "HIGH", "MEDIUM", "LOW", "INFORMATIONAL", "new"];
    assert_eq!(
        all.map(of),
        [Some(1), Some(2), Some(3), Some(4), None, None]
    );
}

#[test]
fn grace_is_for_findings_that_are_known_to_be_new_and_not_exploited() {
    let seen = |days: i64| {
        let today: Timestamp = TODAY.parse().unwrap();
        Some(today - jiff::SignedDuration::from_hours(24 * days))
    };
    for (first_seen, exploit, expected) in [
        (seen(0), Exploit::Unknown, false),
        (seen(6), Exploit::Unavailable, false),
        (seen(7), Exploit::Unavailable, true),
        (seen(8), Exploit::Unavailable, true),
        (seen(-1), Exploit::Unavailable, false),
        (seen(1), Exploit::Available, true),
        (None, Exploit::Unavailable, true),
    ] {
        let found = finding("HIGH", |found| {
            found.first_seen = first_seen;
            found.exploit = exploit;
        });
        let image = image("ACTIVE", vec![found]);
        let grace = Days {
            high: Some(Count(7)),
            ..Days::default()
        };
        let answers = judge("vulnerable-image", &image, |p| p.grace = grace);
        assert_eq!(!answers.is_empty(), expected, "{first_seen:?} {exploit:?}");
        assert!(!judge("vulnerable-image", &image, |_| {}).is_empty());
        let unlimited = Days {
            critical: Some(Count(7)),
            ..Days::default()
        };
        assert!(!judge("vulnerable-image", &image, |p| p.grace = unlimited).is_empty());
    }
}

#[test]
fn messages_say_what_was_left_out_and_where_counts_and_list_disagree() {
    let many = || {
        vec![
            finding("CRITICAL", |found| found.fix = Fix::Available),
            finding("HIGH", |found| found.fix = Fix::Unavailable),
            finding("HIGH", |found| found.fix = Fix::Unknown),
        ]
    };
    let mut lines = Vec::new();
    let mut say = |image: &Image, change: fn(&mut ImageParameters)| {
        for answer in judge("vulnerable-image", image, change) {
            lines.push(answer.message);
        }
    };
    let plain = image("ACTIVE", many());
    say(&plain, |_| {});
    say(&plain, |p| p.fixable_only = true);
    let mut cut = image("ACTIVE", many());
    cut.scan.counts.insert(ScanSeverity::High, 40);
    cut.scan.suppressed = 3;
    cut.scan.uncounted = 1;
    say(&cut, |_| {});
    say(&cut, |p| {
        p.of_kernel = crate::policy::Preset::find("kernel-vulnerabilities");
    });
    let mut counted = image("ACTIVE", Vec::new());
    counted.scan.counts = [(ScanSeverity::Critical, 1), (ScanSeverity::High, 2)].into();
    say(&counted, |_| {});
    say(&counted, |p| {
        p.of_kernel = crate::policy::Preset::find("kernel-vulnerabilities");
    });
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn an_exploit_or_its_probability_counts_whatever_the_severity() {
    let probability = |number: f64| Epss::new(number);
    for (exploit, epss, expected) in [
        (Exploit::Available, None, Some((FAIL, None))),
        (Exploit::Available, probability(0.0), Some((FAIL, None))),
        (Exploit::Unavailable, probability(0.1), Some((FAIL, None))),
        (Exploit::Unknown, probability(0.9), Some((FAIL, None))),
        (Exploit::Unavailable, probability(0.0999), None),
        (Exploit::Unavailable, None, None),
        (Exploit::Unknown, None, Some((UNKNOWN, Some(Severity::Low)))),
        (
            Exploit::Unknown,
            probability(0.01),
            Some((UNKNOWN, Some(Severity::Low))),
        ),
    ] {
        for severity in ["CRITICAL", "LOW", "UNTRIAGED"] {
            let found = finding(severity, |found| {
                found.exploit = exploit;
                found.epss = epss;
            });
            let image = image("ACTIVE", vec![found]);
            let answers = judge("exploited-vulnerability", &image, |_| {});
            assert_eq!(one(&answers), expected, "{severity} {exploit:?} {epss:?}");
        }
    }
    let likely = image(
        "ACTIVE",
        vec![finding("LOW", |found| {
            found.exploit = Exploit::Unavailable;
            found.epss = probability(1.0);
        })],
    );
    let answers = judge("exploited-vulnerability", &likely, |p| {
        p.exploit_probability = None;
    });
    assert_eq!(one(&answers), None);
    let mut counted = image("ACTIVE", Vec::new());
    counted.scan.counts = [(ScanSeverity::Low, 1)].into();
    let answers = judge("exploited-vulnerability", &counted, |_| {});
    assert_eq!(one(&answers), Some((UNKNOWN, Some(Severity::Low))));
}

#[test]
fn a_finding_is_stale_after_the_days_of_its_severity() {
    for (severity, first_seen, last_seen, expected) in [
        ("CRITICAL", "2026-10-24T11:59:59Z", "", Some((FAIL, None))),
        ("CRITICAL", "2026-10-24T12:00:00Z", "", None),
        ("HIGH", "2026-08-25T11:59:59Z", "", Some((FAIL, None))),
        ("HIGH", "2026-10-01T00:00:00Z", "", None),
        ("MEDIUM", "2016-01-01T00:00:00Z", "", None),
        ("UNTRIAGED", "2016-01-01T00:00:00Z", "", None),
        ("HIGH", "", "", Some((UNKNOWN, Some(Severity::Low)))),
        ("MEDIUM", "", "", None),
        ("HIGH", "2026-11-24T00:00:00Z", "", None),
        (
            "HIGH",
            "2026-11-24T00:00:00Z",
            "2027-11-24T00:00:00Z",
            Some((FAIL, None)),
        ),
    ] {
        let found = finding(severity, |found| {
            found.first_seen = first_seen.parse().ok();
            found.last_seen = last_seen.parse().ok();
        });
        let image = image("ACTIVE", vec![found]);
        let answers = judge("stale-vulnerability", &image, |_| {});
        assert_eq!(one(&answers), expected, "{severity} {first_seen}");
    }
    let old = finding("MEDIUM", |found| {
        found.first_seen = "2026-01-01T00:00:00Z".parse().ok();
    });
    let image = image("ACTIVE", vec![old]);
    let answers = judge("stale-vulnerability", &image, |p| {
        p.stale.medium = Some(Count(180));
    });
    assert_eq!(one(&answers), Some((FAIL, None)));
}

const STATES: [(&str, bool); 13] = [
    ("COMPLETE", true),
    ("ACTIVE", true),
    ("IN_PROGRESS", false),
    ("PENDING", false),
    ("FAILED", false),
    ("UNSUPPORTED_IMAGE", false),
    ("SCAN_ELIGIBILITY_EXPIRED", false),
    ("FINDINGS_UNAVAILABLE", false),
    ("LIMIT_EXCEEDED", false),
    ("IMAGE_ARCHIVED", false),
    ("IMAGE_SIZE_EXCEEDED", false),
    ("", false),
    ("NEW_STATE", false),
];

#[test]
fn only_two_states_can_mean_clean_and_each_other_one_has_its_advice() {
    let mut lines = Vec::new();
    for (state, is_clean) in STATES {
        let answers = judge("unscanned-image", &image(state, Vec::new()), |_| {});
        let expected = (!is_clean).then_some((UNKNOWN, None));
        assert_eq!(one(&answers), expected, "{state}");
        for answer in answers {
            lines.push(format!(
                "{state}: {}\n    {}",
                answer.message,
                answer.help.unwrap()
            ));
        }
        assert_eq!(
            judge("vulnerable-image", &image(state, Vec::new()), |_| {}),
            []
        );
    }
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn a_scan_may_be_under_way_for_a_while_after_the_push_where_that_is_known() {
    for (state, pushed, expected) in [
        ("PENDING", "2026-11-23T11:59:00Z", false),
        ("IN_PROGRESS", "2026-11-23T11:45:01Z", false),
        ("IN_PROGRESS", "2026-11-23T11:45:00Z", true),
        ("PENDING", "2026-11-23T12:00:30Z", false),
        ("PENDING", "2027-11-23T12:00:00Z", true),
        ("PENDING", "", true),
        ("FAILED", "2026-11-23T11:59:00Z", true),
        ("UNSUPPORTED_IMAGE", "2026-11-23T11:59:00Z", true),
    ] {
        let mut image = image(state, Vec::new());
        image.pushed_at = pushed.parse().ok();
        let answers = judge("unscanned-image", &image, |_| {});
        assert_eq!(!answers.is_empty(), expected, "{state} {pushed}");
    }
    let mut slow = image("PENDING", Vec::new());
    slow.pushed_at = "2026-11-23T11:00:00Z".parse().ok();
    assert_eq!(judge("unscanned-image", &slow, |p| p.scan_minutes = 90), []);
}
