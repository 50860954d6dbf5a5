//! What is done to images.

use super::*;

fn action(members: &str) -> Result<Parsed, InvalidEvent> {
    let digest = format!("sha256:{}", "ab".repeat(32));
    let detail = format!(r#"{{"image-digest":"{digest}",{members}}}"#);
    parse(wrapped("ECR Image Action", "aws.ecr", &detail).as_bytes())
}

#[test]
fn a_push_says_what_it_is_by_its_media_types_alone() {
    let push = r#""action-type":"PUSH","result":"SUCCESS","repository-name":"app""#;
    let oci = "application/vnd.oci.image";
    let docker = "application/vnd.docker";
    for (manifest, configuration, is_image) in [
        (None, None, true),
        (Some(format!("{oci}.manifest.v1+json")), None, true),
        (Some(format!("{oci}.index.v1+json")), None, true),
        (
            Some(format!("{docker}.distribution.manifest.v2+json")),
            Some(format!("{docker}.container.image.v1+json")),
            true,
        ),
        (
            Some(format!("{oci}.index.v1+json")),
            Some(format!("{oci}.index.v1+json")),
            true,
        ),
        (
            Some(format!("{oci}.manifest.v1+json")),
            Some(format!("{oci}.config.v1+json")),
            true,
        ),
        (
            Some(format!("{oci}.manifest.v1+json")),
            Some("application/vnd.cncf.helm.config.v1+json".to_owned()),
            false,
        ),
        (
            Some("application/vnd.cncf.oras.artifact.manifest.v1+json".to_owned()),
            None,
            false,
        ),
        (None, Some("text/sbom+json".to_owned()), false),
    ] {
        let member = |name: &str, value: Option<String>| {
            value.map_or(String::new(), |value| format!(r#","{name}":"{value}""#))
        };
        let types = [
            member("manifest-media-type", manifest),
            member("artifact-media-type", configuration),
        ]
        .concat();
        let parsed = action(&format!("{push}{types}")).unwrap();
        let is_pushed = matches!(parsed, Parsed::Event(Event::Pushed(_)));
        assert_eq!(is_pushed, is_image, "{types}");
        let is_ignored = matches!(parsed, Parsed::Ignored(Ignored::OtherArtifact(_)));
        assert_eq!(is_ignored, !is_image, "{types}");
    }
}

#[test]
fn a_push_without_the_repository_or_the_action_is_an_error() {
    for (members, missing) in [
        (
            r#""repository-name":"app","result":"SUCCESS""#,
            "action-type",
        ),
        (
            r#""action-type":"PUSH","result":"SUCCESS""#,
            "repository-name",
        ),
        (r#""action-type":"PUSH","repository-name":"App""#, "App"),
    ] {
        let error = action(members).unwrap_err().to_string();
        assert!(error.contains(missing), "{error}");
    }
    // A result that is not there may be a success; a class that is not there is no restoration.
    let pushed = action(r#""action-type":"PUSH","repository-name":"app""#).unwrap();
    assert!(matches!(pushed, Parsed::Event(Event::Pushed(_))));
    let moved = action(r#""action-type":"UPDATE_STORAGE_CLASS","repository-name":"app""#).unwrap();
    assert!(matches!(moved, Parsed::Ignored(Ignored::OtherAction(_))));
}
