//! Values of which some cannot be known.

use std::collections::BTreeMap;

/// A value as a template or plan gives it, after everything that can be worked out has been. A
/// scalar is its text: formats and AWS's APIs do not agree on which scalars are numbers, so the
/// type that reads it decides.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Tree {
    /// Not set.
    Null,
    /// A text, number or boolean.
    Scalar(String),
    /// A list.
    List(Vec<Tree>),
    /// An object or a map.
    Map(Map),
    /// Something that cannot be known; the text says why.
    Unknown(String),
}

/// An object or a map.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Map {
    /// The members in the spelling of the file, in its order.
    pub(crate) members: Vec<(String, Tree)>,
    /// Where there may be members beside these: why they cannot be known.
    pub(crate) rest: Option<String>,
}

impl Tree {
    /// What holds of a value that is one of two: where they agree, that, and elsewhere unknown.
    pub(crate) fn either(self, other: Self, reason: &str) -> Self {
        match (self, other) {
            (one, other) if one == other => one,
            (Self::Map(one), Self::Map(other)) => Self::Map(either_map(one, other, reason)),
            (Self::List(one), Self::List(other)) if one.len() == other.len() => {
                let pairs = one.into_iter().zip(other);
                Self::List(pairs.map(|(a, b)| a.either(b, reason)).collect())
            }
            _ => Self::Unknown(reason.to_owned()),
        }
    }
}

fn either_map(one: Map, other: Map, reason: &str) -> Map {
    let mut others: BTreeMap<String, Tree> = other.members.into_iter().collect();
    let mut members: Vec<(String, Tree)> = Vec::with_capacity(one.members.len());
    for (key, value) in one.members {
        let counterpart = others.remove(&key).unwrap_or(Tree::Null);
        members.push((key, value.either(counterpart, reason)));
    }
    for (key, value) in others {
        members.push((key, Tree::Null.either(value, reason)));
    }
    Map {
        members,
        rest: one.rest.or(other.rest),
    }
}
