//! Globs on names of AWS. One that can match no such name is a mistake, and is said to be.

use std::ops::Deref;

#[cfg(feature = "schema")]
use serde_json::{Map, Value as Json, json};

use super::{
    form::{Form, either, text},
    matches,
    mistake::{Mistake, Mistakes},
    yaml::Node,
};
use crate::{
    facts::LaunchType,
    names::{Digest, quoted},
};

/// Why a glob matches nothing, and what to write.
type Futile = (String, String);

macro_rules! patterns {
    ($($(#[doc = $doc:literal])+ $name:ident, $example:literal, $check:expr;)+) => {$(
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name(String);

        impl Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl Form for $name {
            const EXAMPLE: &'static str = $example;

            fn read(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<Self> {
                let written = text(node, "a glob", concat!("one, for example ", $example), mistakes)?;
                if let Some((message, help)) = ($check)(written) {
                    mistakes.add(Mistake::new(node.span, message).help(help));
                    return None;
                }
                Some(Self(written.to_owned()))
            }

            #[cfg(feature = "schema")]
            fn schema(_: &mut Map<String, Json>) -> Json {
                json!({ "type": ["string", "integer"] })
            }
        }
    )+};
}

patterns! {
    /// A glob on account ids.
    OnAccount, "`\"111122223333\"`", account;
    /// A glob on regions.
    OnRegion, "`eu-*`", |glob| made_of(glob, "a region", "small letters, digits and `-`",
        |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    /// A glob on clusters.
    OnCluster, "`prod-*`", cluster;
    /// A glob on families of task definitions.
    OnFamily, "`batch-*`", |glob| name(glob, "a family");
    /// A glob on names of containers.
    OnContainer, "`agent`", |glob| name(glob, "a container's name");
    /// A glob on launch types.
    OnLaunchType, "`FARGATE`", launch_type;
    /// A glob on image references, as task definitions have them.
    OnImage, "`ghcr.io/example/*`", |glob| made_of(glob, "an image reference", "characters that are no spaces",
        |c| !c.is_whitespace());
    /// A glob on names of repositories.
    OnRepository, "`team/*`", |glob| made_of(glob, "a repository's name", "small letters, digits, `.`, `_`, `-` and `/`",
        |c| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-/".contains(c));
    /// A glob on tags of images.
    OnImageTag, "`release-*`", |glob| made_of(glob, "a tag of an image", "letters, digits, `.`, `_` and `-`",
        |c| c.is_ascii_alphanumeric() || "._-".contains(c));
    /// A glob on names of packages.
    OnPackage, "`openssl*`", |glob| made_of(glob, "a package's name", "characters that are no spaces",
        |c| !c.is_whitespace());
    /// A glob on digests of images.
    OnDigest, "`sha256:…`", digest;
    /// A glob on paths of files.
    OnFile, "`services/*/Dockerfile`", file;
}

pub(super) fn is_glob(text: &str) -> bool {
    text.contains(['*', '?'])
}

fn futile(glob: &str, why: impl Into<String>) -> Futile {
    let message = format!("{} matches nothing", quoted(glob));
    (message, why.into())
}

fn made_of(glob: &str, what: &str, of: &str, may_have: impl Fn(char) -> bool) -> Option<Futile> {
    let wrong = glob
        .chars()
        .find(|c| !matches!(c, '*' | '?') && !may_have(*c))?;
    let mut why = format!("{what} is made of {of}");
    if "{}[]()|^$+\\,!".contains(wrong) {
        why.push_str("; in a glob `*` stands for any run of characters and `?` for one, and nothing else is special");
    }
    Some(futile(glob, why))
}

fn name(glob: &str, what: &str) -> Option<Futile> {
    made_of(glob, what, "letters, digits, `-` and `_`", |c| {
        c.is_ascii_alphanumeric() || "-_".contains(c)
    })
}

fn account(glob: &str) -> Option<Futile> {
    const DIGITS: usize = 12;
    let wrong = made_of(glob, "an account id", "12 digits", |c| c.is_ascii_digit());
    wrong.or_else(|| {
        let count = glob.chars().filter(|c| *c != '*').count();
        let fits = if glob.contains('*') {
            count <= DIGITS
        } else {
            count == DIGITS
        };
        let why = || format!("an account id has 12 digits, and this has {count}");
        (!fits).then(|| futile(glob, why()))
    })
}

fn cluster(glob: &str) -> Option<Futile> {
    if let Some((_, name)) = glob.rsplit_once("cluster/") {
        let why = format!("write the cluster's name, not its ARN: {}", quoted(name));
        return Some(futile(glob, why));
    }
    name(glob, "a cluster's name")
}

fn file(glob: &str) -> Option<Futile> {
    let rest = glob.strip_prefix("./")?;
    let why = format!(
        "paths are compared without a leading `./`: write {}",
        quoted(rest)
    );
    Some(futile(glob, why))
}

fn launch_type(glob: &str) -> Option<Futile> {
    let names: Vec<&str> = LaunchType::ALL.iter().map(LaunchType::name).collect();
    if names.iter().any(|name| matches(glob, name)) {
        return None;
    }
    let nearest = crate::nearest::nearest(glob, names.iter().copied());
    Some(futile(glob, super::form::instead(nearest, &names)))
}

fn digest(glob: &str) -> Option<Futile> {
    let wrong = made_of(glob, "a digest", "an algorithm, `:` and digits", |c| {
        c.is_ascii_alphanumeric() || c == ':'
    });
    wrong.or_else(|| {
        let is_one = is_glob(glob) || Digest::parse(glob).is_ok();
        (!is_one).then(|| {
            futile(
                glob,
                format!(
                    "a digest begins with {} and has 64 digits",
                    either(&["sha256:"])
                ),
            )
        })
    })
}
