//! What an index leads to (OCI image index, Docker manifest list).
//!
//! Read with own types: of the many members that the crates for OCI's formats know, four count here,
//! and those crates refuse a whole index for one entry that is not as they have it.

use std::collections::BTreeMap;

use serde::Deserialize;
use thiserror::Error;
use tidewaiter_rules::{
    facts::family::{Child, Role},
    names::Digest,
};

/// The largest manifest that is read, in bytes: ECR takes none that is larger.
pub const MAX_BYTES: usize = 4 * 1024 * 1024;

/// How many entries an index may have. Those that exist have one or two a platform.
pub const MAX_CHILDREN: usize = 1000;

/// An index that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidIndex {
    /// It is too large.
    #[error("it has more than {MAX_BYTES} bytes")]
    TooLarge,
    /// It leads to too many manifests.
    #[error("it leads to more than {MAX_CHILDREN} manifests")]
    TooMany,
    /// It is no JSON, or none of the form of an index.
    #[error("it is no index: line {line}, column {column}")]
    Malformed {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
}

#[derive(Deserialize)]
struct Written {
    manifests: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    #[serde(default)]
    media_type: Option<String>,
    #[serde(default)]
    artifact_type: Option<String>,
    #[serde(default)]
    digest: String,
    #[serde(default)]
    platform: Option<Platform>,
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
struct Platform {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    variant: Option<String>,
}

/// Whether a manifest of this media type is an index.
pub fn is_index(media_type: &str) -> bool {
    matches!(
        media_type,
        "application/vnd.oci.image.index.v1+json"
            | "application/vnd.docker.distribution.manifest.list.v2+json"
    )
}

/// The media types of images and indexes, newest first.
pub const MEDIA_TYPES: [&str; 4] = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];

/// What an index leads to. An entry without a digest that could be one of ours leads nowhere.
///
/// # Errors
/// When it is too large or no index.
pub fn children(written: &str) -> Result<Vec<Child>, InvalidIndex> {
    if written.len() > MAX_BYTES {
        return Err(InvalidIndex::TooLarge);
    }
    let index: Written =
        serde_json::from_str(written).map_err(|error| InvalidIndex::Malformed {
            line: error.line(),
            column: error.column(),
        })?;
    if index.manifests.len() > MAX_CHILDREN {
        return Err(InvalidIndex::TooMany);
    }
    let entries = index.manifests.into_iter();
    Ok(entries
        .filter_map(|entry| {
            Some(Child {
                digest: Digest::parse(&entry.digest).ok()?,
                role: entry.role(),
            })
        })
        .collect())
}

impl Entry {
    fn role(&self) -> Role {
        let annotations = self.annotations.as_ref();
        let refers = annotations.and_then(|all| all.get("vnd.docker.reference.type"));
        let platform = self.platform.as_ref();
        let is_nowhere =
            platform.is_some_and(|at| at.os == "unknown" && at.architecture == "unknown");
        let is_image = self
            .media_type
            .as_deref()
            .is_none_or(|known| MEDIA_TYPES.contains(&known));
        if is_nowhere || refers.is_some_and(|kind| kind == "attestation-manifest") {
            Role::Attestation
        } else if self.artifact_type.is_some() || !is_image {
            Role::Artifact
        } else {
            Role::Platform(platform.map_or_else(|| "any platform".to_owned(), Platform::name))
        }
    }
}

impl Platform {
    /// `OS/ARCHITECTURE` or `OS/ARCHITECTURE/VARIANT`.
    fn name(&self) -> String {
        let variant = self.variant.iter().map(String::as_str);
        let parts = [self.os.as_str(), self.architecture.as_str()];
        let parts: Vec<&str> = parts.into_iter().chain(variant).collect();
        parts.join("/")
    }
}
