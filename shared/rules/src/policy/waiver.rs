//! Exceptions: one kind of finding, on named targets, with a reason and an end.

use std::collections::BTreeSet;

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde::Deserialize;

use super::matches;
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

/// Where a waiver holds: every member that is set has to match, and at least one has to be set.
/// All are globs, see [`matches`].
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Target {
    /// The account id.
    pub account: Option<String>,
    /// The region.
    pub region: Option<String>,
    /// The family of a task definition.
    pub family: Option<String>,
    /// The name of a container.
    pub container: Option<String>,
    /// The image reference of the container, as the task definition has it.
    pub image: Option<String>,
    /// The repository of an image.
    pub repository: Option<String>,
    /// The digest of an image.
    pub digest: Option<String>,
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

    /// Whether it covers this finding about these facts, were it not for its end.
    pub(crate) fn covers(&self, finding: &Finding, facts: &Facts) -> bool {
        self.rules.contains(&finding.rule) && self.target.holds(finding, facts)
    }
}

impl Target {
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn holds(&self, finding: &Finding, facts: &Facts) -> bool {
        let place = facts.place.as_ref();
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
        };
        [
            (&self.account, place.map(|place| place.account().to_owned())),
            (&self.region, place.map(|place| place.region().to_owned())),
            (&self.family, family),
            (&self.container, finding.container.clone()),
            (&self.image, image),
            (&self.repository, repository),
            (&self.digest, digest),
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
