//! What is known of images that people build on.

use super::*;

fn image(reference: &str) -> ImageReference<'_> {
    ImageReference::parse(reference).unwrap()
}

#[test]
fn who_an_image_runs_as_is_known_of_those_that_people_build_on() {
    use DefaultUser::{Other, Root, Unknown};
    for (reference, user) in [
        ("alpine:3", Root),
        ("mirror.gcr.io/library/debian", Root),
        ("public.ecr.aws/docker/library/node:24", Root),
        ("elasticsearch:9", Unknown),
        ("nginxinc/nginx-unprivileged:1", Other),
        ("nvidia/cuda:13", Root),
        ("opensuse/leap:16", Root),
        ("opensuse/tumbleweed", Root),
        ("team/app", Unknown),
        ("gcr.io/distroless/static:nonroot", Other),
        ("gcr.io/distroless/static:debug-nonroot", Other),
        ("gcr.io/distroless/static:debug", Root),
        ("gcr.io/team/app:nonroot", Unknown),
        ("public.ecr.aws/amazonlinux/amazonlinux:2023", Root),
        ("public.ecr.aws/team/app", Unknown),
        ("mcr.microsoft.com/windows/servercore:ltsc2025", Root),
        ("mcr.microsoft.com/windows/nanoserver:ltsc2025", Other),
        ("mcr.microsoft.com/dotnet/aspnet:9.0", Root),
        ("mcr.microsoft.com/dotnet/aspnet:9.0-noble-chiseled", Other),
        ("mcr.microsoft.com/azure-cli:2", Unknown),
        ("registry.access.redhat.com/ubi9", Root),
        ("registry.access.redhat.com/ubi9/ubi-minimal", Root),
        ("registry.access.redhat.com/ubi9/nodejs-22", Unknown),
        ("registry.access.redhat.com/rhel-minimal", Unknown),
        ("registry.access.redhat.com/9-minimal", Unknown),
        ("registry.access.redhat.com/ubi9/ubi9-python", Unknown),
        ("ghcr.io/team/app", Unknown),
    ] {
        assert_eq!(default_user(&image(reference)), user, "{reference}");
    }
}

#[test]
fn curated_is_what_a_distribution_or_a_large_vendor_publishes() {
    for (reference, expected) in [
        ("alpine", true),
        ("zookeeper", true),
        ("nosuchimage", false),
        ("amazon/aws-cli", true),
        ("opensuse/leap", true),
        ("team/app", false),
        ("gcr.io/distroless/static", true),
        ("gcr.io/team/static", false),
        ("public.ecr.aws/nginx/nginx", true),
        ("public.ecr.aws/docker/library/alpine", true),
        ("public.ecr.aws/team/nginx", false),
        ("ecr-public.aws.com/sam/build-python3.13", true),
        ("mcr.microsoft.com/dotnet/sdk", true),
        ("cgr.dev/chainguard/static", true),
        ("cgr.dev/team/static", false),
        ("ghcr.io/alpine/alpine", false),
    ] {
        assert_eq!(is_curated(&image(reference)), expected, "{reference}");
    }
}

#[test]
fn setuid_programs_are_where_a_distribution_installs_them() {
    for (reference, expected) in [
        ("debian:13", Some(true)),
        ("node:24", Some(true)),
        ("node:24-alpine", Some(false)),
        ("alpine", Some(false)),
        ("busybox", Some(false)),
        ("elasticsearch:9", None),
        ("gcr.io/distroless/static", Some(false)),
        ("gcr.io/team/app", None),
        ("ghcr.io/distroless/static", None),
        ("mcr.microsoft.com/windows/servercore", Some(false)),
        ("mcr.microsoft.com/dotnet/aspnet:9.0", Some(true)),
        ("ghcr.io/windows/app", None),
        ("registry.access.redhat.com/ubi9", Some(true)),
        // It has no packages, and a name that says so.
        ("registry.access.redhat.com/ubi9/ubi-micro", None),
    ] {
        assert_eq!(
            has_setuid_programs(&image(reference)),
            expected,
            "{reference}"
        );
    }
}

#[test]
fn a_toolchain_is_an_image_to_build_with() {
    for (reference, expected) in [
        ("golang:1", Some("golang")),
        ("swift:6", Some("swift")),
        ("swift:6-slim", None),
        ("golang:1-slim", Some("golang")),
        ("alpine", None),
        ("mcr.microsoft.com/dotnet/sdk:9.0", Some("dotnet/sdk")),
        ("mcr.microsoft.com/dotnet/aspnet:9.0", None),
        ("ghcr.io/dotnet/sdk:9.0", None),
        ("team/golang", None),
    ] {
        assert_eq!(toolchain(&image(reference)), expected, "{reference}");
    }
}

#[test]
fn only_where_the_tag_alone_is_a_variable_is_the_name_known() {
    for (written, expected) in [
        ("ghcr.io/a:$TAG", Some(("ghcr.io/a", "*"))),
        ("ghcr.io/a:1.${MINOR}-slim", Some(("ghcr.io/a", "1.*-slim"))),
        ("$IMAGE:$TAG", None),
        ("$HOST:5000/a", None),
        ("localhost:$PORT/a", None),
        ("ghcr.io/a", None),
    ] {
        let text = Text {
            written: written.to_owned(),
            value: Field::Unknown("a variable".to_owned()),
        };
        let expected = expected.map(|(name, tag): (&str, &str)| (name.to_owned(), tag.to_owned()));
        assert_eq!(variable_tag(&text), expected, "{written}");
    }
}
