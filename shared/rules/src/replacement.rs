//! What could be deployed in place of a denied image.

use crate::{
    Facts, Policy, Subject, Verdict, decide,
    facts::{Image, Surroundings},
};

/// The tag of the newest build of the same repository whose every platform the policy has nothing to
/// say about, where [`Surroundings::builds`] has one. A platform whose scan has no result is no such.
pub fn replacement(facts: &Facts, policy: &Policy) -> Option<String> {
    let Subject::Image(image) = &facts.subject else {
        return None;
    };
    let clean = image.surroundings.builds.iter().find(|build| {
        let mut scans = build.scans.iter();
        !build.scans.is_empty()
            && scans.all(|(digest, scan)| {
                let platform = Image {
                    is_restored: false,
                    quarantine: None,
                    repository: image.repository.clone(),
                    digest: Some(digest.clone()),
                    tags: vec![build.tag.clone()],
                    pushed_at: None,
                    scan: scan.clone(),
                    surroundings: Surroundings::default(),
                };
                let facts = Facts {
                    subject: Subject::Image(Box::new(platform)),
                    ..facts.clone()
                };
                decide(&facts, policy).verdict == Verdict::Allow
            })
    });
    clean.map(|build| build.tag.clone())
}
