//! Exceptions: one kind of finding, on named targets, with a reason and an end.

use std::collections::BTreeSet;

use jiff::{Timestamp, civil::Date, tz::TimeZone};

use super::{
    form::{Filled, Form, mapping},
    matches,
    pattern::{
        OnAccount, OnCluster, OnContainer, OnDigest, OnFamily, OnFile, OnImage, OnImageTag,
        OnPackage, OnRegion, OnRepository,
    },
    vulnerability::Vulnerabilities,
};
use crate::{
    decide::Finding,
    facts::{Facts, Subject},
};

/// An exception from rules. It holds to the end of its last day, UTC.
#[derive(Debug, Clone, PartialEq)]
pub struct Waiver {
    /// The name by which reports call it, unique in the policy.
    pub id: String,
    /// The rules that it is an exception from.
    pub rules: Vec<&'static str>,
    /// Where it holds.
    pub target: Target,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// Where it was agreed.
    pub ticket: Option<String>,
    /// The last day on which it holds.
    pub expires: Date,
}

mapping! {
    /// Where a waiver holds: every member that is set has to match, and at least one has to be set.
    /// All are globs.
    pub struct Target is "`target`" {
        /// The account id.
        pub(super) account: Option<OnAccount> = "account",
        /// The region.
        pub(super) region: Option<OnRegion> = "region",
        /// The name of the cluster of a run or an Express service. A registered definition is in none.
        pub(super) cluster: Option<OnCluster> = "cluster",
        /// The family of a task definition.
        pub(super) family: Option<OnFamily> = "family",
        /// The name of a container.
        pub(super) container: Option<OnContainer> = "container",
        /// The image reference of the container, as the task definition has it.
        pub(super) image: Option<OnImage> = "image",
        /// The repository of an image.
        pub(super) repository: Option<OnRepository> = "repository",
        /// A tag of an image; one is enough.
        pub(super) image_tag: Option<OnImageTag> = "image-tag",
        /// The digest of an image.
        pub(super) digest: Option<OnDigest> = "digest",
        /// Vulnerabilities of an image by name, one or a list: findings of these alone do not count. No
        /// globs.
        pub(super) vulnerability: Vulnerabilities = "vulnerability",
        /// With `vulnerability`: the package that has it.
        pub(super) package: Option<OnPackage> = "package",
        /// The path of a Dockerfile as it is given to the command line, without a leading `./`.
        pub(super) file: Option<OnFile> = "file",
    }
}

/// The day of a moment, UTC.
pub(crate) fn day(time: Timestamp) -> Date {
    TimeZone::UTC.to_datetime(time).date()
}

impl Waiver {
    /// Whether it has ended by `time`. A moment that nobody knows ends no waiver.
    pub fn has_expired(&self, time: Option<Timestamp>) -> bool {
        time.is_some_and(|time| day(time) > self.expires)
    }

    /// Whether it is an exception from this rule. An image that may be vulnerable may be there: what was put
    /// into quarantine for that before the waiver was made is not held back any longer.
    fn excuses(&self, rule: &str) -> bool {
        let is_for = |name: &str| self.rules.contains(&name);
        is_for(rule) || rule == "returned-image" && is_for("vulnerable-image")
    }

    /// Whether it covers this finding about these facts, were it not for its end.
    pub(crate) fn covers(&self, finding: &Finding, facts: &Facts) -> bool {
        self.excuses(finding.rule)
            // One for single vulnerabilities has taken them out before a rule looked.
            && self.vulnerabilities().is_empty()
            && self.target.holds(finding, facts)
    }
}

impl Filled for Target {
    const EXAMPLE: &'static str = "{ family: ci-builder }";
    const HELP: &'static str = "name what the waiver is for, for example `family: ci-builder`; what is fine everywhere is `off` under `rules`";

    fn is_empty(&self) -> bool {
        Self::absent().as_ref() == Some(self)
    }
}

impl Target {
    fn holds(&self, finding: &Finding, facts: &Facts) -> bool {
        let place = facts.place.as_ref();
        let file = match &facts.subject {
            Subject::Dockerfile(dockerfile) => Some(dockerfile.file.clone()),
            Subject::TaskDefinition(_) | Subject::Image(_) | Subject::Deployment(_) => None,
        };
        let (family, image, repository, digest) = match &facts.subject {
            Subject::TaskDefinition(definition) => {
                // ECS refuses two containers of one name, but a file may have them.
                let images: BTreeSet<Option<&String>> = definition
                    .containers()
                    .zip(&definition.container_definitions)
                    .filter(|(placed, _)| finding.container.as_ref() == Some(&placed.label()))
                    .map(|(_, container)| container.image.known())
                    .collect();
                let image = match images.into_iter().collect::<Vec<_>>().as_slice() {
                    [image] => image.cloned(),
                    _ => None,
                };
                (definition.family_name(), image, None, None)
            }
            Subject::Image(image) => (
                None,
                None,
                Some(image.repository.name().to_owned()),
                image.digest.as_ref().map(ToString::to_string),
            ),
            Subject::Deployment(deployment) => {
                let target = &deployment.target;
                let definition = target.task_definition.as_ref();
                let family = definition.map(|arn| arn.family().to_owned());
                // What a finding about a container is about is the image of that container.
                let mut images = target.images.iter();
                let image =
                    images.find(|image| finding.container.as_ref() == Some(&image.container));
                let repository = image.and_then(|image| image.repository.as_ref());
                let digest = image.and_then(|image| image.digest.known());
                (
                    family,
                    None,
                    repository.map(|repository| repository.name().to_owned()),
                    digest.map(ToString::to_string),
                )
            }
            Subject::Dockerfile(_) => (None, None, None, None),
        };
        self.image_tag
            .as_deref()
            .is_none_or(|glob| has_tag(&facts.subject, glob))
            && [
                (
                    self.account.as_deref(),
                    place.map(|place| place.account().to_owned()),
                ),
                (
                    self.region.as_deref(),
                    place.map(|place| place.region().to_owned()),
                ),
                (self.cluster.as_deref(), facts.cluster().map(str::to_owned)),
                (self.family.as_deref(), family),
                (self.container.as_deref(), finding.container.clone()),
                (self.image.as_deref(), image),
                (self.repository.as_deref(), repository),
                (self.digest.as_deref(), digest),
                (self.file.as_deref(), file),
            ]
            .into_iter()
            .all(|(glob, value)| match (glob, value) {
                (None, _) => true,
                (Some(glob), Some(value)) => matches(glob, &value),
                // What is not known cannot be what the waiver names.
                (Some(_), None) => false,
            })
    }
}

/// Whether the subject is an image one of whose tags matches.
pub(super) fn has_tag(subject: &Subject, glob: &str) -> bool {
    match subject {
        Subject::Image(image) => image.tags.iter().any(|tag| matches(glob, tag)),
        Subject::TaskDefinition(_) | Subject::Deployment(_) | Subject::Dockerfile(_) => false,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_exception_is_from_the_rules_that_it_names_and_from_the_return_of_what_it_allows() {
        let waiver = |rule: &str| {
            let text = format!(
                "version: 1\nwaivers:\n- {{id: w, rules: [{rule}], target: {{repository: app}}, reason: r, owner: o, expires: 2026-12-31}}"
            );
            let policy = crate::Policy::from_yaml(&text, "2026-11-23T00:00:00Z".parse().unwrap());
            policy.unwrap().waivers()[0].clone()
        };
        for (named, rule, expected) in [
            ("vulnerable-image", "vulnerable-image", true),
            ("vulnerable-image", "returned-image", true),
            ("vulnerable-image", "exploited-vulnerability", false),
            ("exploited-vulnerability", "returned-image", false),
            ("returned-image", "returned-image", true),
            ("returned-image", "vulnerable-image", false),
        ] {
            assert_eq!(waiver(named).excuses(rule), expected, "{named} {rule}");
        }
    }
}
