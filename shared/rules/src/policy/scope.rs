//! Parts of the world where other levels hold.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Layer, matches};
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

/// Which subjects a scope is for: every member that is set has to match. All are globs.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct Matching {
    account: Option<String>,
    region: Option<String>,
    family: Option<String>,
    launch_type: Option<String>,
    repository: Option<String>,
    tags: BTreeMap<String, String>,
}

impl Matching {
    /// How narrow it is: first the number of members, then how many of them are no globs.
    pub(super) fn specificity(&self) -> (usize, usize) {
        let globs = || self.members().map(|(_, glob)| glob);
        let exact = globs().filter(|glob| !is_glob(glob)).count();
        (globs().count(), exact)
    }

    /// Whether no subject can be in both, as far as that can be told from the globs.
    pub(super) fn is_apart_from(&self, other: &Self) -> bool {
        self.members().any(|(name, ours)| {
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
            Subject::Dockerfile(_) => (None, None),
        };
        let family = definition.and_then(TaskDefinition::family_name);
        let launch_types = definition.map(TaskDefinition::launch_types);
        let is = |glob: &Option<String>, value: Option<&str>| match glob {
            None => true,
            Some(glob) => value.is_some_and(|value| matches(glob, value)),
        };
        is(&self.account, place.map(crate::names::Place::account))
            && is(&self.region, place.map(crate::names::Place::region))
            && is(&self.family, family.as_deref())
            && is(&self.repository, repository)
            && self.launch_type.as_ref().is_none_or(|glob| {
                // A definition that could run elsewhere too is not inside.
                launch_types.is_some_and(|types| types.iter().all(|t| matches(glob, t.name())))
            })
            && self.tags.iter().all(|(key, glob)| {
                let value = definition.and_then(|definition| tag(definition, key));
                value.is_some_and(|value| matches(glob, &value))
            })
    }

    fn members(&self) -> impl Iterator<Item = (&str, &str)> {
        let named = [
            ("account", &self.account),
            ("region", &self.region),
            ("family", &self.family),
            ("launch-type", &self.launch_type),
            ("repository", &self.repository),
        ];
        let named = named.into_iter();
        let named = named.filter_map(|(name, glob)| Some((name, glob.as_deref()?)));
        let tags = self.tags.iter();
        named.chain(tags.map(|(key, glob)| (key.as_str(), glob.as_str())))
    }
}

fn is_glob(text: &str) -> bool {
    text.contains(['*', '?'])
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
