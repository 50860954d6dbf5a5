//! Alerts about images: what is suppressed, and whether a rebuild helps.

use tidewaiter_rules::{
    Facts, Subject,
    facts::{Exploit, Fix, Package, ScanSeverity, Vulnerability},
};

use super::*;

fn found(name: &str, text: &str) -> Vulnerability {
    Vulnerability {
        packages: vec![Package {
            name: Some(text.to_owned()),
            version: Some(text.to_owned()),
            fixed_in: Some(text.to_owned()),
            ..Package::default()
        }],
        exploit: Exploit::Unavailable,
        fix: Fix::Available,
        ..Vulnerability::new(name, ScanSeverity::High)
    }
}

/// The event of a scan, and the image with these findings.
fn scanned(findings: Vec<Vulnerability>) -> (Event, Facts) {
    let event = event(&json!({
        "detail-type": "ECR Image Scan", "source": "aws.ecr", "account": "111122223333",
        "region": "eu-west-1", "time": "2026-11-23T12:00:00Z",
        "detail": {"repository-name": "team/app", "scan-status": "COMPLETE", "image-tags": ["1.4"],
            "image-digest": format!("sha256:{}", "ab".repeat(32)),
            "finding-severity-counts": {"HIGH": findings.len()}},
    }));
    let mut facts = event.facts().unwrap();
    let Subject::Image(image) = &mut facts.subject else {
        panic!("a scan is of an image")
    };
    image.scan.vulnerabilities = findings;
    (event, facts)
}

fn alert_of(findings: Vec<Vulnerability>, policy: &str) -> Alert {
    let (event, facts) = scanned(findings);
    let policy = format!("version: 1\n{policy}");
    let policy = Policy::from_yaml(&policy, "2026-11-23T12:00:00Z".parse().unwrap()).unwrap();
    let decision = decide(&facts, &policy);
    let plan = plan(&decision, &facts, Mode::Enforce, None);
    let effects = vec![Effect::Done; plan.steps.len()];
    Alert::of_decision(&event, &facts, &decision, &plan, &effects, &home()).unwrap()
}

#[test]
fn on_call_reads_whether_a_rebuild_helps_and_what_does_not_count() {
    let mut findings: Vec<_> = (0..9)
        .map(|number| found(&format!("CVE-2026-100{number}"), "expat"))
        .collect();
    for (finding, fix) in findings
        .iter_mut()
        .zip([Fix::Unavailable, Fix::Partial, Fix::Unknown])
    {
        finding.fix = fix;
        finding.packages[0].fixed_in = None;
    }
    findings.push(found("CVE-2026-1010", "linux-libc-dev"));
    findings.push(found("CVE-2026-1011", "openssl"));
    let alert = alert_of(
        findings,
        "presets: [kernel-vulnerabilities]\nwaivers:\n- {id: w, rules: [vulnerable-image], target: {vulnerability: CVE-2026-1011}, reason: not reachable, owner: o, expires: 2026-12-31}",
    );
    insta::assert_snapshot!(alert.to_string());
    let machine = json!(alert);
    assert_eq!(machine["suppressed"].as_array().unwrap().len(), 2);
    assert_eq!(machine.get("more_suppressed"), None);
    assert_eq!(machine["findings"][0]["remedy"]["fixable"], 6);
}

#[test]
fn an_alert_carries_so_many_and_says_how_many_more_there_are() {
    let mut findings: Vec<_> = (0..60)
        .map(|number| found(&format!("CVE-2026-20{number:02}"), "linux-libc-dev"))
        .collect();
    findings.push(found("CVE-2026-1001", "expat"));
    let machine = json!(alert_of(findings, "presets: [kernel-vulnerabilities]"));
    assert_eq!(machine["suppressed"].as_array().unwrap().len(), 25);
    assert_eq!(machine["more_suppressed"], 35);
    assert_eq!(
        machine["findings"][0]["remedy"]["worst"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn the_end_of_a_waiver_names_its_vulnerabilities() {
    let policy = "version: 1\nwaivers:\n- {id: w, rules: [vulnerable-image], target: {vulnerability: [CVE-2026-1011, GHSA-aaaa]}, reason: r, owner: o, expires: 2026-11-23}";
    let today = "2026-11-23T12:00:00Z".parse().unwrap();
    let policy = Policy::from_yaml(policy, today).unwrap();
    let waivers = policy.waivers().iter();
    let due = waivers.filter_map(|waiver| Some((waiver, waiver.reminder(today)?)));
    let alert = Alert::of_waivers(due.collect(), today, Mode::Enforce, &home()).unwrap();
    assert!(
        alert
            .to_string()
            .contains("  for    CVE-2026-1011, GHSA-AAAA\n")
    );
    assert_eq!(
        json!(alert)["waivers"][0]["vulnerabilities"][0],
        "CVE-2026-1011"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn hostile_findings_come_out_inert_and_within_limits(
        text in prop_oneof!["[\\s\\S]{0,60}", "[\\s\\S]{1,20}".prop_map(|part| part.repeat(300))],
        count in 1usize..60,
    ) {
        let mut hidden = found(&text, &text);
        hidden.status = tidewaiter_rules::facts::FindingStatus::Suppressed;
        let mut findings = vec![found(&text, &text); count];
        findings.extend(vec![hidden; count]);
        is_within_limits(&alert_of(findings, "profile: restricted").message())?;
    }
}
