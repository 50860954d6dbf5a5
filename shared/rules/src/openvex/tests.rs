//! Documents as suppliers write them, and as nobody should.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn document(statements: &Value) -> OpenVex {
    serde_json::from_value(json!({
        "@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://openvex.dev/docs/example/1",
        "author": "a", "timestamp": "2026-11-01T00:00:00Z", "version": 1, "statements": statements,
    }))
    .unwrap()
}

fn vex(statements: &Value) -> Vex {
    read([("web.json".to_owned(), document(statements))]).unwrap()
}

fn about(product: &str, more: &Value) -> Value {
    let mut statement = json!({
        "vulnerability": {"name": "CVE-2026-1"}, "products": [{"@id": product}],
        "status": "not_affected", "justification": "vulnerable_code_not_in_execute_path"});
    let members = more.as_object().unwrap().clone();
    statement.as_object_mut().unwrap().extend(members);
    statement
}

#[test]
fn a_statement_about_an_image_suppresses() {
    let by_digest = format!(
        "pkg:oci/web@{}?repository_url=ghcr.io/team/web&arch=amd64",
        DIGEST.replace(':', "%3A")
    );
    let vex = vex(&json!([
        about(
            &by_digest,
            &json!({"impact_statement": "the parser is not linked"})
        ),
        about(
            "pkg:oci/web?repository_url=111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/web&tag=1.4",
            &json!({"status": "fixed", "vulnerability": {"name": "cve-2026-2", "aliases": ["GHSA-1"]}})
        ),
        about(
            "x",
            &json!({"products": [{"@id": "https://example.com/web",
            "identifiers": {"purl": "pkg:oci/web", "cpe23": "cpe:2.3:a:x"}, "subcomponents": [
                {"@id": "pkg:deb/debian/libssl3@3.0.13-1?arch=amd64"}, {"@id": "pkg:npm/%40scope/parser"},
                {"@id": "pkg:maven/org.apache/log4j@2.4"}]}]})
        ),
        about(
            "pkg:oci/web?repository_url=111122223333.dkr.ecr.eu-west-1.amazonaws.com/team",
            &json!({})
        ),
    ]));
    assert_eq!(vex.problems, [] as [&str; 0]);
    insta::assert_debug_snapshot!(vex.suppressions);
}

#[test]
fn what_suppresses_nothing_is_told() {
    let oci = "pkg:oci/web";
    let vex = vex(&json!([
        about(oci, &json!({"justification": " "})),
        about(oci, &json!({"status": "harmless"})),
        about("pkg:apk/wolfi/git@2.39", &json!({})),
        about("not a purl", &json!({})),
        about("pkg:oci/web@1.4", &json!({})),
        about("pkg:oci/web?arch=amd64", &json!({})),
        about("pkg:oci/*", &json!({})),
        about("pkg:oci/web?tag=*", &json!({})),
        about(oci, &json!({"products": []})),
        about(oci, &json!({"products": [{}]})),
        about(
            oci,
            &json!({"vulnerability": {"@id": "https://nvd.nist.gov/vuln/detail/CVE-1"}})
        ),
        about(
            oci,
            &json!({"products": [{"@id": oci, "subcomponents": [{"@id": "openssl"}]}]})
        ),
        about(
            oci,
            &json!({"products": [{"@id": oci, "subcomponents": [{"@id": "pkg:deb/debian/%2A"}]}]})
        ),
    ]));
    assert_eq!(vex.suppressions, []);
    insta::assert_snapshot!(vex.problems.join("\n"));
}

#[test]
fn under_investigation_and_affected_suppress_nothing() {
    for status in ["under_investigation", "affected"] {
        let vex = vex(&json!([about("pkg:oci/web", &json!({"status": status}))]));
        assert_eq!(
            (vex.suppressions.len(), vex.problems.len()),
            (0, 0),
            "{status}"
        );
    }
}

#[test]
fn a_later_statement_overrides_an_earlier_one() {
    let at = |day: &str, status: &str, product: &str| {
        about(
            product,
            &json!({"status": status, "timestamp": format!("2026-{day}T00:00:00Z")}),
        )
    };
    let url = "pkg:oci/web?repository_url=ghcr.io/a/web";
    let other = "pkg:oci/api";
    for (one, two, expected) in [
        (
            at("10-01", "affected", url),
            at("10-02", "not_affected", url),
            1,
        ),
        (
            at("10-02", "affected", url),
            at("10-01", "not_affected", url),
            0,
        ),
        (
            at("10-01", "under_investigation", url),
            at("10-01", "fixed", url),
            0,
        ),
        (
            at("10-02", "affected", other),
            at("10-01", "not_affected", "pkg:oci/web"),
            1,
        ),
        // That it is not known what is affected takes it all back.
        (
            at("10-02", "affected", "https://example.com/web"),
            at("10-01", "fixed", url),
            0,
        ),
        (at("10-02", "retracted", url), at("10-01", "fixed", url), 0),
        // The first has no time of its own and takes the document's, of November.
        (
            about(url, &json!({"status": "affected"})),
            at("10-01", "fixed", url),
            0,
        ),
        (
            about(url, &json!({"status": "affected"})),
            at("12-01", "fixed", url),
            1,
        ),
        (
            about(url, &json!({"status": "affected", "timestamp": "soon"})),
            at("12-01", "fixed", url),
            0,
        ),
    ] {
        let (first, second) = (json!([one, two]), json!([two, one]));
        assert_eq!(vex(&first).suppressions.len(), expected, "{first}");
        assert_eq!(vex(&second).suppressions.len(), expected, "{second}");
        let documents = [&json!([one]), &json!([two])].map(|s| ("d".to_owned(), document(s)));
        assert_eq!(
            read(documents).unwrap().suppressions.len(),
            expected,
            "{first}"
        );
    }
    // A statement about another package takes nothing back.
    let of = |status: &str, package: &str| {
        let products = json!([{"@id": url, "subcomponents": [{"@id": package}]}]);
        about(url, &json!({"status": status, "products": products}))
    };
    let apart = json!([
        of("affected", "pkg:deb/debian/curl"),
        of("not_affected", "pkg:deb/debian/openssl")
    ]);
    assert_eq!(vex(&apart).suppressions.len(), 1);
}

#[test]
fn the_form_of_older_documents_is_read() {
    let old: OpenVex = serde_json::from_value(json!({
        "@context": "https://openvex.dev/ns", "timestamp": "2023-01-08T18:02:03.647787998-06:00",
        "statements": [{"vulnerability": "CVE-2026-1", "products": ["pkg:oci/web"], "status": "fixed"}],
    }))
    .unwrap();
    let vex = read([("old".to_owned(), old)]).unwrap();
    assert_eq!(vex.suppressions[0].vulnerabilities, ["CVE-2026-1"]);
    assert_eq!(vex.suppressions[0].target.last_part.as_deref(), Some("web"));
}

#[test]
fn what_is_no_document_or_too_much_is_refused() {
    let other: OpenVex =
        serde_json::from_value(json!({"@context": "https://example.com"})).unwrap();
    let error = read([("a.json".to_owned(), other)]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`a.json` is no OpenVEX document: its `@context` is `https://example.com`"
    );
    let products = vec![json!({"@id": "pkg:oci/web"}); 5000];
    let aliases = vec!["GHSA-1"; 5000];
    let statement = about(
        "x",
        &json!({"products": products, "vulnerability": {"name": "C", "aliases": aliases}}),
    );
    let many = document(&json!([statement]));
    assert_eq!(
        read([("a.json".to_owned(), many)]),
        Err(InvalidVex::TooMany)
    );
}

/// Each statement that denies is held against each that suppresses: the limit keeps that short.
#[test]
fn as_many_statements_as_are_read_are_read_soon() {
    let statements: Vec<Value> = (0..MOST_NAMES / 4)
        .map(|number| {
            let status = if number % 2 == 0 { "affected" } else { "fixed" };
            about(&format!("pkg:oci/web{number}"), &json!({"status": status}))
        })
        .collect();
    let vex = vex(&json!(statements));
    assert_eq!(vex.suppressions.len(), MOST_NAMES / 8);
}

proptest! {
    #[test]
    fn no_text_in_a_document_breaks_the_reader_or_names_more_than_one_image(
        id in "(pkg:oci/)?[a-z*?%@:/&=#.2A]{0,30}", status in "[a-z_]{0,12}", why in "[\\s\\S]{0,50}",
    ) {
        for status in [status.as_str(), "fixed"] {
            let vex = vex(&json!([about(&id, &json!({"status": status, "impact_statement": why}))]));
            for suppression in vex.suppressions {
                let target = suppression.target;
                prop_assert_ne!(&target, &ImageTarget::default());
                let named = [&target.digest, &target.tag, &target.last_part];
                prop_assert!(named.into_iter().flatten().all(|text| !text.contains(['*', '?'])));
            }
            for problem in vex.problems {
                prop_assert!(problem.chars().all(crate::names::is_inert));
            }
        }
    }
}

#[test]
fn a_denial_takes_back_what_may_be_the_same_image_and_package() {
    let target =
        |digest: Option<&str>, location: Option<&str>, last_part: Option<&str>| ImageTarget {
            digest: digest.map(str::to_owned),
            location: location.map(str::to_owned),
            last_part: last_part.map(str::to_owned),
            ..ImageTarget::default()
        };
    let all = target(Some("d"), Some("l"), Some("p"));
    for (other, meet) in [
        (target(None, None, None), true),
        (all.clone(), true),
        (target(Some("e"), None, None), false),
        (target(None, Some("m"), None), false),
        (target(None, None, Some("q")), false),
        (target(Some("e"), Some("m"), Some("q")), false),
        (target(Some("d"), None, Some("q")), false),
    ] {
        assert_eq!(may_meet(&all, &other), meet, "{other:?}");
        assert_eq!(may_meet(&other, &all), meet, "{other:?}");
    }
    let packages = |names: &[&str]| -> Vec<PackagePattern> {
        let pattern = |name: &&str| PackagePattern {
            name: (*name).to_owned(),
            version: None,
        };
        names.iter().map(pattern).collect()
    };
    for (one, other, meet) in [
        (&[][..], &[][..], true),
        (&["a"], &[], true),
        (&["a"], &["a"], true),
        (&["a"], &["b"], false),
        (&["a", "b"], &["c", "b"], true),
        (&["a", "b"], &["c", "d"], false),
    ] {
        let (one, other) = (packages(one), packages(other));
        assert_eq!(packages_may_meet(&one, &other), meet, "{one:?} {other:?}");
        assert_eq!(packages_may_meet(&other, &one), meet, "{one:?} {other:?}");
    }
}

#[test]
fn the_page_about_policies_says_how_large_a_document_may_be() {
    let page = include_str!("../../../../docs/policy.md");
    assert!(page.contains(&format!("{} MiB each", MAX_BYTES >> 20)));
    assert_eq!(MAX_BYTES % (1 << 20), 0);
}
