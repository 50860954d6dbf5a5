//! Parts of the world where other levels hold.

use std::collections::BTreeMap;

use super::{
    Layer,
    form::{Filled, mapping},
    matches,
    pattern::{
        OnAccount, OnCluster, OnFamily, OnImageTag, OnLaunchType, OnRegion, OnRepository, is_glob,
    },
    waiver::has_tag,
};
use crate::{
    facts::{Facts, Scalar, Subject, TaskDefinition},
    field::Field,
};

/// A layer of levels for the subjects that it matches.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scope {
    pub(super) matching: Matching,
    pub(super) layer: Layer,
}

mapping! {
    /// Which subjects a scope is for: every member that is set has to match. All are globs.
    pub(super) struct Matching is "`match`" {
        /// The account id.
        pub(super) account: Option<OnAccount> = "account",
        /// The region.
        pub(super) region: Option<OnRegion> = "region",
        /// The name of the cluster of a run or an Express service. A registered definition is in none.
        pub(super) cluster: Option<OnCluster> = "cluster",
        /// The family of a task definition.
        pub(super) family: Option<OnFamily> = "family",
        /// What all tasks of the definition run on: EC2, FARGATE, EXTERNAL or `MANAGED_INSTANCES`.
        pub(super) launch_type: Option<OnLaunchType> = "launch-type",
        /// The repository of an image.
        pub(super) repository: Option<OnRepository> = "repository",
        /// A tag of an image; of several, one is enough, and an untagged image is not inside.
        pub(super) image_tag: Option<OnImageTag> = "image-tag",
        /// Tags of the task definition.
        pub(super) tags: BTreeMap<String, String> = "tags",
    }
}

impl Filled for Matching {
    const EXAMPLE: &'static str = "{ family: \"batch-*\" }";
    const HELP: &'static str = "name what the scope is for, for example `family: \"batch-*\"`; what holds everywhere stands at the top of the policy";

    fn is_empty(&self) -> bool {
        self.members().next().is_none()
    }
}

impl Matching {
    /// How narrow it is: first the number of members, then how many of them are no globs.
    pub(super) fn specificity(&self) -> (usize, usize) {
        let globs = || self.members().map(|(_, glob)| glob);
        let exact = globs().filter(|glob| !is_glob(glob)).count();
        (globs().count(), exact)
    }

    /// A member that only task definitions have, where one is set.
    pub(super) fn of_definitions(&self) -> Option<&'static str> {
        let members = [
            ("family", self.family.is_some()),
            ("launch-type", self.launch_type.is_some()),
            ("tags", !self.tags.is_empty()),
            ("cluster", self.cluster.is_some()),
        ];
        let mut set = members.into_iter().filter(|(_, is_set)| *is_set);
        set.next().map(|(name, _)| name)
    }

    fn is_of_images(&self) -> bool {
        self.repository.is_some() || self.image_tag.is_some()
    }

    /// Whether no subject can be in both, as far as that can be told from the globs.
    pub(super) fn is_apart_from(&self, other: &Self) -> bool {
        let are_of_two_kinds =
            |a: &Self, b: &Self| a.is_of_images() && b.of_definitions().is_some();
        if are_of_two_kinds(self, other) || are_of_two_kinds(other, self) {
            return true;
        }
        // An image may have both tags.
        let members = self
            .members()
            .filter(|(name, _)| *name != (false, "image-tag"));
        members.into_iter().any(|(name, ours)| {
            let theirs = other.members().find(|(theirs, _)| *theirs == name);
            theirs.is_some_and(|(_, theirs)| {
                let (ours_is_glob, theirs_is_glob) = (is_glob(ours), is_glob(theirs));
                match (ours_is_glob, theirs_is_glob) {
                    (false, false) => ours != theirs,
                    (true, false) => !matches(ours, theirs),
                    (false, true) => !matches(theirs, ours),
                    (true, true) => false,
                }
            })
        })
    }

    pub(super) fn holds(&self, facts: &Facts) -> bool {
        let place = facts.place.as_ref();
        let (definition, repository) = match &facts.subject {
            Subject::TaskDefinition(definition) => (Some(definition.as_ref()), None),
            Subject::Image(image) => (None, Some(image.repository.name())),
            Subject::Deployment(_) | Subject::Dockerfile(_) => (None, None),
        };
        let family = definition.and_then(TaskDefinition::family_name);
        let launch_types = definition.map(TaskDefinition::launch_types);
        let is = |glob: Option<&str>, value: Option<&str>| match glob {
            None => true,
            Some(glob) => value.is_some_and(|value| matches(glob, value)),
        };
        is(
            self.account.as_deref(),
            place.map(crate::names::Place::account),
        ) && is(
            self.region.as_deref(),
            place.map(crate::names::Place::region),
        ) && is(self.cluster.as_deref(), facts.cluster())
            && is(self.family.as_deref(), family.as_deref())
            && is(self.repository.as_deref(), repository)
            && self
                .image_tag
                .as_deref()
                .is_none_or(|glob| has_tag(&facts.subject, glob))
            && self.launch_type.as_deref().is_none_or(|glob| {
                // A definition that could run elsewhere too is not inside.
                launch_types.is_some_and(|types| types.iter().all(|t| matches(glob, t.name())))
            })
            && self.tags.iter().all(|(key, glob)| {
                let value = definition.and_then(|definition| tag(definition, key));
                value.is_some_and(|value| matches(glob, &value))
            })
    }

    fn members(&self) -> impl Iterator<Item = ((bool, &str), &str)> {
        let named = [
            ("account", self.account.as_deref()),
            ("region", self.region.as_deref()),
            ("cluster", self.cluster.as_deref()),
            ("family", self.family.as_deref()),
            ("launch-type", self.launch_type.as_deref()),
            ("repository", self.repository.as_deref()),
            ("image-tag", self.image_tag.as_deref()),
        ];
        let named = named.into_iter();
        let named = named.filter_map(|(name, glob)| Some(((false, name), glob?)));
        let tags = self.tags.iter();
        // A tag may have the name of a member.
        named.chain(tags.map(|(key, glob)| ((true, key.as_str()), glob.as_str())))
    }
}

fn tag(definition: &TaskDefinition, key: &str) -> Option<String> {
    let tags = definition.tags.known()?;
    let tag = tags
        .iter()
        .find(|tag| tag.key.known().is_some_and(|k| k == key))?;
    match &tag.value {
        Field::Known(Scalar(value)) => Some(value.clone()),
        Field::Absent => Some(String::new()),
        Field::Unknown(_) => None,
    }
}
