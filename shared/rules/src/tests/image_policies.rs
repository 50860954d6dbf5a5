//! Scopes, waivers and documents about images.

use proptest::prelude::*;

use super::*;
use crate::{
    facts::{Exploit, Fix, Package, Vulnerability},
    suppress::{Source, Suppressed},
};

const NOW: &str = "2026-11-23T12:00:00Z";

fn package(name: &str, fixed_in: Option<&str>) -> Package {
    Package {
        name: Some(name.to_owned()),
        version: Some("1.0".to_owned()),
        fixed_in: fixed_in.map(str::to_owned),
        ..Package::default()
    }
}

fn high(name: &str, package_name: &str) -> Vulnerability {
    Vulnerability {
        packages: vec![package(package_name, None)],
        exploit: Exploit::Unavailable,
        first_seen: "2026-11-20T00:00:00Z".parse().ok(),
        ..Vulnerability::new(name, ScanSeverity::High)
    }
}

/// An image in a repository under these tags, with these findings.
fn scanned(repository: &str, tags: &[&str], found: Vec<Vulnerability>) -> Facts {
    let mut counts = BTreeMap::new();
    for vulnerability in &found {
        *counts.entry(vulnerability.severity.clone()).or_default() += 1;
    }
    let mut facts = image(ScanState::Active, counts);
    facts.observed_at = NOW.parse().ok();
    let Subject::Image(image) = &mut facts.subject else {
        panic!("made as an image")
    };
    image.repository = Repository::new(home(), repository).unwrap();
    image.tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
    image.scan.scanner = Scanner::Enhanced;
    image.scan.vulnerabilities = found;
    image.scan.vulnerabilities.sort();
    facts
}

fn waiver(target: &str) -> String {
    format!(
        "waivers:\n- {{id: w, rules: [vulnerable-image, exploited-vulnerability, stale-vulnerability], target: {{{target}}}, reason: the parser is not linked, owner: o, expires: 2026-12-31}}"
    )
}

/// The vulnerabilities that a waiver took out.
fn waived(facts: &Facts, policy: &Policy) -> Vec<String> {
    let suppressed = decide(facts, policy).suppressed.into_iter();
    suppressed.map(|one| one.vulnerability).collect()
}

#[test]
fn a_waiver_for_a_vulnerability_is_for_the_images_that_all_of_its_target_matches() {
    let digest = format!("sha256:{}", "0a".repeat(32));
    let facts = scanned(
        "team/app",
        &["1.4", "release-7"],
        vec![high("CVE-2026-1001", "expat")],
    );
    for (more, expected) in [
        ("", true),
        ("package: expat", true),
        ("package: 'exp*'", true),
        ("package: openssl", false),
        ("repository: 'team/*'", true),
        ("repository: other", false),
        ("image-tag: 'release-*'", true),
        ("image-tag: latest", false),
        ("account: '111122223333'", true),
        ("account: '999999999999'", false),
        ("region: 'eu-*'", true),
        ("region: us-east-1", false),
        (&format!("digest: '{digest}'"), true),
        ("digest: 'sha256:ff*'", false),
        ("repository: team/app, package: openssl", false),
        (
            "repository: team/app, package: expat, image-tag: '1.*'",
            true,
        ),
    ] {
        let separator = if more.is_empty() { "" } else { ", " };
        let policy = policy(&waiver(&format!(
            "vulnerability: cve-2026-1001{separator}{more}"
        )));
        let decision = decide(&facts, &policy);
        assert_eq!(decision.verdict == Verdict::Allow, expected, "{more}");
        assert_eq!(decision.suppressed.len(), usize::from(expected), "{more}");
        for one in &decision.suppressed {
            assert_eq!(
                (one.by.as_str(), one.until.as_deref()),
                ("w", Some("2026-12-31"))
            );
        }
    }
    let untagged = scanned("team/app", &[], vec![high("CVE-2026-1001", "expat")]);
    let policy = policy(&waiver("vulnerability: CVE-2026-1001, image-tag: '*'"));
    assert_eq!(waived(&untagged, &policy), [] as [&str; 0]);
}

#[test]
fn a_waiver_for_a_vulnerability_ends_with_its_last_day_and_makes_nothing_else_of_the_image() {
    let mut facts = scanned(
        "team/app",
        &[],
        vec![
            high("CVE-2026-1001", "expat"),
            high("CVE-2026-1002", "expat"),
        ],
    );
    let policy = policy(&waiver(
        "vulnerability: [CVE-2026-1001, GHSA-aaaa-bbbb-cccc]",
    ));
    let decision = decide(&facts, &policy);
    assert_eq!(decision.verdict, Verdict::Deny);
    assert!(decision.findings[0].message.contains("`CVE-2026-1002`"));
    assert_eq!(waived(&facts, &policy), ["CVE-2026-1001"]);
    facts.observed_at = "2027-01-01T00:00:00Z".parse().ok();
    assert_eq!(waived(&facts, &policy), [] as [&str; 0]);
    // It covers no finding of a rule as a whole.
    assert_eq!(decide(&facts, &policy).waived, []);
}

#[test]
fn a_waiver_is_for_the_rules_that_it_names() {
    let policy = policy(
        "profile: restricted\nwaivers:\n- {id: w, rules: [vulnerable-image, stale-vulnerability], target: {vulnerability: CVE-2026-1001}, reason: r, owner: o, expires: 2026-12-31}",
    );
    let mut found = high("CVE-2026-1001", "expat");
    assert_eq!(
        decide(&scanned("team/app", &[], vec![found.clone()]), &policy).verdict,
        Verdict::Allow
    );
    // An exploit that nobody knew of when it was waived is news.
    found.exploit = Exploit::Available;
    let decision = decide(&scanned("team/app", &[], vec![found]), &policy);
    let rules: Vec<&str> = decision
        .findings
        .iter()
        .map(|finding| finding.rule)
        .collect();
    assert_eq!(rules, ["exploited-vulnerability"]);
    assert_eq!(
        decision.suppressed[0].rules,
        ["vulnerable-image", "stale-vulnerability"]
    );
}

#[test]
fn of_several_waivers_the_one_that_holds_longest_is_named_for_each_rule() {
    let policy = policy(
        "waivers:\n- {id: a, rules: [vulnerable-image], target: {vulnerability: CVE-2026-1001}, reason: r, owner: o, expires: 2026-12-01}\n- {id: b, rules: [vulnerable-image], target: {vulnerability: CVE-2026-1001}, reason: r, owner: o, expires: 2026-12-31}\n- {id: c, rules: [exploited-vulnerability], target: {vulnerability: CVE-2026-1001}, reason: r, owner: o, expires: 2026-11-30}",
    );
    let decision = decide(
        &scanned("team/app", &[], vec![high("CVE-2026-1001", "expat")]),
        &policy,
    );
    let by: Vec<(&str, &[&str])> = decision
        .suppressed
        .iter()
        .map(|one| (one.by.as_str(), one.rules.as_slice()))
        .collect();
    assert_eq!(
        by,
        [
            ("b", &["vulnerable-image"][..]),
            ("c", &["exploited-vulnerability"][..])
        ]
    );
}

// containers-roadmap#1191: "whitelist some vulnerabilities when doing an ECR scanning".
#[test]
fn d6_a_vulnerability_that_basic_scanning_finds_can_be_waived() {
    let mut facts = scanned("team/app", &[], vec![high("CVE-2026-1001", "expat")]);
    let Subject::Image(image) = &mut facts.subject else {
        panic!("made as an image")
    };
    image.scan.scanner = Scanner::Basic;
    image.scan.vulnerabilities[0].exploit = Exploit::Unknown;
    assert_eq!(decide(&facts, &policy("")).verdict, Verdict::Deny);
    let policy = policy(&waiver(
        "vulnerability: CVE-2026-1001, repository: team/app",
    ));
    let decision = decide(&facts, &policy);
    assert_eq!(
        (decision.verdict, decision.suppressed.len()),
        (Verdict::Allow, 1)
    );
}

// containers-roadmap#2305: "too much unnecessary noise" of kernels that no container runs.
#[test]
fn d7_findings_in_kernels_are_left_out_by_a_preset_and_listed() {
    let facts = scanned(
        "team/app",
        &[],
        vec![
            high("CVE-2026-1001", "linux-libc-dev"),
            high("CVE-2026-1002", "linux-pam"),
        ],
    );
    let with = policy("presets: [kernel-vulnerabilities]");
    let decision = decide(&facts, &with);
    assert!(
        decision.findings[0]
            .message
            .starts_with("Amazon Inspector found 1 high vulnerability")
    );
    assert_eq!(decision.suppressed[0].by, "preset:kernel-vulnerabilities");
    assert_eq!(decision.suppressed[0].vulnerability, "CVE-2026-1001");
    let kernel_alone = scanned(
        "team/app",
        &[],
        vec![high("CVE-2026-1001", "linux-libc-dev")],
    );
    assert_eq!(decide(&kernel_alone, &with).verdict, Verdict::Allow);
    for without in ["", "presets: [falco]"] {
        let decision = decide(&kernel_alone, &policy(without));
        assert_eq!(decision.verdict, Verdict::Deny, "{without}");
        assert_eq!(decision.suppressed, [], "{without}");
    }
}

// containers-roadmap#1054: "know if an image rebuild will solve the problem".
#[test]
fn d9_a_finding_says_whether_a_rebuild_helps() {
    let found = (1..=9).map(|number| {
        let mut found = high(&format!("CVE-2026-100{number}"), "expat");
        found.fix = if number > 2 {
            Fix::Available
        } else {
            Fix::Unavailable
        };
        found.packages = vec![package("expat", (number > 2).then_some("1.1"))];
        found
    });
    let decision = decide(&scanned("team/app", &[], found.collect()), &policy(""));
    let finding = &decision.findings[0];
    assert!(
        finding
            .message
            .starts_with("Amazon Inspector found 9 high vulnerabilities, 7 with a fix")
    );
    let remedy = finding.remedy.as_deref().unwrap();
    assert_eq!(
        (remedy.fixable, remedy.total, remedy.worst.len()),
        (7, 9, 9)
    );
    insta::assert_snapshot!(serde_json::to_string_pretty(&remedy.worst[8]).unwrap());
    // What only its number tells of, nobody says anything about; and no more are told than anybody reads.
    let counted = image(ScanState::Complete, [(ScanSeverity::Critical, 40)].into());
    let decision = decide(&counted, &policy(""));
    let remedy = decision.findings[0].remedy.as_deref().unwrap();
    assert_eq!(
        (remedy.total, remedy.unknown, remedy.worst.len()),
        (40, 40, 0)
    );
    assert_eq!(
        decision.findings[0].message,
        "basic scanning found 40 critical vulnerabilities"
    );
    let many = (0..50).map(|number| high(&format!("CVE-2026-10{number}"), "expat"));
    let decision = decide(&scanned("team/app", &[], many.collect()), &policy(""));
    assert_eq!(
        decision.findings[0].remedy.as_deref().unwrap().worst.len(),
        10
    );
}

// ecr-scan-image#7: "warn if a CVE is allowed that is not in the vulnerability list".
#[test]
fn d33_a_waiver_says_which_of_its_vulnerabilities_no_image_has() {
    let policy = policy(&waiver(
        "vulnerability: [CVE-2026-1001, CVE-2026-1009], repository: team/app",
    ));
    let unused = |facts: &[Facts]| {
        let decisions: Vec<Decision> = facts.iter().map(|facts| decide(facts, &policy)).collect();
        let suppressed = decisions.iter().flat_map(|decision| &decision.suppressed);
        let names = crate::suppress::unused(&policy.waivers()[0], suppressed);
        names.into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let ours = scanned("team/app", &[], vec![high("cve-2026-1001", "expat")]);
    let other = scanned("team/other", &[], vec![high("CVE-2026-1009", "expat")]);
    assert_eq!(unused(&[ours, other.clone()]), ["CVE-2026-1009"]);
    assert_eq!(unused(&[other]), ["CVE-2026-1001", "CVE-2026-1009"]);
}

#[test]
fn what_basic_scanning_does_not_say_of_fixes_is_unknown_and_never_acted_on() {
    for more in [
        "",
        "unknown: deny\n",
        "unknown: deny\nprofile: restricted\n",
    ] {
        let policy = policy(&format!(
            "{more}parameters: {{images: {{fixable-only: true}}}}"
        ));
        let found = Vulnerability::new("CVE-2026-1001", ScanSeverity::Critical);
        let mut listed = scanned("team/app", &[], vec![found]);
        let Subject::Image(scanned) = &mut listed.subject else {
            panic!("made as an image")
        };
        scanned.scan.scanner = Scanner::Basic;
        let counted = image(ScanState::Complete, [(ScanSeverity::Critical, 2)].into());
        for facts in [listed, counted] {
            let decision = decide(&facts, &policy);
            let answer = decision
                .findings
                .iter()
                .find(|f| f.rule == "vulnerable-image")
                .unwrap();
            assert_eq!(answer.outcome, Outcome::Unknown);
            assert!(
                answer.message.contains("basic scanning does not say"),
                "{}",
                answer.message
            );
            let costs = if more.is_empty() {
                Verdict::Warn
            } else {
                Verdict::Deny
            };
            assert_eq!(decision.verdict, costs);
            assert_eq!(plan(&decision, &facts, Mode::Enforce, None).steps, []);
        }
    }
}

const SCOPES: &str = "parameters: {images: {threshold: critical, scan-minutes: 1}}\nscopes:\n- {match: {repository: 'prod/*'}, images: {threshold: medium, stale-days: {medium: 1}}}\n- {match: {repository: 'prod/*', image-tag: 'release-*'}, images: {threshold: low}}\n- {match: {image-tag: dev}, images: {threshold: info}}";

#[test]
fn the_narrowest_scope_that_sets_a_member_for_images_decides() {
    let policy = policy(SCOPES);
    let of = |repository: &str, tags: &[&str]| {
        let facts = scanned(repository, tags, Vec::new());
        let parameters = policy.parameters_for(&facts);
        let images = &parameters.image;
        let stale = images.stale.medium.map(|days| days.0);
        (images.threshold, stale, images.scan_minutes)
    };
    assert_eq!(of("team/app", &[]), (Severity::Critical, None, 1));
    assert_eq!(of("team/app", &["1.4", "dev"]), (Severity::Info, None, 1));
    assert_eq!(of("prod/app", &[]), (Severity::Medium, Some(1), 1));
    assert_eq!(of("prod/app", &["1.4"]), (Severity::Medium, Some(1), 1));
    assert_eq!(
        of("prod/app", &["1.4", "release-7"]),
        (Severity::Low, Some(1), 1)
    );
    // The literal tag is narrower than the glob of the repository.
    assert_eq!(of("prod/app", &["dev"]), (Severity::Info, Some(1), 1));
}

#[test]
fn a_scope_for_a_tag_gives_levels_too_and_holds_for_no_definition() {
    let policy = policy(
        "scopes:\n- {match: {image-tag: '*'}, rules: {vulnerable-image: warn, root-user: off}}",
    );
    let tagged = scanned("team/app", &["a"], vec![high("CVE-2026-1001", "expat")]);
    let untagged = scanned("team/app", &[], vec![high("CVE-2026-1001", "expat")]);
    assert_eq!(decide(&tagged, &policy).verdict, Verdict::Warn);
    assert_eq!(decide(&untagged, &policy).verdict, Verdict::Deny);
    let root = definition(&json!({"containerDefinitions": [{"name": "a", "user": "0"}]}));
    assert!(
        decide(&root, &policy)
            .findings
            .iter()
            .any(|f| f.rule == "root-user")
    );
}

#[test]
fn scopes_for_images_and_scopes_for_definitions_never_meet() {
    // Equally narrow, but nothing is both.
    let policy = policy(
        "scopes:\n- {match: {repository: 'prod/*'}, images: {threshold: low}}\n- {match: {family: 'batch-*'}, rules: {root-user: off}}",
    );
    let facts = scanned("prod/app", &[], Vec::new());
    assert_eq!(policy.parameters_for(&facts).image.threshold, Severity::Low);
}

#[test]
fn what_a_document_says_is_added_to_what_the_policy_says() {
    let document = json!({
        "@context": "https://openvex.dev/ns/v0.2.0", "timestamp": "2026-11-01T00:00:00Z",
        "statements": [{
            "vulnerability": {"name": "CVE-2026-1001"}, "status": "not_affected",
            "justification": "vulnerable_code_not_in_execute_path",
            "products": [{"@id": "pkg:oci/app?repository_url=111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/app"}],
        }],
    });
    let document = serde_json::from_value(document).unwrap();
    let vex = crate::openvex::read([("app.json".to_owned(), document)]).unwrap();
    let other = waiver("vulnerability: CVE-2026-1009, repository: team/other");
    let policy = policy(&other).with_vex(vex);
    let found = vec![high("CVE-2026-1001", "expat")];
    let decision = decide(&scanned("team/app", &[], found), &policy);
    assert_eq!(decision.verdict, Verdict::Allow);
    assert_eq!(decision.suppressed[0].source, Source::Vex);
    assert_eq!(policy.waivers().len(), 1);
}

#[test]
fn where_documents_cannot_be_read_their_findings_count_and_no_image_is_acted_on() {
    let plain = policy("vex: [a.json, vex/b.json]");
    assert_eq!(plain.vex_files(), ["a.json", "vex/b.json"]);
    let facts = scanned("team/app", &[], vec![high("CVE-2026-1001", "expat")]);
    let root = definition(&json!({"containerDefinitions": [{"name": "a", "privileged": true}]}));
    assert_eq!(plain.mode(&facts, Mode::Enforce), Mode::Enforce);
    let lacking = plain.without_vex();
    assert_eq!(lacking.mode(&facts, Mode::Enforce), Mode::Audit);
    assert_eq!(decide(&facts, &lacking).verdict, Verdict::Deny);
    // Definitions have nothing to do with them.
    assert_eq!(lacking.mode(&root, Mode::Enforce), Mode::Enforce);
    assert_eq!(
        policy("").without_vex().mode(&facts, Mode::Enforce),
        Mode::Enforce
    );
}

fn any_target() -> impl Strategy<Value = String> {
    let more = vec![
        "",
        ", repository: 'team/*'",
        ", repository: team/app",
        ", image-tag: 'release-*'",
        ", package: 'open*'",
        ", account: '111122223333'",
        ", region: 'us-*'",
    ];
    (1..5_u8, prop::sample::select(more))
        .prop_map(|(number, more)| format!("vulnerability: CVE-2026-100{number}{more}"))
}

#[test]
fn a_name_is_used_where_its_own_waiver_took_it_out() {
    let of = |id: &str, names: &str| {
        format!(
            "- {{id: {id}, rules: [vulnerable-image], target: {{repository: 'team/*', vulnerability: [{names}]}}, reason: r, owner: o, expires: 2026-12-31}}\n"
        )
    };
    let policy = policy(&format!(
        "waivers:\n{}{}",
        of("w", "CVE-2026-0001, CVE-2026-0002"),
        of("v", "CVE-2026-0003")
    ));
    let found = vec![high("CVE-2026-0001", "a"), high("CVE-2026-0003", "a")];
    let decision = decide(&scanned("team/app", &[], found), &policy);
    let unused: Vec<Vec<&str>> = policy
        .waivers()
        .iter()
        .map(|waiver| crate::suppress::unused(waiver, &decision.suppressed))
        .collect();
    assert_eq!(unused, [vec!["CVE-2026-0002"], vec![]]);
    // What another waiver or a document took out under the same name is not this one's.
    let of_waiver = &decision.suppressed[0];
    for (source, by) in [(Source::Waiver, "v"), (Source::Vex, "w")] {
        let other = Suppressed {
            source,
            by: by.to_owned(),
            ..of_waiver.clone()
        };
        let unused = crate::suppress::unused(&policy.waivers()[0], [&other]);
        assert_eq!(unused, ["CVE-2026-0001", "CVE-2026-0002"], "{by}");
    }
}

proptest! {
    #[test]
    fn a_waiver_for_a_vulnerability_changes_nothing_about_another_or_elsewhere(
        target in any_target(),
        numbers in prop::collection::vec((1..5_u8, prop::sample::select(vec!["openssl", "expat"])), 0..6),
        repository in prop::sample::select(vec!["team/app", "other/app"]),
        tags in prop::sample::select(vec![&[][..], &["release-1"][..], &["a", "release-1"][..]]),
    ) {
        let found: Vec<_> = numbers.iter()
            .map(|(number, package)| high(&format!("CVE-2026-100{number}"), package)).collect();
        let with = policy(&waiver(&target));
        let facts = scanned(repository, tags, found.clone());
        let decision = decide(&facts, &with);
        // What the waiver does not name is judged as if nothing else were there.
        let name = target.split([' ', ',']).nth(1).unwrap();
        prop_assert!(decision.suppressed.iter().all(|one| one.vulnerability == name));
        let taken = decision.suppressed.len();
        let mut taken_out = 0;
        let left: Vec<_> = found.iter().filter(|one| {
            let is_meant = one.name == name
                && (!target.contains("package") || one.packages[0].name.as_deref() == Some("openssl"));
            let is_out = is_meant && taken > 0;
            taken_out += usize::from(is_out);
            !is_out
        }).cloned().collect();
        prop_assert_eq!(taken, taken_out);
        let without = decide(&scanned(repository, tags, left), &policy(""));
        prop_assert_eq!(what(&decision), what(&without));
        if target.contains("repository") && repository == "other/app"
            || target.contains("us-*") || target.contains("image-tag") && tags.is_empty() {
            prop_assert_eq!(taken, 0);
        }
    }

    #[test]
    fn a_narrower_scope_wins_in_whatever_order_they_stand(
        order in Just(vec![0_usize, 1, 2]).prop_shuffle(),
        is_in_prod in any::<bool>(), has_release in any::<bool>(), has_more in any::<bool>(),
    ) {
        let scopes = [
            "- {match: {repository: 'prod/*'}, images: {threshold: medium}}\n",
            "- {match: {repository: 'prod/*', image-tag: 'release-*'}, images: {threshold: low}}\n",
            "- {match: {repository: prod/app, image-tag: 'release-*'}, images: {threshold: info}}\n",
        ];
        let text: String = order.iter().map(|index| scopes[*index]).collect();
        let policy = policy(&format!("scopes:\n{text}"));
        let mut tags = vec![];
        if has_more { tags.push("1.4"); }
        if has_release { tags.push("release-1"); }
        let facts = scanned(if is_in_prod { "prod/app" } else { "app" }, &tags, Vec::new());
        let expected = match (is_in_prod, has_release) {
            (false, _) => Severity::High,
            (true, false) => Severity::Medium,
            (true, true) => Severity::Info,
        };
        prop_assert_eq!(policy.parameters_for(&facts).image.threshold, expected);
    }
}
