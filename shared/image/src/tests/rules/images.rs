use tidewaiter_rules::{Outcome, Policy, Severity};

use super::{super::findings_with, failures, outcomes};
use crate::dockerfile::read;

#[test]
fn a_tag_that_moves_is_found_in_every_form() {
    let digest = format!("@sha256:{}", "0a".repeat(32));
    for (image, outcome) in [
        ("debian".to_owned(), Some(Outcome::Fail)),
        ("debian:latest".to_owned(), Some(Outcome::Fail)),
        (
            "registry.example.com:5000/app".to_owned(),
            Some(Outcome::Fail),
        ),
        ("debian:$L".to_owned(), Some(Outcome::Fail)),
        ("debian:${L}".to_owned(), Some(Outcome::Fail)),
        ("$IMAGE".to_owned(), Some(Outcome::Fail)),
        ("debian:$V".to_owned(), Some(Outcome::Unknown)),
        ("debian:lat$V".to_owned(), Some(Outcome::Unknown)),
        ("$V".to_owned(), Some(Outcome::Unknown)),
        ("debian$V".to_owned(), Some(Outcome::Unknown)),
        (
            "Not An Image".split(' ').next_back().unwrap().to_owned() + ":",
            Some(Outcome::Unknown),
        ),
        ("debian:latest-$V".to_owned(), None),
        ("debian:$V-slim".to_owned(), None),
        ("debian:${V:-13}".to_owned(), None),
        ("debian:13".to_owned(), None),
        ("registry.example.com:5000/app:1".to_owned(), None),
        (format!("debian{digest}"), None),
        (format!("debian:latest{digest}"), None),
        ("scratch".to_owned(), None),
        ("earlier".to_owned(), None),
    ] {
        let text = format!(
            "ARG L=latest\nARG IMAGE=debian\nARG V\nFROM debian:13 AS earlier\nFROM --platform=$BUILDPLATFORM {image} AS x\n"
        );
        let found = outcomes("dockerfile-latest-base", &text);
        assert_eq!(found.first().copied(), outcome, "{image}");
    }
}

#[test]
fn a_base_is_trusted_by_its_registry() {
    let rule = "dockerfile-untrusted-base";
    for (image, expected) in [
        ("public.ecr.aws/amazonlinux/amazonlinux:2023", None),
        ("public.ecr.aws/lambda/python:$V", None),
        ("debian:13", Some((Outcome::Fail, Severity::Low))),
        ("debian:$V", Some((Outcome::Fail, Severity::Low))),
        (
            "public.ecr.aws/docker/library/debian:13",
            Some((Outcome::Fail, Severity::Low)),
        ),
        (
            "gcr.io/distroless/static",
            Some((Outcome::Fail, Severity::Low)),
        ),
        (
            "mcr.microsoft.com/dotnet/aspnet:9.0",
            Some((Outcome::Fail, Severity::Low)),
        ),
        (
            "no-such-official-image:1",
            Some((Outcome::Fail, Severity::Medium)),
        ),
        ("someone/debian:13", Some((Outcome::Fail, Severity::Medium))),
        (
            "gcr.io/someone/app:1",
            Some((Outcome::Fail, Severity::Medium)),
        ),
        (
            "public.ecr.aws/someone/app:1",
            Some((Outcome::Fail, Severity::Medium)),
        ),
        ("$V/app:1", Some((Outcome::Unknown, Severity::Medium))),
        (
            "111122223333.dkr.ecr.eu-west-1.amazonaws.com/app:1",
            Some((Outcome::Unknown, Severity::Low)),
        ),
        ("scratch", None),
    ] {
        let text = format!("ARG V\nFROM {image}\n");
        let dockerfile = read(&text, "Dockerfile").unwrap();
        let found = findings_with(rule, &dockerfile, &Policy::default());
        let found = found.first().map(|f| (f.outcome, f.severity));
        assert_eq!(found, expected, "{image}");
    }
    let policy = "version: 1\nparameters:\n  untrusted-registry:\n    registries: ['docker.io/library/*']\n    accounts: ['111122223333']\n";
    let policy = Policy::from_yaml(policy, "2026-11-23T12:00:00Z".parse().unwrap()).unwrap();
    let text = "FROM debian:13\nFROM 111122223333.dkr.ecr.eu-west-1.amazonaws.com/app:1\n";
    assert_eq!(findings_with(rule, &read(text, "").unwrap(), &policy), []);
    let twice = "FROM node:24 AS a\nFROM node:24 AS b\n";
    assert_eq!(failures(rule, twice).len(), 1);
}

#[test]
fn a_remote_source_is_found_unless_it_is_pinned() {
    let (low, medium) = (Severity::Low, Severity::Medium);
    let commit = "0123456789abcdef0123456789abcdef01234567";
    for (add, expected) in [
        (
            "https://example.com/x /".to_owned(),
            vec![(Outcome::Fail, medium)],
        ),
        (
            "HTTP://example.com/x /".to_owned(),
            vec![(Outcome::Fail, medium)],
        ),
        (
            "[\"https://example.com/x y\", \"/\"]".to_owned(),
            vec![(Outcome::Fail, medium)],
        ),
        (
            "https://example.com/$V /".to_owned(),
            vec![(Outcome::Fail, medium)],
        ),
        ("$KNOWN /".to_owned(), vec![(Outcome::Fail, medium)]),
        (
            "a https://example.com/x https://example.com/y /".to_owned(),
            vec![(Outcome::Fail, medium); 2],
        ),
        (
            "git@github.com:a/b.git /".to_owned(),
            vec![(Outcome::Fail, medium)],
        ),
        (
            "https://github.com/a/b.git /".to_owned(),
            vec![(Outcome::Fail, medium)],
        ),
        (
            "https://github.com/a/b.git#v1 /".to_owned(),
            vec![(Outcome::Fail, low)],
        ),
        (
            "https://github.com/a/b.git#$V /".to_owned(),
            vec![(Outcome::Unknown, low)],
        ),
        ("$V /".to_owned(), vec![(Outcome::Unknown, low)]),
        (format!("https://github.com/a/b.git#{commit} /"), vec![]),
        (
            format!("https://github.com/a/b.git#{commit}:folder /"),
            vec![],
        ),
        (
            "--checksum=sha256:00 https://example.com/x /".to_owned(),
            vec![],
        ),
        ("--checksum=$V https://example.com/x /".to_owned(), vec![]),
        ("app.tar.gz https.txt /".to_owned(), vec![]),
    ] {
        let text = format!("FROM debian:13\nARG V\nARG KNOWN=https://example.com/x\nADD {add}\n");
        let dockerfile = read(&text, "").unwrap();
        let found = findings_with("dockerfile-remote-add", &dockerfile, &Policy::default());
        let found: Vec<_> = found.iter().map(|f| (f.outcome, f.severity)).collect();
        assert_eq!(found, expected, "{add}");
    }
    let text = "FROM debian:13\nADD https://me:hunter2@example.com/x?token=hunter2 /\n";
    let found = super::findings("dockerfile-remote-add", text);
    assert_eq!(found.len(), 1);
    assert!(
        !found[0].message.contains("hunter2"),
        "{}",
        found[0].message
    );
}

#[test]
fn the_port_of_ssh_is_found_in_every_form() {
    for (expose, outcome) in [
        ("22", Some(Outcome::Fail)),
        ("22/tcp", Some(Outcome::Fail)),
        ("22/TCP", Some(Outcome::Fail)),
        ("80 22", Some(Outcome::Fail)),
        ("20-25", Some(Outcome::Fail)),
        ("\"22\"", Some(Outcome::Fail)),
        ("$SSH", Some(Outcome::Fail)),
        ("${NONE:-22}", Some(Outcome::Fail)),
        ("$NONE", Some(Outcome::Unknown)),
        ("22/udp", None),
        ("2222", None),
        ("80-443/udp", None),
        ("23-80", None),
    ] {
        let text = format!("FROM debian:13\nARG SSH=22\nARG NONE\nEXPOSE {expose}\n");
        let found = outcomes("dockerfile-ssh-port", &text);
        assert_eq!(found.first().copied(), outcome, "{expose}");
    }
    let elsewhere = "FROM debian:13 AS a\nEXPOSE 22\nFROM debian:13\n";
    assert_eq!(outcomes("dockerfile-ssh-port", elsewhere), []);
    let inherited = "FROM debian:13 AS a\nEXPOSE 22\nFROM a\n";
    assert_eq!(outcomes("dockerfile-ssh-port", inherited), [Outcome::Fail]);
}

#[test]
fn setuid_bits_are_looked_for_where_they_can_be() {
    let rule = "dockerfile-setuid-kept";
    let (low, medium) = (Severity::Low, Severity::Medium);
    for (text, expected) in [
        ("FROM debian:13", vec![low]),
        ("FROM debian:13 AS a\nFROM a", vec![low]),
        ("FROM scratch", vec![]),
        ("FROM alpine:3", vec![]),
        ("FROM node:24-alpine", vec![]),
        ("FROM gcr.io/distroless/static", vec![]),
        ("FROM example/app:1", vec![]),
        (
            "FROM debian:13\nRUN find / -perm /6000 -type f -exec chmod a-s {} \\; || true",
            vec![],
        ),
        (
            "FROM debian:13\nRUN find / -perm +4000 -print0 | xargs -0 chmod u-s",
            vec![],
        ),
        (
            "FROM debian:13\nRUN for f in $(find / -perm -u=s); do chmod 755 $f; done",
            vec![low],
        ),
        ("FROM debian:13\nRUN find / -perm -4000 -delete", vec![]),
        (
            "FROM debian:13\nRUN find / -perm -4000 -exec rm {} +",
            vec![],
        ),
        (
            "FROM debian:13\nRUN find / -perm -4000 -exec /bin/rm {} +",
            vec![],
        ),
        (
            "FROM debian:13\nRUN find / -perm -4000 -exec chmod 0755 {} +",
            vec![],
        ),
        (
            "FROM debian:13\nRUN find / -perm -4000 -exec chmod 4755 {} +",
            vec![low],
        ),
        (
            "FROM debian:13\nRUN find / -perm -4000 -exec chmod +x {} +",
            vec![low],
        ),
        (
            "FROM debian:13\nRUN find / -perm -4000 -exec chmod a-x {} +",
            vec![low],
        ),
        (
            "FROM debian:13\nRUN find / -perm -4000 -exec chmod x-s {} +",
            vec![low],
        ),
        (
            "FROM debian:13\nRUN find / -perm -4000 -exec ls a-s {} +",
            vec![low],
        ),
        (
            "FROM debian:13\nRUN find / -name a-s -exec chmod a-s {} +",
            vec![low],
        ),
        (
            "FROM debian:13 AS a\nRUN find / -perm /6000 -exec chmod a-s {} +\nFROM debian:13",
            vec![low],
        ),
        ("FROM alpine:3\nRUN chmod u+s /x", vec![medium]),
        ("FROM alpine:3\nRUN chmod 4755 /x", vec![medium]),
        ("FROM alpine:3\nRUN chmod -R 06755 /x", vec![medium]),
        ("FROM alpine:3\nRUN chmod +s /x", vec![medium]),
        ("FROM alpine:3\nRUN install -m 4755 a /x", vec![medium]),
        ("FROM alpine:3\nRUN install -m 0755 4755 /x", vec![]),
        ("FROM alpine:3\nCOPY --chmod=4755 a /x", vec![medium]),
        (
            "FROM alpine:3\nRUN chmod g+s /x && chmod 2755 /x && chmod +x /x && chmod 755 /s && chmod 1777 /tmp",
            vec![],
        ),
        (
            "FROM alpine:3 AS a\nRUN chmod u+s /x\nFROM alpine:3",
            vec![],
        ),
    ] {
        assert_eq!(failures(rule, text), expected, "{text}");
    }
    assert_eq!(outcomes(rule, "FROM example/app:1"), [Outcome::Unknown]);
}

#[test]
fn compilers_in_the_only_stage_are_found() {
    let rule = "dockerfile-single-stage";
    for (text, expected) in [
        ("FROM golang:1.26", true),
        ("FROM public.ecr.aws/docker/library/rust:1-slim", true),
        ("FROM mcr.microsoft.com/dotnet/sdk:9.0", true),
        ("FROM debian:13\nRUN apt-get install -y gcc=4:14 curl", true),
        (
            "FROM debian:13\nRUN apt-get update -qq && apt-get -y -o X=y install build-essential",
            true,
        ),
        (
            "FROM alpine:3\nRUN apk add --no-cache -t .x build-base",
            true,
        ),
        (
            "FROM fedora:43\nRUN dnf groupinstall -y \"Development Tools\"",
            true,
        ),
        (
            "FROM debian:13\nRUN apt-get install -y openjdk-21-jdk-headless",
            true,
        ),
        (
            "FROM debian:13\nRUN <<EOF\napt-get install -y make\nEOF",
            true,
        ),
        ("FROM golang:1.26 AS a\nFROM a", true),
        (
            "FROM golang:1.26 AS a\nFROM scratch\nCOPY --from=a /x /x",
            false,
        ),
        (
            "FROM debian:13\nRUN apt-get install -y openjdk-21-jre-headless gcc-doc",
            false,
        ),
        (
            "FROM debian:13\nRUN apt-get install -y gcc && make && apt-get purge -y --auto-remove gcc",
            false,
        ),
        (
            "FROM alpine:3\nRUN apk add -t .x gcc && make && apk del .x",
            false,
        ),
        ("FROM debian:13\nRUN echo apt-get install gcc", false),
        (
            "FROM fedora:43\nRUN dnf install -y java-21-openjdk-devel",
            true,
        ),
        (
            "FROM fedora:43\nRUN dnf install -y java-21-openjdk zlib-devel",
            false,
        ),
        (
            "FROM debian:13 AS a\nRUN make\nFROM debian:13\nRUN apt-get install -y gcc",
            false,
        ),
        ("FROM swift:6-slim", false),
        ("FROM team/golang:1", false),
        ("FROM node:24", false),
    ] {
        assert_eq!(!failures(rule, text).is_empty(), expected, "{text}");
    }
}
