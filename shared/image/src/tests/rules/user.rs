use tidewaiter_rules::{Outcome, Severity};

use super::{findings, outcomes};

const RULE: &str = "dockerfile-root-user";

/// Checkov compares with `root` only (`CKV_DOCKER_8`), or asks only whether there is a `USER`
/// (`CKV_DOCKER_3`).
#[test]
fn user_0_0_is_root() {
    let found = findings(RULE, "FROM debian:13\nUSER 0:0\n");
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].outcome, found[0].severity),
        (Outcome::Fail, Severity::High)
    );
    assert_eq!(found[0].pointer, "/instructions/1");
}

#[test]
fn every_form_of_a_user_is_read() {
    for (user, outcome) in [
        ("root", Some(Outcome::Fail)),
        ("0", Some(Outcome::Fail)),
        ("0:0", Some(Outcome::Fail)),
        ("00", Some(Outcome::Fail)),
        ("root:root", Some(Outcome::Fail)),
        ("0:1000", Some(Outcome::Fail)),
        ("\"root\"", Some(Outcome::Fail)),
        ("${UID}", Some(Outcome::Fail)),
        ("$UID:$UID", Some(Outcome::Fail)),
        ("${NONE:-0}", Some(Outcome::Fail)),
        ("ContainerAdministrator", Some(Outcome::Fail)),
        ("$NONE", Some(Outcome::Unknown)),
        ("$OTHER", Some(Outcome::Unknown)),
        (":1000", Some(Outcome::Unknown)),
        ("app", Some(Outcome::Unknown)),
        ("ContainerUser", None),
        ("1000", None),
        ("1000:0", None),
        ("${NONE:-1000}", None),
    ] {
        let text = format!("FROM debian:13\nARG UID=0\nARG NONE\nUSER {user}\n");
        assert_eq!(outcomes(RULE, &text).first().copied(), outcome, "{text}");
    }
}

#[test]
fn the_last_user_of_the_last_stage_counts() {
    let fail = Some(Outcome::Fail);
    for (text, outcome) in [
        ("FROM debian:13\nUSER 0\nUSER 7", None),
        ("FROM debian:13\nUSER 7\nUSER 0", fail),
        ("FROM debian:13 AS a\nUSER 7\nFROM a", None),
        (
            "FROM debian:13 AS a\nUSER 7\nFROM a AS b\nRUN x\nFROM b",
            None,
        ),
        (
            "FROM debian:13 AS a\nUSER 0\nFROM a AS b\nUSER 7\nFROM b",
            None,
        ),
        ("FROM debian:13 AS a\nUSER 7\nFROM debian:13", fail),
        ("FROM debian:13\nUSER 7\nONBUILD USER 0", None),
        ("FROM scratch", Some(Outcome::Unknown)),
        ("FROM scratch\nCMD [\"/x\"]", fail),
        ("FROM scratch\nUSER 7", None),
        ("ARG B=debian\nFROM $B:13", fail),
        ("FROM $B:13", Some(Outcome::Unknown)),
        ("FROM example/app:1", Some(Outcome::Unknown)),
        ("FROM a AS x-1\nFROM x-$V", Some(Outcome::Unknown)),
    ] {
        assert_eq!(outcomes(RULE, text).first().copied(), outcome, "{text}");
    }
}

#[test]
fn the_base_image_decides_where_it_is_known() {
    for (image, outcome) in [
        ("ubuntu", Some(Outcome::Fail)),
        (
            "public.ecr.aws/docker/library/alpine:3",
            Some(Outcome::Fail),
        ),
        (
            "public.ecr.aws/amazonlinux/amazonlinux:2023",
            Some(Outcome::Fail),
        ),
        (
            "registry.access.redhat.com/ubi9/ubi-minimal:9",
            Some(Outcome::Fail),
        ),
        (
            "registry.access.redhat.com/ubi9/python-312",
            Some(Outcome::Unknown),
        ),
        ("gcr.io/distroless/static", Some(Outcome::Fail)),
        ("gcr.io/distroless/static:nonroot", None),
        ("gcr.io/distroless/base-debian13:debug-nonroot", None),
        ("mcr.microsoft.com/dotnet/aspnet:9.0", Some(Outcome::Fail)),
        ("mcr.microsoft.com/dotnet/aspnet:9.0-noble-chiseled", None),
        (
            "mcr.microsoft.com/windows/servercore:ltsc2025",
            Some(Outcome::Fail),
        ),
        ("mcr.microsoft.com/windows/nanoserver:ltsc2025", None),
        ("nginxinc/nginx-unprivileged:1.29", None),
        ("memcached:1", Some(Outcome::Unknown)),
        ("example.com/library/debian", Some(Outcome::Unknown)),
        ("team/debian", Some(Outcome::Unknown)),
    ] {
        let text = format!("FROM {image}\n");
        assert_eq!(outcomes(RULE, &text).first().copied(), outcome, "{text}");
    }
}

#[test]
fn a_user_that_the_file_makes_is_known() {
    for (lines, outcome) in [
        ("RUN useradd app", None),
        ("RUN useradd -u 10001 app", None),
        ("RUN adduser --system --uid 10001 app && x", None),
        ("RUN addgroup -S app && adduser -S -G app app", None),
        ("RUN groupadd app", Some(Outcome::Unknown)),
        ("RUN useradd other", Some(Outcome::Unknown)),
        ("RUN useradd -o -u 0 app", Some(Outcome::Unknown)),
        ("RUN useradd --uid=0 -o app", Some(Outcome::Unknown)),
        ("RUN useradd -rou 0 app", Some(Outcome::Unknown)),
        ("ARG X\nRUN useradd -u $X app", Some(Outcome::Unknown)),
        (
            "RUN useradd app\nRUN usermod -o -u 0 app",
            Some(Outcome::Unknown),
        ),
    ] {
        let text = format!("FROM debian:13\n{lines}\nUSER app\n");
        assert_eq!(outcomes(RULE, &text).first().copied(), outcome, "{text}");
    }
    // In a stage from which files are only copied, it is made for nothing.
    let text = "FROM debian:13 AS a\nRUN useradd app\nFROM debian:13\nUSER app\n";
    assert_eq!(outcomes(RULE, text), [Outcome::Unknown]);
}

#[test]
fn a_health_check_is_looked_for_where_it_counts() {
    let rule = "dockerfile-missing-healthcheck";
    for (text, outcome) in [
        ("FROM debian:13\nHEALTHCHECK CMD x", None),
        (
            "FROM debian:13\nHEALTHCHECK --interval=5s CMD [\"x\"]",
            None,
        ),
        ("FROM debian:13 AS a\nHEALTHCHECK CMD x\nFROM a", None),
        (
            "FROM debian:13 AS a\nHEALTHCHECK CMD x\nFROM debian:13",
            Some(Outcome::Fail),
        ),
        (
            "FROM debian:13\nHEALTHCHECK CMD x\nHEALTHCHECK NONE",
            Some(Outcome::Fail),
        ),
        ("FROM debian:13\nHEALTHCHECK NONE\nHEALTHCHECK CMD x", None),
        (
            "FROM debian:13\nONBUILD HEALTHCHECK CMD x",
            Some(Outcome::Fail),
        ),
        ("FROM scratch", Some(Outcome::Fail)),
        ("FROM example/app:1", Some(Outcome::Unknown)),
        ("FROM $X", Some(Outcome::Unknown)),
    ] {
        assert_eq!(outcomes(rule, text).first().copied(), outcome, "{text}");
    }
}
