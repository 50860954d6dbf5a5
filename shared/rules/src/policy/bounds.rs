//! What a policy says of one rule, for whoever has to say it in other words than ours.

use super::{
    Level, Target, Waiver,
    scope::{Matching, Scope},
};
use crate::{Rule, facts::SubjectKind};

/// Which registrations a scope or a waiver is for. All are globs, and what is absent is any.
#[derive(Debug, Clone, Copy)]
pub struct Bounds<'a> {
    /// On account ids.
    pub account: Option<&'a str>,
    /// On regions.
    pub region: Option<&'a str>,
    /// On families.
    pub family: Option<&'a str>,
    /// Whether it is narrower than these three say.
    pub has_more: bool,
}

/// What a scope says of one rule.
#[derive(Debug, Clone, Copy)]
pub struct ScopeLevel<'a> {
    /// The number of the scope in the file, from 1.
    pub number: usize,
    /// The level that it gives the rule.
    pub level: Level,
    /// Where.
    pub bounds: Bounds<'a>,
    /// How narrow it is: of two that hold, the one where this is greater decides.
    pub specificity: (usize, usize),
}

impl Scope {
    /// What the scope says of `rule`; nothing where it has neither a level for it nor a profile, or
    /// can hold for nothing that is registered or pushed.
    pub(super) fn level_of(&self, number: usize, rule: &Rule) -> Option<ScopeLevel<'_>> {
        let Matching {
            account,
            region,
            cluster,
            family,
            launch_type,
            repository,
            image_tag,
            tags,
        } = &self.matching;
        let is_of_definitions = family.is_some() || launch_type.is_some() || !tags.is_empty();
        let is_of_images = repository.is_some() || image_tag.is_some();
        let is_elsewhere = match rule.check.subject() {
            SubjectKind::TaskDefinition => is_of_images,
            SubjectKind::Image => is_of_definitions,
            SubjectKind::Deployment | SubjectKind::Dockerfile => is_of_definitions || is_of_images,
        };
        if is_elsewhere || cluster.is_some() {
            return None;
        }
        Some(ScopeLevel {
            number,
            level: self.layer.level(rule, rule.severity)?,
            bounds: Bounds {
                account: account.as_deref(),
                region: region.as_deref(),
                family: family.as_deref(),
                has_more: launch_type.is_some() || is_of_images || !tags.is_empty(),
            },
            specificity: self.matching.specificity(),
        })
    }
}

impl Waiver {
    /// Which registrations it is for; `None` where it can be for none.
    pub fn bounds(&self) -> Option<Bounds<'_>> {
        let Target {
            account,
            region,
            cluster,
            family,
            container,
            image,
            repository,
            image_tag,
            digest,
            vulnerability,
            package,
            file,
        } = &self.target;
        let is_of_images = repository.is_some()
            || image_tag.is_some()
            || digest.is_some()
            || !vulnerability.0.is_empty()
            || package.is_some();
        let is_elsewhere = cluster.is_some() || is_of_images || file.is_some();
        (!is_elsewhere).then(|| Bounds {
            account: account.as_deref(),
            region: region.as_deref(),
            family: family.as_deref(),
            has_more: container.is_some() || image.is_some(),
        })
    }
}
