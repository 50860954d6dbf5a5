//! What could be deployed in place of a denied image.

use crate::{
    Facts, Policy, Subject, Verdict, decide,
    facts::{Image, Scan, Surroundings, deployment::Named},
    names::Digest,
};

/// The tag of the newest build of the same repository whose every platform the policy has nothing to
/// say about, where [`Surroundings::builds`] has one. A platform whose scan has no result is no such.
pub fn replacement(facts: &Facts, policy: &Policy) -> Option<String> {
    let Subject::Image(image) = &facts.subject else {
        return None;
    };
    let builds = &image.surroundings.builds;
    let clean = builds
        .iter()
        .find(|build| is_clean(&build.tag, &build.scans, image, facts, policy));
    clean.map(|build| build.tag.clone())
}

/// Says of each tag that a service names whether the policy has nothing to say about what it leads to.
pub fn judge_tags(facts: &mut Facts, policy: &Policy) {
    let Subject::Image(image) = &facts.subject else {
        return;
    };
    let mut services = image.surroundings.services.clone();
    for service in &mut services {
        if let Named::ByTag(tags) = &mut service.named {
            for tag in tags {
                tag.is_clean = is_clean(&tag.tag, &tag.scans, image, facts, policy);
            }
        }
    }
    if let Subject::Image(image) = &mut facts.subject {
        image.surroundings.services = services;
    }
}

/// Whether the policy has nothing to say about any platform of another image of the repository.
fn is_clean(
    tag: &str,
    scans: &[(Digest, Scan)],
    image: &Image,
    facts: &Facts,
    policy: &Policy,
) -> bool {
    !scans.is_empty()
        && scans.iter().all(|(digest, scan)| {
            let platform = Image {
                is_restored: false,
                quarantine: None,
                repository: image.repository.clone(),
                digest: Some(digest.clone()),
                tags: vec![tag.to_owned()],
                pushed_at: None,
                scan: scan.clone(),
                surroundings: Surroundings::default(),
            };
            let facts = Facts {
                place: facts.place.clone(),
                observed_at: facts.observed_at,
                subject: Subject::Image(Box::new(platform)),
            };
            decide(&facts, policy).verdict == Verdict::Allow
        })
}
