use std::io::Write;

use serde_json::json;
use zip::{ZipWriter, write::SimpleFileOptions};

use super::{
    super::tests::{commands, lines, wanted},
    *,
};

const PATH: &str = "tidewaiter/policy.yaml";

fn zipped(name: &str, text: &str) -> Artifact {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file(name, SimpleFileOptions::default()).unwrap();
    zip.write_all(text.as_bytes()).unwrap();
    Artifact {
        sha256: "AAAA".to_owned(),
        bytes: zip.finish().unwrap().into_inner(),
    }
}

fn judged(zip: Option<Artifact>, live: Option<&str>) -> Vec<String> {
    let layer = wanted(
        "AWS::Lambda::LayerVersion",
        "PolicyLayer",
        "arn:layer:7",
        json!({}),
    );
    let now = "2026-11-25T12:00:00Z".parse().unwrap();
    lines([judge(&layer, Ok(zip), live, PATH, now, &commands())])
}

#[test]
fn a_policy_that_can_be_used_says_what_it_is() {
    let waiver = "version: 1
profile: baseline
waivers:
- id: old
  rules: [root-user]
  target: { family: web }
  reason: it was so
  owner: ada
  expires: 2026-11-01
";
    let told = [
        judged(
            Some(zipped(PATH, "version: 1\nprofile: restricted\n")),
            Some("AAAA"),
        ),
        judged(Some(zipped(PATH, waiver)), Some("AAAA")),
    ];
    insta::assert_snapshot!(told.concat().join("\n"));
}

#[test]
fn one_that_cannot_says_why_and_one_that_is_not_there_too() {
    let broken = Artifact {
        sha256: "AAAA".to_owned(),
        bytes: b"PK no zip".to_vec(),
    };
    let told = [
        judged(
            Some(zipped(PATH, "version: 1\nprofile: lax\n")),
            Some("AAAA"),
        ),
        judged(Some(zipped("policy.yaml", "version: 1\n")), Some("AAAA")),
        judged(Some(broken), Some("AAAA")),
        judged(Some(zipped(PATH, "version: 1\n")), Some("BBBB")),
        judged(None, Some("AAAA")),
        judged(None, None),
    ];
    insta::assert_snapshot!(told.concat().join("\n"));
}
