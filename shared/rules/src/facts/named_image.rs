//! Images that a task definition names, and which of them cannot be pulled.

use super::Quarantine;
use crate::{
    catalogue::ImageReference,
    names::{Digest, Place, Repository},
};

/// An image of a private ECR registry, as a task definition names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedImage {
    /// The repository.
    pub repository: Repository,
    /// Which of its images.
    pub version: Version,
}

/// What tells one image of a repository from the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Version {
    /// A tag; `latest` where the reference has neither tag nor digest.
    Tag(String),
    /// A digest, whatever tag stands beside it.
    Digest(Digest),
}

impl NamedImage {
    /// Reads a reference as container runtimes do; `None` for an image that is not in the private registry
    /// of this account and region.
    pub fn in_registry_of(home: &Place, reference: &str) -> Option<Self> {
        let image = ImageReference::parse(reference)?;
        if image.ecr_registry()? != (home.account(), home.region()) {
            return None;
        }
        let version = match image.digest {
            Some(digest) => Version::Digest(Digest::parse(digest).ok()?),
            None => Version::Tag(image.tag.unwrap_or("latest").to_owned()),
        };
        Some(Self {
            repository: Repository::new(home.clone(), &image.repository).ok()?,
            version,
        })
    }
}

/// Why an image cannot be pulled, as far as that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Barred {
    /// It is in quarantine.
    Quarantined(Quarantine),
    /// It is in ECR's archive, and no quarantine is known.
    Archived,
    /// Whether it can be pulled could not be found out, for this reason.
    Unknown(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_images_of_the_account_and_region_are_looked_up() {
        let home = Place::of_region("eu-west-1", "111122223333").unwrap();
        let digest = format!("sha256:{}", "0a".repeat(32));
        let read = |reference: &str| NamedImage::in_registry_of(&home, reference);
        let host = "111122223333.dkr.ecr.eu-west-1.amazonaws.com";
        let tag = |tag: &str| Version::Tag(tag.to_owned());
        for (reference, version) in [
            (format!("{host}/team/app"), tag("latest")),
            (format!("{host}/team/app:1.4"), tag("1.4")),
            (
                format!("{host}/team/app:1.4@{digest}"),
                Version::Digest(Digest::parse(&digest).unwrap()),
            ),
            (
                "111122223333.dkr-ecr-fips.eu-west-1.on.aws/team/app:1".to_owned(),
                tag("1"),
            ),
        ] {
            let image = read(&reference).unwrap();
            assert_eq!(image.repository.name(), "team/app", "{reference}");
            assert_eq!(image.version, version, "{reference}");
        }
        for reference in [
            "nginx",
            "public.ecr.aws/team/app:1",
            "111122223333.dkr.ecr.us-east-1.amazonaws.com/team/app:1",
            "444455556666.dkr.ecr.eu-west-1.amazonaws.com/team/app:1",
            "111122223333.dkr.ecr.eu-west-1.amazonaws.com.evil.io/team/app:1",
            "111122223333.dkr.ecr.eu-west-1.amazonaws.com/Team/app:1",
            "${IMAGE}",
        ] {
            assert_eq!(read(reference), None, "{reference}");
        }
    }
}
