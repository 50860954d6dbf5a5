//! What is taken out, and what never is.

use super::*;
use crate::{
    facts::{Scan, ScanSeverity, ScanState, Scanner, Surroundings},
    names::{Digest, Place, Repository},
};

const NOW: &str = "2026-11-23T12:00:00Z";

fn package(text: &str) -> Package {
    let (name, version) = text.split_once('@').unwrap_or((text, ""));
    Package {
        name: Some(name.to_owned()),
        version: (!version.is_empty()).then(|| version.to_owned()),
        ..Package::default()
    }
}

fn found(name: &str, severity: ScanSeverity, packages: &[&str]) -> Vulnerability {
    Vulnerability {
        packages: packages.iter().map(|text| package(text)).collect(),
        ..Vulnerability::new(name, severity)
    }
}

fn image(vulnerabilities: Vec<Vulnerability>) -> Image {
    let place = Place::of_region("eu-west-1", "111122223333").unwrap();
    let mut scan = Scan::counted(Scanner::Enhanced, ScanState::Active, BTreeMap::new());
    for vulnerability in vulnerabilities.iter().filter(|v| v.is_active()) {
        *scan
            .counts
            .entry(vulnerability.severity.clone())
            .or_default() += 1;
    }
    scan.vulnerabilities = vulnerabilities;
    Image {
        repository: Repository::new(place, "team/web").unwrap(),
        digest: Some(Digest::parse(&format!("sha256:{}", "ab".repeat(32))).unwrap()),
        tags: vec!["1.4".to_owned(), "latest".to_owned()],
        pushed_at: None,
        is_restored: false,
        quarantine: None,
        scan,
        surroundings: Surroundings::default(),
    }
}

fn suppression(vulnerability: &str) -> Suppression {
    Suppression {
        id: "w".to_owned(),
        source: Source::Waiver,
        vulnerabilities: vec![vulnerability.to_owned()],
        packages: Vec::new(),
        rules: Vec::new(),
        target: ImageTarget::default(),
        reason: "not reachable".to_owned(),
        until: None,
    }
}

fn parameters(suppressions: Vec<Suppression>) -> ImageParameters {
    ImageParameters {
        suppressions,
        ..ImageParameters::default()
    }
}

/// The image as `vulnerable-image` judges it, where something was taken out, and what was.
fn split_image(
    image: &Image,
    parameters: &ImageParameters,
    at: Option<Timestamp>,
) -> (Option<Image>, Vec<Suppressed>) {
    let subject = Subject::Image(Box::new(image.clone()));
    let split = split(&subject, parameters, at);
    let Subject::Image(judged) = split.subject("vulnerable-image") else {
        panic!("made as an image")
    };
    let is_changed = judged.as_ref() != image;
    (
        is_changed.then(|| judged.as_ref().clone()),
        split.suppressed,
    )
}

type Change = fn(&mut ImageTarget, &str);

/// Whether CVE-1 in these packages is suppressed.
fn is_suppressed(packages: &[&str], suppression: Suppression) -> bool {
    let image = image(vec![found("CVE-1", ScanSeverity::High, packages)]);
    let (judged, suppressed) =
        split_image(&image, &parameters(vec![suppression]), NOW.parse().ok());
    assert_eq!(judged.is_some(), !suppressed.is_empty());
    if let Some(judged) = &judged {
        assert_eq!(judged.scan.counts.get(&ScanSeverity::High), Some(&0));
        assert_eq!(judged.scan.suppressed, 1);
        assert_eq!(judged.scan.vulnerabilities, []);
        assert_eq!(suppressed[0].reason, "not reachable");
    }
    judged.is_some()
}

#[test]
fn a_suppression_is_for_one_vulnerability_by_its_name_in_any_case() {
    for (name, expected) in [
        ("CVE-1", true),
        (" cve-1 ", true),
        ("CVE-11", false),
        ("CVE-*", false),
        ("*", false),
        ("", false),
    ] {
        assert_eq!(is_suppressed(&[], suppression(name)), expected, "{name}");
    }
}

#[test]
fn every_package_of_a_finding_has_to_be_meant() {
    for (packages, pattern, version, expected) in [
        (&["openssl@3.0"][..], "openssl", None, true),
        (&["openssl@3.0"], "open*", None, true),
        (&["openssl@3.0"], "openssl", Some("3.0"), true),
        (&["openssl@3.0"], "openssl", Some("0:3.0"), true),
        (&["openssl@3.0"], "openssl", Some("3.1"), false),
        (&["openssl"], "openssl", Some("3.0"), false),
        (&["openssl@3.0", "libssl@3.0"], "openssl", None, false),
        (&["openssl@3.0", "libssl@3.0"], "*ssl*", None, true),
        (&["zlib@1"], "openssl", None, false),
        (&[], "openssl", None, false),
    ] {
        let pattern = PackagePattern {
            name: pattern.to_owned(),
            version: version.map(str::to_owned),
        };
        let suppression = Suppression {
            packages: vec![pattern.clone()],
            ..suppression("CVE-1")
        };
        assert_eq!(
            is_suppressed(packages, suppression),
            expected,
            "{packages:?} {pattern:?}"
        );
    }
}

#[test]
fn an_image_is_meant_where_all_that_is_set_matches() {
    let digest = format!("sha256:{}", "ab".repeat(32));
    let set = |change: fn(&mut ImageTarget, &str), value: &str| {
        let mut target = ImageTarget::default();
        change(&mut target, value);
        let suppression = Suppression {
            target,
            ..suppression("CVE-1")
        };
        is_suppressed(&[], suppression)
    };
    let host = "111122223333.dkr.ecr.eu-west-1.amazonaws.com";
    let repository: Change = |target, value| target.repository = Some(value.to_owned());
    let tag: Change = |target, value| target.tag = Some(value.to_owned());
    let by_digest: Change = |target, value| target.digest = Some(value.to_owned());
    let location: Change = |target, value| target.location = Some(value.to_owned());
    let last_part: Change = |target, value| target.last_part = Some(value.to_owned());
    for (change, value, expected) in [
        (repository, "team/*", true),
        (repository, "web", false),
        (tag, "1.*", true),
        (tag, "2.*", false),
        (by_digest, digest.as_str(), true),
        (by_digest, "sha256:00*", false),
        (last_part, "web", true),
        (last_part, "team/web", false),
        (location, &format!("{host}/team/web"), true),
        (
            location,
            "111122223333.dkr-ecr.eu-west-1.on.aws/team/web",
            true,
        ),
        (location, &format!("{host}/team/web:1.4"), false),
        (location, &format!("{host}/team"), false),
        (
            location,
            "444455556666.dkr.ecr.eu-west-1.amazonaws.com/team/web",
            false,
        ),
        (
            location,
            "111122223333.dkr.ecr.us-east-1.amazonaws.com/team/web",
            false,
        ),
        (location, "ghcr.io/team/web", false),
        (location, "team/web", false),
    ] {
        assert_eq!(set(change, value), expected, "{value}");
    }
    let unknown = Image {
        digest: None,
        tags: Vec::new(),
        ..image(Vec::new())
    };
    for change in [tag, by_digest] {
        let mut target = ImageTarget::default();
        change(&mut target, "*");
        assert!(!target.holds(&unknown));
    }
}

#[test]
fn a_suppression_holds_to_the_end_of_its_last_day() {
    for (until, expected) in [
        ("2026-11-22", false),
        ("2026-11-23", true),
        ("2027-01-01", true),
    ] {
        let suppression = Suppression {
            until: until.parse().ok(),
            ..suppression("CVE-1")
        };
        assert_eq!(is_suppressed(&[], suppression), expected, "{until}");
    }
}

#[test]
fn kernels_are_suppressed_only_where_the_policy_says_so() {
    let image = image(vec![
        found("CVE-1", ScanSeverity::Critical, &["linux@6.1"]),
        found("CVE-2", ScanSeverity::High, &["linux@6.1", "bpftool@6.1"]),
        found("CVE-3", ScanSeverity::High, &["openssl@3"]),
    ]);
    assert_eq!(
        split_image(&image, &parameters(Vec::new()), None),
        (None, Vec::new())
    );
    let with_kernel = ImageParameters {
        of_kernel: Preset::find("kernel-vulnerabilities"),
        ..parameters(Vec::new())
    };
    let (judged, suppressed) = split_image(&image, &with_kernel, None);
    let names: Vec<&str> = suppressed
        .iter()
        .map(|one| one.vulnerability.as_str())
        .collect();
    assert_eq!(names, ["CVE-1"]);
    assert_eq!(
        (suppressed[0].by.as_str(), suppressed[0].source),
        ("preset:kernel-vulnerabilities", Source::Preset)
    );
    assert!(suppressed[0].reason.contains("kernel"));
    assert_eq!(judged.unwrap().scan.listed(&ScanSeverity::High), 2);
}

#[test]
fn what_the_scanner_suppresses_and_what_has_time_is_listed_too() {
    let mut hidden = found("CVE-1", ScanSeverity::High, &[]);
    hidden.status = FindingStatus::Suppressed;
    let mut new = found("CVE-2", ScanSeverity::High, &[]);
    new.first_seen = "2026-11-20T00:00:00Z".parse().ok();
    let mut parameters = parameters(Vec::new());
    parameters.grace.high = Some(crate::policy::Count(7));
    let image = image(vec![hidden, new]);
    let (judged, suppressed) = split_image(&image, &parameters, NOW.parse().ok());
    // Both stay where they are: the first does not count anyway, the second does for other rules.
    assert_eq!(judged, None);
    insta::assert_snapshot!(serde_json::to_string_pretty(&suppressed).unwrap());
}

#[test]
fn what_is_known_by_its_number_alone_stays() {
    let mut image = image(vec![found("CVE-1", ScanSeverity::High, &[])]);
    image.scan.counts.insert(ScanSeverity::High, 3);
    let (judged, _) = split_image(&image, &parameters(vec![suppression("CVE-1")]), None);
    let scan = judged.unwrap().scan;
    assert_eq!(scan.counts.get(&ScanSeverity::High), Some(&2));
    assert_eq!(scan.known_by_count(&ScanSeverity::High), 2);
}

#[test]
fn what_is_suppressed_is_for_rules_about_images() {
    for id in RULES {
        let rule = crate::catalogue::find(id).unwrap();
        assert_eq!(
            rule.check.subject(),
            crate::facts::SubjectKind::Image,
            "{id}"
        );
    }
    let preset = Preset::find("kernel-vulnerabilities").unwrap();
    let granted: Vec<&str> = preset.grants.iter().map(|grant| grant.rule).collect();
    assert_eq!(granted, RULES);
}

#[test]
fn each_rule_judges_without_what_is_suppressed_for_it_alone() {
    let image = image(vec![
        found("CVE-1", ScanSeverity::High, &[]),
        found("CVE-2", ScanSeverity::High, &[]),
    ]);
    let of = |name: &str, rule: &'static str| Suppression {
        id: name.to_owned(),
        rules: vec![rule],
        ..suppression(name)
    };
    let parameters = parameters(vec![
        of("CVE-1", "vulnerable-image"),
        of("CVE-2", "exploited-vulnerability"),
    ]);
    let subject = Subject::Image(Box::new(image));
    let split = split(&subject, &parameters, None);
    let left = |rule: &str| -> Vec<&str> {
        let Subject::Image(judged) = split.subject(rule) else {
            panic!("made as an image")
        };
        let left = judged.scan.vulnerabilities.iter();
        left.map(|found| found.name.as_str()).collect()
    };
    assert_eq!(left("vulnerable-image"), ["CVE-2"]);
    assert_eq!(left("exploited-vulnerability"), ["CVE-1"]);
    assert_eq!(left("stale-vulnerability"), ["CVE-1", "CVE-2"]);
}

#[test]
fn what_is_closed_or_has_no_name_needs_no_suppression() {
    let mut closed = found("CVE-1", ScanSeverity::High, &[]);
    closed.status = FindingStatus::Closed;
    let image = image(vec![closed, found("", ScanSeverity::High, &[])]);
    let all = parameters(vec![suppression("CVE-1"), suppression("")]);
    assert_eq!(split_image(&image, &all, None), (None, Vec::new()));
}
