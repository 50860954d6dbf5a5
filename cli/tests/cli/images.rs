//! Policies for images: waivers for vulnerabilities, and OpenVEX documents beside the policy.

use std::{fs, os::unix::fs::symlink};

use super::{PRIVILEGED, events, folder, json, tidewaiter, transcript};

const VEX: &str = r#"{"@context": "https://openvex.dev/ns/v0.2.0", "timestamp": "2026-10-01T00:00:00Z", "statements": [
    {"vulnerability": {"name": "CVE-2026-2201"}, "products": [{"@id": "pkg:oci/shop"}], "status": "not_affected",
     "justification": "vulnerable_code_not_in_execute_path"},
    {"vulnerability": {"name": "CVE-2026-1"}, "products": [{"@id": "pkg:npm/left-pad"}], "status": "fixed"}]}"#;

/// A day on which a waiver still holds, whenever the test runs.
fn soon() -> String {
    let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * 90);
    soon.to_string().split('T').next().unwrap().to_owned()
}

fn waiver(id: &str, names: &str) -> String {
    format!(
        "- {{id: {id}, rules: [vulnerable-image], target: {{vulnerability: {names}, repository: 'team/*'}}, reason: r, owner: o, expires: {}}}\n",
        soon()
    )
}

#[test]
fn what_is_suppressed_is_listed_and_what_no_image_has_is_told() {
    let waivers = [
        waiver("in-part", "[cve-2026-2201, CVE-2026-9999]"),
        waiver("misspelt", "[CVE-2026-22011, CVE-2026-22012]"),
    ];
    let ended = waiver("ended", "CVE-2026-2201").replace(&soon(), "2020-01-01");
    let policy = format!("version: 1\nwaivers:\n{}{ended}", waivers.concat());
    let finding = fs::read(events().join("image-scan-guard/finding.json")).unwrap();
    let counts = fs::read(events().join("image-scan-guard/critical.json")).unwrap();
    let folder = folder(&[
        ("policy.yaml", policy.as_bytes()),
        ("finding.json", &finding),
        ("counts.json", &counts),
        ("privileged.json", PRIVILEGED.as_bytes()),
    ]);
    let path = folder.path();
    let with =
        |command: &str, file: &str| transcript(path, &[command, "--policy", "policy.yaml", file]);
    let text = [
        with("replay", "finding.json"),
        // Where no findings are known one by one, nobody can say that a waiver is for none.
        with("replay", "counts.json"),
        with("check", "privileged.json"),
        transcript(path, &["replay", "finding.json"]),
    ];
    insta::assert_snapshot!(text.join("\n").replace(&soon(), "[soon]"));
    let arguments = [
        "replay",
        "--format=json",
        "--policy=policy.yaml",
        "finding.json",
    ];
    let report = json(&tidewaiter(path, &arguments));
    let suppressed = &report["results"][0]["suppressed"][0];
    assert_eq!(suppressed["vulnerability"], "CVE-2026-2201");
    assert_eq!(suppressed["source"], "waiver");
    assert_eq!(suppressed["rules"], serde_json::json!(["vulnerable-image"]));
}

#[test]
fn documents_beside_the_policy_are_read_from_wherever_the_program_runs() {
    let finding = fs::read(events().join("image-scan-guard/finding.json")).unwrap();
    let folder = folder(&[("finding.json", &finding)]);
    let path = folder.path();
    fs::create_dir_all(path.join("policies/vex")).unwrap();
    fs::write(
        path.join("policies/p.yaml"),
        "version: 1\nvex: [vex/shop.json]\n",
    )
    .unwrap();
    fs::write(path.join("policies/vex/shop.json"), VEX).unwrap();
    insta::assert_snapshot!(
        [
            transcript(
                path,
                &["replay", "--policy", "policies/p.yaml", "finding.json"]
            ),
            transcript(path, &["policy", "validate", "policies/p.yaml"]),
            transcript(&path.join("policies"), &["policy", "validate", "p.yaml"]),
        ]
        .join("\n")
    );
}

#[test]
fn a_document_that_cannot_be_used_is_an_error() {
    let large = " ".repeat(4 * 1024 * 1024 + 1);
    let folder = folder(&[
        ("good.json", VEX.as_bytes()),
        ("cut.json", &VEX.as_bytes()[..40]),
        ("list.json", b"[]"),
        ("large.json", large.as_bytes()),
        (
            "other.json",
            br#"{"@context": "https://spdx.dev", "statements": []}"#,
        ),
        ("outside.json", VEX.as_bytes()),
    ]);
    let path = folder.path();
    fs::create_dir(path.join("in")).unwrap();
    symlink(path.join("outside.json"), path.join("in/link.json")).unwrap();
    for name in [
        "good.json",
        "cut.json",
        "list.json",
        "large.json",
        "other.json",
    ] {
        fs::rename(path.join(name), path.join("in").join(name)).unwrap();
    }
    let mut text = String::new();
    for vex in [
        "[good.json, missing.json, cut.json]",
        "[list.json]",
        "[large.json]",
        "[other.json]",
        "[link.json]",
        "[.]",
    ] {
        fs::write(path.join("in/p.yaml"), format!("version: 1\nvex: {vex}\n")).unwrap();
        text.push_str(&transcript(path, &["policy", "validate", "in/p.yaml"]));
    }
    insta::assert_snapshot!(text);
}
