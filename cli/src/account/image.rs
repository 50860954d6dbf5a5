//! Images by the names that people give them.

use tidewaiter_aws::{ImageNow, Reference, describe_image};
use tidewaiter_rules::names::{Digest, InvalidName, Place, Repository, quoted};

use super::{Session, text};

/// The longest tag that ECR knows.
const LONGEST_TAG: usize = 300;

/// An image by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) repository: Repository,
    pub(super) reference: Reference,
}

/// Reads a name. What it says of account and region has to be where one acts.
pub(super) fn read(name: &str, home: &Place) -> Result<Named, String> {
    let (name, reference) = split(name)?;
    let repository = repository(name, home);
    let repository = repository.map_err(text)?;
    is_here(repository.place(), home)?;
    Ok(Named {
        repository,
        reference,
    })
}

/// That something is where one acts.
pub(super) fn is_here(place: &Place, home: &Place) -> Result<(), String> {
    if place == home {
        return Ok(());
    }
    Err(format!(
        "it is in account {}, {}, and you act in account {}, {}: choose with `--profile` and `--region`",
        place.account(),
        place.region(),
        home.account(),
        home.region()
    ))
}

fn split(name: &str) -> Result<(&str, Reference), String> {
    if let Some((repository, digest)) = name.rsplit_once('@') {
        let digest = Digest::parse(digest).map_err(text)?;
        // With both, the digest says which.
        let repository = match repository.rsplit_once(':') {
            Some((before, tag)) if !tag.contains('/') && is_tag(tag) && !before.is_empty() => {
                before
            }
            _ => repository,
        };
        return Ok((repository, Reference::Digest(digest)));
    }
    match name.rsplit_once(':') {
        Some((repository, tag)) if is_tag(tag) && !repository.is_empty() => {
            Ok((repository, Reference::Tag(tag.to_owned())))
        }
        _ => Err(format!(
            "{} does not say which image: add a digest, as in `app@sha256:…`, or a tag, as in `app:1.0`",
            quoted(name)
        )),
    }
}

fn is_tag(tag: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    !tag.is_empty() && tag.len() <= LONGEST_TAG && tag.bytes().all(is_allowed)
}

/// A repository by its ARN, with the host of its registry, or by its name alone.
fn repository(name: &str, home: &Place) -> Result<Repository, InvalidName> {
    if name.starts_with("arn:") {
        return Repository::parse_arn(name);
    }
    let hosted = name.split_once('/');
    let hosted = hosted.and_then(|(host, name)| Some((registry(host)?, name)));
    match hosted {
        Some(((account, region), name)) => {
            Repository::new(Place::of_region(region, account)?, name)
        }
        None => Repository::new(home.clone(), name),
    }
}

/// Account and region of a registry's host: `ACCOUNT.dkr.ecr.REGION.amazonaws.com`.
fn registry(host: &str) -> Option<(&str, &str)> {
    let (account, rest) = host.split_once(".dkr.ecr")?;
    let rest = rest.strip_prefix("-fips").unwrap_or(rest);
    let (region, _) = rest.strip_prefix('.')?.split_once('.')?;
    Some((account, region))
}

/// The image as ECR has it.
pub(super) async fn find(session: &Session<'_>, named: &Named) -> Result<Option<ImageNow>, String> {
    describe_image(session.clients, &named.repository, &named.reference)
        .await
        .map_err(text)
}

impl Named {
    /// The name, for messages.
    pub(super) fn shown(&self) -> String {
        match &self.reference {
            Reference::Digest(digest) => super::named(&self.repository, digest),
            Reference::Tag(tag) => format!("{}:{tag}", self.repository.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    fn home() -> Place {
        Place::of_region("eu-west-1", "111122223333").unwrap()
    }

    #[test]
    fn an_image_is_known_by_every_name_that_people_paste() {
        let arn = "arn:aws:ecr:eu-west-1:111122223333:repository/team/app";
        let host = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/app";
        for name in ["team/app", arn, host] {
            let by_digest = read(&format!("{name}@{DIGEST}"), &home()).unwrap();
            assert_eq!(by_digest.repository.arn(), arn, "{name}");
            assert_eq!(by_digest.shown(), format!("team/app@{DIGEST}"));
            let both = read(&format!("{name}:1.0@{DIGEST}"), &home()).unwrap();
            assert_eq!(both, by_digest);
            let by_tag = read(&format!("{name}:1.0"), &home()).unwrap();
            assert_eq!(by_tag.reference, Reference::Tag("1.0".to_owned()));
            assert_eq!(by_tag.repository, by_digest.repository);
        }
    }

    #[test]
    fn an_image_elsewhere_or_without_digest_and_tag_is_refused() {
        for (name, part) in [
            ("app", "which image"),
            (
                "arn:aws:ecr:eu-west-1:111122223333:repository/app",
                "which image",
            ),
            ("app@sha256:1", "digest"),
            ("app:$(x)", "which image"),
            ("App:1", "repository name"),
            (
                "arn:aws:ecr:us-east-1:111122223333:repository/app:1",
                "you act in",
            ),
            (
                "444455556666.dkr.ecr.eu-west-1.amazonaws.com/app:1",
                "you act in",
            ),
        ] {
            let error = read(name, &home()).unwrap_err();
            assert!(error.contains(part), "{name}: {error}");
        }
    }
}
