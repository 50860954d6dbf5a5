//! The manifests that a scanned image belongs with.
//!
//! A scan is of a platform's manifest, which people hardly ever name: tags lead to an index, and the
//! index to it. Pulls stop only when the index is gone too.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{Scan, Usage, deployment::Service};
use crate::{field::Field, names::Digest};

/// What is read of an image that is denied, before anything is done about it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Surroundings {
    /// What it stands and falls with; absent until it is asked for.
    pub family: Field<Family>,
    /// What runs of it and of its family; absent until it is asked for.
    pub usage: Option<Usage>,
    /// Services that run it, where the policy has something done about those.
    pub services: Vec<Service>,
    /// The newest builds beside it, newest first, for whoever has to replace it.
    pub builds: Vec<Build>,
    /// The tag of the newest of them that the policy has nothing to say about; see
    /// [`crate::replacement`].
    pub replacement: Option<String>,
}

/// Another build in the repository.
#[derive(Debug, Clone, PartialEq)]
pub struct Build {
    /// One of its tags.
    pub tag: String,
    /// The scans of all its platforms.
    pub scans: Vec<(Digest, Scan)>,
}

/// What one entry of an index is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// An image, for example of `linux/arm64`; an index within an index too.
    Platform(String),
    /// What a build attests about an image: `unknown/unknown`, and nothing that runs.
    Attestation,
    /// Another artifact: a signature, a bill of materials, a chart.
    Artifact,
}

/// One entry of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Child {
    /// The manifest that it leads to.
    pub digest: Digest,
    /// What that is.
    pub role: Role,
}

/// A manifest of a repository, as the repository lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The digest.
    pub digest: Digest,
    /// Its own tags; a platform's manifest mostly has none.
    pub tags: Vec<String>,
    /// Whether it is in the archive, where nobody can pull it.
    pub is_archived: bool,
    /// When it was pushed.
    pub pushed_at: Option<Timestamp>,
}

/// An index that leads to the image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// The digest.
    pub digest: Digest,
    /// Its tags.
    pub tags: Vec<String>,
    /// What it leads to.
    pub children: Vec<Child>,
}

/// Another image of an index that leads to the image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sibling {
    /// The digest.
    pub digest: Digest,
    /// Its platform, for example `linux/arm64`.
    pub platform: String,
    /// Tags of its own: it is meant to be pulled by itself then.
    pub tags: Vec<String>,
    /// Whether it is in the archive already.
    pub is_archived: bool,
    /// Another index that leads to it and not to the image, where there is one that can be pulled.
    pub shared_with: Option<Digest>,
}

/// What stands and falls with a scanned image.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Family {
    /// Whether the image itself is in the archive.
    pub is_archived: bool,
    /// The image's own tags.
    pub tags: Vec<String>,
    /// The indexes that lead to the image and can be pulled, outermost first: ECR wants an index
    /// archived before what it leads to.
    pub indexes: Vec<Index>,
    /// The other images of those indexes, by digest.
    pub siblings: Vec<Sibling>,
}

impl Family {
    /// The family of `image` in a repository that lists these manifests, and of whose indexes those
    /// that can be pulled lead to these children. An index in the archive plays no part: nobody can
    /// pull it, and ECR does not show what it leads to.
    pub fn of(
        image: &Digest,
        listed: &BTreeMap<Digest, Listed>,
        indexes: &BTreeMap<Digest, Vec<Child>>,
    ) -> Self {
        let rounds = leading_to(image, indexes);
        let mut above: BTreeSet<&Digest> = rounds.iter().flatten().copied().collect();
        // The scanned digest can be an index itself; what it leads to is with it.
        if indexes.contains_key(image) {
            above.insert(image);
        }
        let tags = |digest: &Digest| listed.get(digest).map(|one| one.tags.clone());
        let is_archived = |digest: &Digest| listed.get(digest).is_some_and(|one| one.is_archived);
        let outermost_first = rounds.iter().rev().flatten();
        let family = outermost_first
            .filter_map(|digest| {
                Some(Index {
                    digest: (*digest).clone(),
                    tags: tags(digest).unwrap_or_default(),
                    children: indexes.get(*digest)?.clone(),
                })
            })
            .collect();
        let mut siblings: BTreeMap<&Digest, Sibling> = BTreeMap::new();
        let children = above.iter().filter_map(|digest| indexes.get(*digest));
        for child in children.flatten() {
            let Role::Platform(platform) = &child.role else {
                continue;
            };
            if child.digest == *image || above.contains(&child.digest) {
                continue;
            }
            let mut others = indexes.iter().filter(|(index, children)| {
                !above.contains(index) && children.iter().any(|other| other.digest == child.digest)
            });
            siblings.entry(&child.digest).or_insert_with(|| Sibling {
                digest: child.digest.clone(),
                platform: platform.clone(),
                tags: tags(&child.digest).unwrap_or_default(),
                is_archived: is_archived(&child.digest),
                shared_with: others.next().map(|(index, _)| index.clone()),
            });
        }
        Self {
            is_archived: is_archived(image),
            tags: tags(image).unwrap_or_default(),
            indexes: family,
            siblings: siblings.into_values().collect(),
        }
    }
}

/// The indexes that lead to `image`: directly, then through those, and so on; each once, at the
/// greatest distance.
fn leading_to<'a>(
    image: &Digest,
    indexes: &'a BTreeMap<Digest, Vec<Child>>,
) -> Vec<Vec<&'a Digest>> {
    let mut rounds: Vec<Vec<&Digest>> = Vec::new();
    let mut targets: BTreeSet<&Digest> = BTreeSet::from([image]);
    // Digests cannot lead in circles, but nothing here checks them: no path is longer than all indexes.
    for _ in 0..indexes.len() {
        let found: Vec<&Digest> = indexes
            .iter()
            .filter(|(index, children)| {
                *index != image && children.iter().any(|child| targets.contains(&child.digest))
            })
            .map(|(index, _)| index)
            .collect();
        if found.is_empty() {
            break;
        }
        for round in &mut rounds {
            round.retain(|index| !found.contains(index));
        }
        targets = found.iter().copied().collect();
        rounds.push(found);
    }
    rounds
}
