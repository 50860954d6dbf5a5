//! What is known of the images that others are built on. Where nothing is known, rules say so.

use super::{Answer, image_reference::ImageReference};
use crate::{
    facts::{
        Dockerfile,
        dockerfile::{Base, Text},
    },
    field::Field,
    names::quoted,
};

/// Who a container of an image runs as where nothing else says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DefaultUser {
    Root,
    Other,
    Unknown,
}

/// Images of Docker's own library that set no user: those that people build on.
const ROOT_IN_LIBRARY: &[&str] = &[
    "almalinux",
    "alpine",
    "amazoncorretto",
    "amazonlinux",
    "archlinux",
    "bash",
    "buildpack-deps",
    "busybox",
    "caddy",
    "cassandra",
    "centos",
    "clojure",
    "composer",
    "dart",
    "debian",
    "docker",
    "drupal",
    "eclipse-temurin",
    "elixir",
    "erlang",
    "fedora",
    "gcc",
    "golang",
    "gradle",
    "haskell",
    "httpd",
    "julia",
    "mariadb",
    "maven",
    "mongo",
    "mysql",
    "nginx",
    "node",
    "openjdk",
    "oraclelinux",
    "perl",
    "photon",
    "php",
    "postgres",
    "pypy",
    "python",
    "r-base",
    "rabbitmq",
    "redis",
    "rockylinux",
    "ruby",
    "rust",
    "sapmachine",
    "swift",
    "tomcat",
    "traefik",
    "ubuntu",
    "wordpress",
];

/// The name of an image of Docker's own library, wherever it is pulled from.
pub(super) fn library_name<'a>(image: &'a ImageReference<'_>) -> Option<&'a str> {
    match image.host.as_str() {
        "docker.io" | "mirror.gcr.io" => image.repository.strip_prefix("library/"),
        "public.ecr.aws" | "ecr-public.aws.com" => image.repository.strip_prefix("docker/library/"),
        _ => None,
    }
}

/// Who a container of an image runs as that sets no user itself.
pub(super) fn default_user(image: &ImageReference<'_>) -> DefaultUser {
    use DefaultUser::{Other, Root, Unknown};
    let tag = image.tag.unwrap_or_default();
    let repository = image.repository.as_str();
    if let Some(name) = library_name(image) {
        return if ROOT_IN_LIBRARY.contains(&name) {
            Root
        } else {
            Unknown
        };
    }
    match image.host.as_str() {
        "docker.io" => match repository {
            "nginxinc/nginx-unprivileged" => Other,
            "nvidia/cuda" | "opensuse/leap" | "opensuse/tumbleweed" => Root,
            _ => Unknown,
        },
        "gcr.io" if repository.starts_with("distroless/") => {
            if tag == "nonroot" || tag.ends_with("-nonroot") {
                Other
            } else {
                Root
            }
        }
        "public.ecr.aws" | "ecr-public.aws.com" => match repository {
            "amazonlinux/amazonlinux"
            | "amazoncorretto/amazoncorretto"
            | "debian/debian"
            | "ubuntu/ubuntu" => Root,
            _ => Unknown,
        },
        "mcr.microsoft.com" => match repository {
            // Their default is ContainerAdministrator; Nano Server's is ContainerUser.
            "windows" | "windows/server" | "windows/servercore" => Root,
            "windows/nanoserver" => Other,
            _ if repository.starts_with("dotnet/") => {
                // Both kinds set a user of their own, and so do Windows variants.
                if ["chiseled", "distroless", "nanoserver"]
                    .iter()
                    .any(|kind| tag.contains(kind))
                {
                    Other
                } else {
                    Root
                }
            }
            _ => Unknown,
        },
        "registry.access.redhat.com" | "registry.redhat.io" => {
            let last = repository.rsplit('/').next().unwrap_or_default();
            let plain = last
                .trim_start_matches("ubi")
                .trim_start_matches(char::is_numeric);
            if last.starts_with("ubi") && matches!(plain, "" | "-minimal" | "-micro" | "-init") {
                Root
            } else {
                Unknown
            }
        }
        _ => Unknown,
    }
}

/// What `judge` says of each image that a stage is built on; unknown where it is no reference that
/// can be read. `what` is what the rule wants to know of it.
pub(super) fn bases(
    dockerfile: &Dockerfile,
    what: &str,
    judge: impl Fn(String, &Text, &ImageReference<'_>) -> Option<Answer>,
) -> Vec<Answer> {
    let mut answers = Vec::new();
    for stage in &dockerfile.stages {
        let Base::Image(text) = &stage.base else {
            continue;
        };
        let pointer = format!("/instructions/{}", stage.from);
        let written = quoted(&text.written);
        answers.extend(match &text.value {
            Field::Known(value) => match ImageReference::parse(value) {
                Some(image) => judge(pointer, text, &image),
                None => Some(Answer::unknown(
                    pointer,
                    format!("{what} of the base image {written} cannot be known: it is not an image reference"),
                )),
            },
            Field::Unknown(reason) => {
                let what = format!("{what} of the base image {written}");
                Some(Answer::unreadable(pointer, &what, reason))
            }
            Field::Absent => None,
        });
    }
    answers
}

/// The image that the last stage comes from in the end.
#[derive(Debug)]
pub(super) enum Root<'a> {
    Scratch,
    Image(ImageReference<'a>),
    /// Nobody can say, and why.
    Unknown(String),
}

/// The image that the last stage comes from in the end.
pub(super) fn root(dockerfile: &Dockerfile) -> Option<Root<'_>> {
    let (_, stage) = dockerfile.lineage().last()?;
    Some(match &stage.base {
        Base::Scratch => Root::Scratch,
        Base::AnyStage(_) | Base::Stage(_) => {
            Root::Unknown("which stage it is built on depends on a variable".to_owned())
        }
        Base::Image(text) => match &text.value {
            Field::Known(value) => ImageReference::parse(value).map_or_else(
                || Root::Unknown(format!("{} is not an image reference", quoted(value))),
                Root::Image,
            ),
            Field::Unknown(reason) => Root::Unknown(reason.clone()),
            Field::Absent => Root::Unknown("`FROM` names no image".to_owned()),
        },
    })
}

/// How a text is shown: as it stands, and what it comes to where that is something else.
pub(super) fn shown(text: &Text) -> String {
    match &text.value {
        Field::Known(value) if *value != text.written => {
            format!("{} (from {})", quoted(value), quoted(&text.written))
        }
        _ => quoted(&text.written),
    }
}
