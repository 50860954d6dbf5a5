//! Indexes, as registries hold them.

use proptest::prelude::*;
use tidewaiter_rules::facts::family::Role;

use crate::manifest::{InvalidIndex, MAX_BYTES, children, is_index};

fn digest(digit: char) -> String {
    format!("sha256:{}", digit.to_string().repeat(64))
}

fn roles(manifests: &str) -> Vec<Role> {
    let index = format!(r#"{{"schemaVersion": 2, "manifests": [{manifests}]}}"#);
    let children = children(&index).unwrap();
    children.into_iter().map(|child| child.role).collect()
}

#[test]
fn a_builds_index_leads_to_platforms_and_attestations() {
    let index = format!(
        r#"{{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [
        {{"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": "{}", "size": 1,
          "platform": {{"architecture": "arm64", "os": "linux", "variant": "v8"}}}},
        {{"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": "{}", "size": 1,
          "annotations": {{"vnd.docker.reference.type": "attestation-manifest"}},
          "platform": {{"architecture": "unknown", "os": "unknown"}}}}]}}"#,
        digest('a'),
        digest('b')
    );
    let children = children(&index).unwrap();
    assert_eq!(children[0].digest.as_str(), digest('a'));
    assert_eq!(
        children[0].role,
        Role::Platform("linux/arm64/v8".to_owned())
    );
    assert_eq!(children[1].role, Role::Attestation);
}

#[test]
fn what_is_neither_image_nor_attestation_is_an_artifact() {
    let entry = |more: &str| format!(r#"{{"digest": "{}" {more}}}"#, digest('c'));
    for (more, role) in [
        ("", Role::Platform("any platform".to_owned())),
        (
            r#", "platform": null"#,
            Role::Platform("any platform".to_owned()),
        ),
        (
            r#", "mediaType": "application/vnd.docker.distribution.manifest.v2+json", "platform": {"os": "windows", "architecture": "amd64", "os.version": "10.0"}"#,
            Role::Platform("windows/amd64".to_owned()),
        ),
        (
            r#", "mediaType": "application/vnd.oci.image.index.v1+json""#,
            Role::Platform("any platform".to_owned()),
        ),
        (
            r#", "artifactType": "application/spdx+json""#,
            Role::Artifact,
        ),
        (
            r#", "mediaType": "application/vnd.cncf.helm.config.v1+json""#,
            Role::Artifact,
        ),
        (
            r#", "annotations": {"vnd.docker.reference.type": "attestation-manifest"}"#,
            Role::Attestation,
        ),
        // Half of it is a platform that nobody has heard of, and may run somewhere.
        (
            r#", "platform": {"os": "linux", "architecture": "unknown"}"#,
            Role::Platform("linux/unknown".to_owned()),
        ),
    ] {
        assert_eq!(roles(&entry(more)), [role], "{more}");
    }
}

#[test]
fn an_entry_that_leads_nowhere_hides_no_other() {
    let broken = r#"{"digest": "sha256:short"}, {"size": 3}, {"digest": "none"}"#;
    let index = format!(r#"{broken}, {{"digest": "{}"}}"#, digest('d'));
    assert_eq!(roles(&index).len(), 1);
}

#[test]
fn what_is_no_index_is_refused() {
    for text in [
        "",
        "{}",
        "[]",
        r#"{"manifests": 3}"#,
        r#"{"manifests": [3]}"#,
        r#"{"manifests": [], "manifests": []}"#,
    ] {
        assert!(
            matches!(children(text), Err(InvalidIndex::Malformed { .. })),
            "{text}"
        );
    }
    assert_eq!(
        children(&" ".repeat(MAX_BYTES + 1)),
        Err(InvalidIndex::TooLarge)
    );
    let many = vec!["{}"; 1001].join(",");
    assert_eq!(
        children(&format!(r#"{{"manifests": [{many}]}}"#)),
        Err(InvalidIndex::TooMany)
    );
    assert!(!is_index("application/vnd.oci.image.manifest.v1+json"));
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC*", digest in "\\PC{0,40}") {
        let _ = children(&text);
        let index = serde_json::json!({"manifests": [{"digest": digest, "mediaType": text}]});
        prop_assert!(children(&index.to_string()).is_ok());
    }
}
