//! The images that a world can hold.

use super::*;

/// Where something is in the population: its place in [`IMAGES`].
pub(super) type ImageId = usize;

/// One manifest of the population.
pub(super) struct Spec {
    pub(super) repository: &'static str,
    /// Two hexadecimal digits, repeated.
    pub(super) pair: &'static str,
    /// What it leads to, where it is an index.
    pub(super) children: &'static [(ImageId, &'static str)],
    pub(super) kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Image,
    Index,
    /// What a build attests: it is never scanned, and runs nowhere.
    Attestation,
}

const fn image(repository: &'static str, pair: &'static str) -> Spec {
    Spec {
        repository,
        pair,
        children: &[],
        kind: Kind::Image,
    }
}

const SHOP: &str = "team/shop";
const MIRROR: &str = "team/mirror";

/// Everything that can be pushed. What an index leads to is pushed with it.
pub(super) const IMAGES: [Spec; 9] = [
    image(SHOP, "10"),
    image(SHOP, "11"),
    // The first one again, in another repository.
    image(MIRROR, "10"),
    image(SHOP, "a1"),
    image(SHOP, "b1"),
    image(SHOP, "c1"),
    Spec {
        kind: Kind::Attestation,
        ..image(SHOP, "a7")
    },
    // Two indexes that share an image.
    Spec {
        children: &[
            (3, "linux/amd64"),
            (4, "linux/arm64"),
            (6, "unknown/unknown"),
        ],
        kind: Kind::Index,
        ..image(SHOP, "e1")
    },
    Spec {
        children: &[(4, "linux/arm64"), (5, "linux/amd64")],
        kind: Kind::Index,
        ..image(SHOP, "e2")
    },
];

impl Spec {
    pub(super) fn digest(&self) -> String {
        format!("sha256:{}", self.pair.repeat(32))
    }

    pub(super) fn arn(&self) -> String {
        format!(
            "arn:aws:ecr:{REGION}:{ACCOUNT}:repository/{}",
            self.repository
        )
    }

    pub(super) fn media_type(&self) -> &'static str {
        match self.kind {
            Kind::Index => "application/vnd.oci.image.index.v1+json",
            Kind::Image | Kind::Attestation => "application/vnd.oci.image.manifest.v1+json",
        }
    }

    /// The index as a manifest.
    pub(super) fn manifest(&self) -> Value {
        let child = |(child, platform): &(ImageId, &str)| {
            let (os, architecture) = platform.split_once('/').unwrap();
            json!({"mediaType": IMAGES[*child].media_type(), "digest": IMAGES[*child].digest(), "size": 1,
                "platform": {"os": os, "architecture": architecture}})
        };
        let children: Vec<Value> = self.children.iter().map(child).collect();
        json!({"schemaVersion": 2, "mediaType": self.media_type(), "manifests": children})
    }
}
