//! What is known of the images that others are built on. Where nothing is known, rules say so.

use super::{
    Answer,
    image_reference::{ImageReference, without_user},
};
use crate::{
    facts::{
        Dockerfile,
        dockerfile::{Base, Text},
    },
    field::Field,
    names::quoted_value,
};

/// Who a container of an image runs as where nothing else says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DefaultUser {
    Root,
    Other,
    Unknown,
}

/// The other images of Docker's own library. Any other name without a host and namespace is one that
/// somebody has built at home.
const REST_OF_LIBRARY: &[&str] = &[
    "adminer",
    "couchdb",
    "elasticsearch",
    "flink",
    "fluentd",
    "ghost",
    "groovy",
    "haproxy",
    "hello-world",
    "influxdb",
    "jetty",
    "joomla",
    "kibana",
    "kong",
    "logstash",
    "mediawiki",
    "memcached",
    "nats",
    "neo4j",
    "nextcloud",
    "odoo",
    "open-liberty",
    "percona",
    "phpmyadmin",
    "redmine",
    "registry",
    "ros",
    "solr",
    "sonarqube",
    "spark",
    "telegraf",
    "tomee",
    "varnish",
    "websphere-liberty",
    "zookeeper",
];

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
    match image.host.as_ref() {
        "docker.io" | "mirror.gcr.io" => image.repository.strip_prefix("library/"),
        "public.ecr.aws" | "ecr-public.aws.com" => image.repository.strip_prefix("docker/library/"),
        _ => None,
    }
}

/// Who a container of an image runs as that sets no user itself.
pub(super) fn default_user(image: &ImageReference<'_>) -> DefaultUser {
    use DefaultUser::{Other, Root, Unknown};
    let tag = image.tag.unwrap_or_default();
    let repository = image.repository.as_ref();
    if let Some(name) = library_name(image) {
        return if ROOT_IN_LIBRARY.contains(&name) {
            Root
        } else {
            Unknown
        };
    }
    match image.host.as_ref() {
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

/// Whether the image is one that Docker, a distribution or a large vendor publishes and maintains:
/// not trusted by that alone, and not just anyone's either.
pub(super) fn is_curated(image: &ImageReference<'_>) -> bool {
    library_name(image)
        .is_some_and(|name| ROOT_IN_LIBRARY.contains(&name) || REST_OF_LIBRARY.contains(&name))
        || match image.host.as_ref() {
            "docker.io" => {
                let namespace = image.repository.split('/').next().unwrap_or_default();
                matches!(
                    namespace,
                    "amazon" | "debian" | "docker" | "nvidia" | "opensuse" | "redhat" | "ubuntu"
                )
            }
            "gcr.io" => image.repository.starts_with("distroless/"),
            "public.ecr.aws" | "ecr-public.aws.com" => {
                let namespace = image.repository.split('/').next().unwrap_or_default();
                matches!(namespace, "debian" | "nginx" | "sam" | "ubuntu")
            }
            "mcr.microsoft.com"
            | "registry.access.redhat.com"
            | "registry.redhat.io"
            | "nvcr.io"
            | "registry.suse.com"
            | "container-registry.oracle.com"
            | "dhi.io" => true,
            "cgr.dev" => image.repository.starts_with("chainguard/"),
            _ => false,
        }
}

/// Whether an image has programs in it that run as their owner; `None` where nobody can say.
pub(super) fn has_setuid_programs(image: &ImageReference<'_>) -> Option<bool> {
    let tag = image.tag.unwrap_or_default();
    if image.host == "gcr.io" && image.repository.starts_with("distroless/")
        || image.host == "mcr.microsoft.com" && image.repository.starts_with("windows")
        || ["alpine", "chiseled", "distroless", "nanoserver"]
            .iter()
            .any(|kind| tag.contains(kind))
    {
        return Some(false);
    }
    if let Some(name) = library_name(image) {
        let of_alpine = [
            "alpine", "bash", "busybox", "caddy", "composer", "docker", "traefik",
        ];
        return if of_alpine.contains(&name) {
            Some(false)
        } else {
            ROOT_IN_LIBRARY.contains(&name).then_some(true)
        };
    }
    (default_user(image) == DefaultUser::Root && !image.repository.ends_with("-micro"))
        .then_some(true)
}

/// Images that exist to build with: a compiler and its tools, at the expense of all else.
pub(super) fn toolchain<'a>(image: &'a ImageReference<'_>) -> Option<&'a str> {
    let name = match library_name(image) {
        Some(name) => name,
        None if image.host == "mcr.microsoft.com" => {
            return (image.repository == "dotnet/sdk").then_some("dotnet/sdk");
        }
        None => return None,
    };
    // `swift:…-slim` is the runtime alone.
    let is_runtime = name == "swift" && image.tag.unwrap_or_default().contains("slim");
    let builds = [
        "buildpack-deps",
        "dart",
        "gcc",
        "golang",
        "gradle",
        "haskell",
        "maven",
        "rust",
        "swift",
    ];
    (builds.contains(&name) && !is_runtime).then_some(name)
}

/// What `judge` says of each image that a stage is built on; unknown where it is no reference that
/// can be read. `what` is what the rule wants to know of it. Where only the tag depends on a
/// variable, `of_tag` is asked first, with the name and a glob of the tag.
pub(super) fn bases(
    dockerfile: &Dockerfile,
    what: &str,
    judge: impl Fn(String, &Text, &ImageReference<'_>) -> Option<Answer>,
    of_tag: impl Fn(String, &str, &str) -> Option<Option<Answer>>,
) -> Vec<Answer> {
    let mut answers = Vec::new();
    for stage in &dockerfile.stages {
        let Base::Image(text) = &stage.base else {
            continue;
        };
        let pointer = format!("/instructions/{}", stage.from);
        let written = quoted_value(without_user(&text.written));
        answers.extend(match &text.value {
            Field::Known(value) => match ImageReference::parse(value) {
                Some(image) => judge(pointer, text, &image),
                None => Some(Answer::unknown(
                    pointer,
                    format!("{what} of the base image {written} cannot be known: it is not an image reference"),
                )),
            },
            Field::Unknown(reason) => {
                let known = variable_tag(text);
                let known = known.and_then(|(name, tag)| of_tag(pointer.clone(), &name, &tag));
                known.unwrap_or_else(|| {
                    let what = format!("{what} of the base image {written}");
                    Some(Answer::unreadable(pointer, &what, reason))
                })
            }
            Field::Absent => None,
        });
    }
    answers
}

/// The name and the glob of the tag of an image of which only the tag depends on a variable.
fn variable_tag(text: &Text) -> Option<(String, String)> {
    let glob = text.glob();
    let (name, tag) = glob.rsplit_once(':')?;
    (!name.contains('*') && !tag.contains('/')).then(|| (name.to_owned(), tag.to_owned()))
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
                || {
                    Root::Unknown(format!(
                        "{} is not an image reference",
                        quoted_value(without_user(value))
                    ))
                },
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
            format!(
                "{} (from {})",
                quoted_value(without_user(value)),
                quoted_value(without_user(&text.written))
            )
        }
        _ => quoted_value(without_user(&text.written)),
    }
}

#[cfg(test)]
mod tests;
