//! Which packages and images a suppression is for.

use crate::{
    catalogue::ImageReference,
    facts::{Image, Package},
    names::Repository,
    policy::matches,
};

/// Which packages are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackagePattern {
    /// A glob on the name, see [`matches`].
    pub name: String,
    /// The version, where only one is meant.
    pub version: Option<String>,
}

/// Which images are meant: every member that is set has to match, and what is not known of an image
/// matches nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImageTarget {
    /// A glob on the account id.
    pub account: Option<String>,
    /// A glob on the region.
    pub region: Option<String>,
    /// A glob on the repository's name.
    pub repository: Option<String>,
    /// A glob on one of the tags.
    pub tag: Option<String>,
    /// A glob on the digest.
    pub digest: Option<String>,
    /// The repository with its registry, `HOST/NAME`, in any of the forms of ECR's hosts.
    pub location: Option<String>,
    /// The last part of the repository's name.
    pub last_part: Option<String>,
}

impl PackagePattern {
    pub(super) fn is(&self, package: &Package) -> bool {
        let is_named = package
            .name
            .as_ref()
            .is_some_and(|name| matches(&self.name, name));
        let is_of_version = match (&self.version, &package.version) {
            (None, _) => true,
            (Some(wanted), Some(version)) => {
                let wanted = wanted.strip_prefix("0:").unwrap_or(wanted);
                wanted == version.strip_prefix("0:").unwrap_or(version)
            }
            (Some(_), None) => false,
        };
        is_named && is_of_version
    }
}

impl ImageTarget {
    /// Whether the image is meant.
    pub fn holds(&self, image: &Image) -> bool {
        let name = image.repository.name();
        let place = image.repository.place();
        let is = |glob: &Option<String>, value: &str| {
            glob.as_ref().is_none_or(|glob| matches(glob, value))
        };
        is(&self.account, place.account())
            && is(&self.region, place.region())
            && is(&self.repository, name)
            && self
                .tag
                .as_ref()
                .is_none_or(|glob| image.tags.iter().any(|tag| matches(glob, tag)))
            && self.digest.as_ref().is_none_or(|glob| {
                let digest = image.digest.as_ref();
                digest.is_some_and(|digest| matches(glob, digest.as_str()))
            })
            && self
                .last_part
                .as_ref()
                .is_none_or(|part| name.rsplit('/').next() == Some(part))
            && self
                .location
                .as_ref()
                .is_none_or(|location| is_at(&image.repository, location))
    }
}

/// Whether `HOST/NAME` is this repository.
fn is_at(repository: &Repository, location: &str) -> bool {
    let Some(reference) = ImageReference::parse(location) else {
        return false;
    };
    let place = repository.place();
    reference.ecr_account() == Some(place.account())
        && reference
            .host
            .split('.')
            .any(|label| label == place.region())
        && reference.repository == repository.name()
        && reference.tag.is_none()
        && reference.digest.is_none()
}
