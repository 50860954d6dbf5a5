//! How an image is put into quarantine.

#[cfg(feature = "schema")]
use serde_json::{Map, Value as Json, json};

use super::{
    form::{Form, Spanned, choice, mapping, text},
    mistake::{Mistake, Mistakes},
    yaml::Node,
};
use crate::names::quoted;

/// How an image is put into quarantine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Method {
    /// Into the archive storage class: nobody can pull it, and it can be restored.
    #[default]
    Archive,
    /// Every tag but one that says so is removed: it can be pulled by its digest alone.
    Untag,
    /// Into the archive, and out of the repository for good when it has been there for some days.
    Delete {
        /// How many, from 1 to 365.
        after_days: u16,
    },
}

impl Method {
    /// After how many days in quarantine an image is deleted, where it is at all.
    pub const fn deletes_after(self) -> Option<u16> {
        match self {
            Self::Archive | Self::Untag => None,
            Self::Delete { after_days } => Some(after_days),
        }
    }
}

/// The names of the methods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Name {
    #[default]
    Archive,
    Untag,
    Delete,
}

choice!(
    Name,
    "quarantine method",
    "archive",
    [
        (
            "archive",
            Self::Archive,
            "The image goes into the archive storage class: nobody can pull it, and it can be restored."
        ),
        (
            "untag",
            Self::Untag,
            "All its tags but a quarantine tag are removed: it can be pulled by its digest alone."
        ),
        (
            "delete",
            Self::Delete,
            "It is archived, and deleted for good after `delete-after-days`."
        ),
    ],
    &[
        ("remove", "delete"),
        ("retag", "untag"),
        ("block", "archive")
    ]
);

mapping! {
    /// How denied images are put into quarantine.
    #[derive(Default)]
    pub(super) struct QuarantineForm is "`quarantine`" {
        /// The method; `archive` where nothing is said.
        method: Option<Name> = "method",
        /// For `delete` alone: after how many days in quarantine an image is deleted, from 1 to 365.
        delete_after_days: Spanned<Option<DaysUntil>> = "delete-after-days",
    }
}

impl Form for Method {
    const EXAMPLE: &'static str = "{method: archive}";

    fn read(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<Self> {
        let form = QuarantineForm::read(node, mistakes)?;
        let Spanned { value: days, span } = form.delete_after_days;
        match (form.method.unwrap_or_default(), days) {
            (Name::Archive, None) => Some(Self::Archive),
            (Name::Untag, None) => Some(Self::Untag),
            (Name::Delete, Some(DaysUntil(after_days))) => Some(Self::Delete { after_days }),
            (Name::Delete, None) => {
                let message = "what is deleted is gone, and nothing says when";
                mistakes.add(Mistake::new(node.span, message).help(
                    "add for how many days it stays in the archive, for example `delete-after-days: 30`",
                ));
                None
            }
            (Name::Archive | Name::Untag, Some(_)) => {
                let message = "`delete-after-days` is for the method `delete` alone";
                mistakes
                    .add(Mistake::new(span, message).help("remove it, or write `method: delete`"));
                None
            }
        }
    }

    fn absent() -> Option<Self> {
        Some(Self::default())
    }

    #[cfg(feature = "schema")]
    fn schema(definitions: &mut Map<String, Json>) -> Json {
        QuarantineForm::schema(definitions)
    }
}

/// From 1 to 365.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct DaysUntil(u16);

impl Form for DaysUntil {
    const EXAMPLE: &'static str = "30";

    fn read(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<Self> {
        let written = text(node, "a number of days", "`30`", mistakes)?;
        let days = written.parse().ok().filter(|days| (1..=365).contains(days));
        if days.is_none() {
            let message = format!("{} is no number of days from 1 to 365", quoted(written));
            mistakes.add(Mistake::new(node.span, message).help("write one such as `30`"));
        }
        days.map(Self)
    }

    #[cfg(feature = "schema")]
    fn schema(_: &mut Map<String, Json>) -> Json {
        json!({ "type": "integer", "minimum": 1, "maximum": 365 })
    }
}
