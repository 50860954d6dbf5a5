//! What holds for every decision about an image.

use proptest::prelude::*;

use super::*;
use crate::{
    facts::{
        Epss, Exploit, FindingStatus, Fix, Package, ScanPage, ScanPages, Vulnerability,
        severity_counts,
    },
    policy::{ImageParameters, Preset},
    suppress::{ImageTarget, Source, Suppression},
};

const NOW: &str = "2026-11-23T12:00:00Z";

fn policy_of(profile: Profile, change: impl FnOnce(&mut ImageParameters)) -> Policy {
    let mut images = ImageParameters::default();
    change(&mut images);
    Policy::of_profile(profile).with_images(images)
}

fn kernel() -> &'static Preset {
    Preset::find("kernel-vulnerabilities").unwrap()
}

fn any_severity() -> impl Strategy<Value = ScanSeverity> {
    let names = vec![
        "CRITICAL",
        "HIGH",
        "MEDIUM",
        "LOW",
        "INFORMATIONAL",
        "UNDEFINED",
        "UNTRIAGED",
        "SEVERE",
    ];
    prop::sample::select(names).prop_map(ScanSeverity::parse)
}

fn any_vulnerability() -> impl Strategy<Value = Vulnerability> {
    let packages = vec!["linux", "openssl", "curl", "zlib"];
    (
        0..8_u8,
        any_severity(),
        prop::collection::vec(prop::sample::select(packages), 0..3),
        prop::sample::select(vec![
            Exploit::Available,
            Exploit::Unknown,
            Exploit::Unavailable,
        ]),
        prop::sample::select(vec![
            Fix::Available,
            Fix::Partial,
            Fix::Unknown,
            Fix::Unavailable,
        ]),
        prop::option::of(0.0..1.0_f64),
        prop::option::of(0..400_i64),
    )
        .prop_map(|(number, severity, packages, exploit, fix, epss, age)| {
            let now: jiff::Timestamp = NOW.parse().unwrap();
            let package = |name: &str| Package {
                name: Some(name.to_owned()),
                ..Package::default()
            };
            Vulnerability {
                packages: packages.into_iter().map(package).collect(),
                exploit,
                fix,
                epss: epss.and_then(Epss::new),
                first_seen: age.map(|days| now - jiff::SignedDuration::from_hours(24 * days)),
                ..Vulnerability::new(format!("CVE-2026-{number}"), severity)
            }
        })
}

fn any_parameters() -> impl Strategy<Value = ImageParameters> {
    (
        prop::sample::select(vec![
            Severity::Info,
            Severity::Medium,
            Severity::High,
            Severity::Critical,
        ]),
        any::<bool>(),
        prop::option::of(1..60_u32),
        any::<bool>(),
        prop::collection::vec(any_suppression(), 0..3),
    )
        .prop_map(
            |(threshold, fixable_only, grace, is_kernel_left, suppressions)| {
                let mut parameters = ImageParameters {
                    threshold,
                    fixable_only,
                    of_kernel: is_kernel_left.then(kernel),
                    suppressions,
                    ..ImageParameters::default()
                };
                parameters.grace.high = grace.map(crate::policy::Count);
                parameters
            },
        )
}

fn any_suppression() -> impl Strategy<Value = Suppression> {
    (0..8_u8, any::<bool>()).prop_map(|(number, is_ours)| Suppression {
        id: format!("w{number}"),
        source: Source::Waiver,
        vulnerabilities: vec![format!("CVE-2026-{number}")],
        packages: Vec::new(),
        rules: Vec::new(),
        target: ImageTarget {
            repository: (!is_ours).then(|| "other/*".to_owned()),
            ..ImageTarget::default()
        },
        reason: "not reachable".to_owned(),
        until: None,
    })
}

/// An image with these findings, of which `unlisted` more are counted at each severity.
fn with(found: &[Vulnerability], unlisted: &BTreeMap<ScanSeverity, u64>) -> Facts {
    let mut counts = unlisted.clone();
    for vulnerability in found {
        *counts.entry(vulnerability.severity.clone()).or_default() += 1;
    }
    let mut facts = image(ScanState::Active, counts);
    facts.observed_at = NOW.parse().ok();
    let Subject::Image(image) = &mut facts.subject else {
        panic!("made as an image")
    };
    image.scan.vulnerabilities = found.to_vec();
    image.scan.vulnerabilities.sort();
    facts
}

fn any_profile() -> impl Strategy<Value = Profile> {
    prop::sample::select(vec![Profile::Default, Profile::Restricted])
}

fn any_unlisted() -> impl Strategy<Value = BTreeMap<ScanSeverity, u64>> {
    prop::collection::btree_map(any_severity(), 0..3_u64, 0..3)
}

proptest! {
    #[test]
    fn suppressing_one_vulnerability_is_as_if_it_were_not_there(
        found in prop::collection::vec(any_vulnerability(), 1..8),
        unlisted in any_unlisted(), parameters in any_parameters(), profile in any_profile(),
    ) {
        let name = found[0].name.clone();
        let mut more = parameters.clone();
        more.suppressions.push(Suppression {
            id: "x".to_owned(), source: Source::Waiver, vulnerabilities: vec![name.clone()], packages: Vec::new(), rules: Vec::new(),
            target: ImageTarget::default(), reason: "r".to_owned(), until: None,
        });
        let others: Vec<_> = found.iter().filter(|v| v.name != name).cloned().collect();
        let suppressed = decide(&with(&found, &unlisted), &policy_of(profile, |p| *p = more));
        let without = decide(&with(&others, &unlisted), &policy_of(profile, |p| *p = parameters));
        prop_assert_eq!(what(&suppressed), what(&without));
        prop_assert_eq!(suppressed.verdict, without.verdict);
        // It is listed, each time it was found.
        let listed = suppressed.suppressed.iter().filter(|one| one.vulnerability == name).count();
        prop_assert_eq!(listed, found.len() - others.len());
        // What is said of the others is the same.
        let of_others = |decision: &Decision| {
            let others = decision.suppressed.iter().filter(|one| one.vulnerability != name);
            let mut others: Vec<String> = others.map(|one| format!("{one:?}")).collect();
            others.sort();
            others
        };
        prop_assert_eq!(of_others(&suppressed), of_others(&without));
    }

    #[test]
    fn adding_a_vulnerability_never_makes_a_decision_milder(
        found in prop::collection::vec(any_vulnerability(), 0..8), one_more in any_vulnerability(),
        unlisted in any_unlisted(), parameters in any_parameters(), profile in any_profile(),
    ) {
        let policy = policy_of(profile, |p| *p = parameters);
        let before = decide(&with(&found, &unlisted), &policy);
        let mut more = found;
        more.push(one_more);
        let after = decide(&with(&more, &unlisted), &policy);
        prop_assert!(after.verdict >= before.verdict);
        for rule in ["vulnerable-image", "exploited-vulnerability", "stale-vulnerability"] {
            let worst = |decision: &Decision| {
                let of_rule = decision.findings.iter().filter(|finding| finding.rule == rule);
                of_rule.map(|finding| finding.outcome).max()
            };
            prop_assert!(worst(&after) >= worst(&before), "{}", rule);
        }
    }

    #[test]
    fn a_severity_that_is_not_known_never_passes_silently(
        found in prop::collection::vec(any_vulnerability(), 0..6), name in "[A-Z_]{0,12}", is_listed in any::<bool>(),
        profile in any_profile(),
    ) {
        let severity = ScanSeverity::parse(&name);
        prop_assume!(!severity.is_ranked());
        let mut found = found;
        let mut unlisted = BTreeMap::new();
        if is_listed {
            found.push(Vulnerability::new("CVE-X", severity));
        } else {
            unlisted.insert(severity, 1);
        }
        let decision = decide(&with(&found, &unlisted), &Policy::of_profile(profile));
        prop_assert!(decision.findings.iter().any(|finding| finding.rule == "vulnerable-image"));
        prop_assert!(decision.verdict > Verdict::Allow);
    }

    #[test]
    fn neither_the_order_of_findings_nor_that_of_pages_matters(
        severities in prop::collection::vec((any_severity(), 0..5_u8, any::<bool>()), 0..12), cut in 0..12_usize,
    ) {
        let finding = |(severity, number, exploited): &(ScanSeverity, u8, bool)| json!({
            "severity": severity.name(), "status": "ACTIVE", "exploitAvailable": if *exploited { "YES" } else { "NO" },
            "packageVulnerabilityDetails": {"vulnerabilityId": format!("CVE-{number}")}});
        let mut findings: Vec<Value> = severities.iter().map(finding).collect();
        let decided = |pages: &[&[Value]]| {
            let mut all = ScanPages::default();
            for page in pages {
                let page = json!({"imageScanStatus": {"status": "ACTIVE"}, "imageScanFindings": {"enhancedFindings": page}});
                all.add(serde_json::from_value::<ScanPage>(page).unwrap());
            }
            let mut facts = image(ScanState::Active, BTreeMap::new());
            let Subject::Image(image) = &mut facts.subject else { panic!("made as an image") };
            image.scan = all.into_scan(Scanner::Basic, &BTreeMap::new());
            decide(&facts, &Policy::of_profile(Profile::Restricted))
        };
        let at_once = decided(&[&findings]);
        let (first, second) = findings.split_at(cut.min(findings.len()));
        let (first, second) = (first.to_vec(), second.to_vec());
        prop_assert_eq!(&at_once, &decided(&[&second, &first]));
        findings.reverse();
        prop_assert_eq!(&at_once, &decided(&[&findings]));
    }

    #[test]
    fn a_suppression_for_other_images_changes_nothing(
        found in prop::collection::vec(any_vulnerability(), 0..8), profile in any_profile(), number in 0..8_u8,
    ) {
        let elsewhere = Suppression {
            id: "x".to_owned(), source: Source::Waiver, vulnerabilities: vec![format!("CVE-2026-{number}")],
            packages: Vec::new(), rules: Vec::new(), reason: "r".to_owned(), until: None,
            target: ImageTarget { repository: Some("other".to_owned()), ..ImageTarget::default() },
        };
        let facts = with(&found, &BTreeMap::new());
        prop_assert_eq!(
            decide(&facts, &policy_of(profile, |p| p.suppressions = vec![elsewhere])),
            decide(&facts, &Policy::of_profile(profile))
        );
    }
}

fn scanned(pages: &[Value]) -> Facts {
    let mut all = ScanPages::default();
    for page in pages {
        all.add(serde_json::from_value(page.clone()).unwrap());
    }
    let mut facts = image(ScanState::Active, BTreeMap::new());
    let Subject::Image(image) = &mut facts.subject else {
        panic!("made as an image")
    };
    image.scan = all.into_scan(Scanner::Basic, &BTreeMap::new());
    facts
}

/// Defects of other tools, from their sources: each of these passes there.
#[test]
fn what_other_tools_miss_in_images_is_found() {
    // Prowler's check of scans passes what is neither empty nor FAILED where no counts are stored.
    for state in [
        "UNSUPPORTED_IMAGE",
        "PENDING",
        "IN_PROGRESS",
        "SCAN_ELIGIBILITY_EXPIRED",
        "FINDINGS_UNAVAILABLE",
        "LIMIT_EXCEEDED",
        "IMAGE_SIZE_EXCEEDED",
        "IMAGE_ARCHIVED",
    ] {
        let facts = scanned(&[json!({"imageScanStatus": {"status": state}})]);
        let decision = decide(&facts, &Policy::default());
        assert_eq!(
            what(&decision),
            [("unscanned-image", Outcome::Unknown, Severity::Medium)],
            "{state}"
        );
        assert_eq!(decision.verdict, Verdict::Warn, "{state}");
        // A gate that refuses the unknown refuses it.
        assert_eq!(
            decide(&facts, &policy("unknown: deny")).verdict,
            Verdict::Deny
        );
    }
    // AWS's sample webhook stops after the first page, and reads no enhanced findings.
    let page = |findings: &Value| json!({"imageScanStatus": {"status": "ACTIVE"}, "imageScanFindings": findings});
    let second_page = scanned(&[
        page(&json!({"findings": [{"name": "CVE-1", "severity": "LOW"}]})),
        page(&json!({"findings": [{"name": "CVE-2", "severity": "CRITICAL"}]})),
    ]);
    assert_eq!(
        decide(&second_page, &Policy::default()).verdict,
        Verdict::Deny
    );
    let enhanced = scanned(&[page(
        &json!({"enhancedFindings": [{"severity": "CRITICAL"}]}),
    )]);
    assert_eq!(decide(&enhanced, &Policy::default()).verdict, Verdict::Deny);
    // philips-labs' scanner compares the JSON of counts, and so the order of their keys.
    let counted = |json: &str| {
        let counts: BTreeMap<String, u64> = serde_json::from_str(json).unwrap();
        decide(
            &image(ScanState::Complete, severity_counts(counts)),
            &Policy::default(),
        )
    };
    assert_eq!(
        counted(r#"{"HIGH":1,"CRITICAL":2,"LOW":3}"#),
        counted(r#"{"LOW":3,"CRITICAL":2,"HIGH":1}"#)
    );
}

#[test]
fn the_suppressed_are_listed_and_the_message_says_how_many() {
    let name = |name: &str, severity| Vulnerability::new(name, severity);
    let mut hidden = name("CVE-4", ScanSeverity::High);
    hidden.status = FindingStatus::Suppressed;
    let found = [
        name("CVE-1", ScanSeverity::Critical),
        name("CVE-2", ScanSeverity::High),
        name("CVE-3", ScanSeverity::Medium),
    ];
    let mut facts = with(&found, &BTreeMap::new());
    if let Subject::Image(image) = &mut facts.subject {
        image.scan.vulnerabilities.push(hidden);
    }
    let suppression = |vulnerability: &str| Suppression {
        id: format!("for-{vulnerability}"),
        source: Source::Waiver,
        vulnerabilities: vec![vulnerability.to_owned()],
        packages: Vec::new(),
        rules: Vec::new(),
        target: ImageTarget::default(),
        reason: "not reachable".to_owned(),
        until: "2026-12-31".parse().ok(),
    };
    let decided = |names: &[&str]| {
        let suppressions = names.iter().map(|name| suppression(name)).collect();
        decide(
            &facts,
            &policy_of(Profile::Default, |p| p.suppressions = suppressions),
        )
    };
    let one = decided(&["CVE-1", "CVE-3"]);
    assert_eq!(one.verdict, Verdict::Deny);
    assert_eq!(
        one.findings[0].message,
        "basic scanning found 1 high vulnerability (2 suppressed), among them `CVE-2`"
    );
    insta::assert_snapshot!(serde_json::to_string_pretty(&one.suppressed).unwrap());
    let all = decided(&["CVE-1", "CVE-2"]);
    assert_eq!((all.verdict, all.suppressed.len()), (Verdict::Allow, 3));
    let plan = plan(&all, &facts, Mode::Enforce, None);
    assert_eq!((plan.steps, plan.withheld), (Vec::new(), None));
}
