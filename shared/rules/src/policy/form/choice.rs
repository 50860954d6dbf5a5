//! A form that is one of a few names.

#[cfg(feature = "schema")]
use serde_json::{Map, Value as Json, json};

#[cfg(feature = "schema")]
use super::define;
use super::{
    super::{
        mistake::{Mistake, Mistakes},
        yaml::Node,
    },
    either, text,
};
use crate::names::quoted;

/// One of a few names.
pub trait Choice: Sized + Copy + 'static {
    /// What it is: `level`.
    const NAME: &'static str;

    /// Each name with its meaning.
    const ALL: &'static [(&'static str, Self, &'static str)];

    /// Words that others use for the names.
    const SYNONYMS: &'static [(&'static str, &'static str)] = &[];
}

/// Makes an enum a form, whose names may be written.
#[macro_export]
macro_rules! choice {
    ($type:ty, $name:literal, $example:literal, [$(($written:literal, $value:expr, $doc:literal)),+ $(,)?] $(, $synonyms:expr)?) => {
        impl $crate::policy::form::Choice for $type {
            const NAME: &'static str = $name;
            const ALL: &'static [(&'static str, Self, &'static str)] = &[$(($written, $value, $doc)),+];
            $(const SYNONYMS: &'static [(&'static str, &'static str)] = $synonyms;)?
        }

        impl $crate::policy::form::Form for $type {
            const EXAMPLE: &'static str = $example;

            fn read(
                node: &$crate::policy::yaml::Node,
                mistakes: &mut $crate::policy::mistake::Mistakes<'_>,
            ) -> Option<Self> {
                $crate::policy::form::read_choice(node, mistakes)
            }

            $crate::with_schema! {
                fn schema(definitions: &mut serde_json::Map<String, serde_json::Value>) -> serde_json::Value {
                    $crate::policy::form::schema_of_choice::<Self>(definitions)
                }
            }
        }
    };
}
pub(crate) use choice;

/// The value whose name stands there.
pub fn read_choice<T: Choice>(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<T> {
    let names: Vec<&str> = T::ALL.iter().map(|(name, ..)| *name).collect();
    let (wanted, any) = (format!("a {}", T::NAME), either(&names));
    let written = text(node, &wanted, &any, mistakes)?;
    let found = T::ALL.iter().find(|(name, ..)| *name == written);
    if let Some((_, value, _)) = found {
        return Some(*value);
    }
    let lower = written.trim().to_ascii_lowercase();
    let synonym = T::SYNONYMS.iter().find(|(other, _)| *other == lower);
    let nearest = synonym.map(|(_, name)| *name);
    let nearest = nearest.or_else(|| mistakes.nearest(written, names.iter().copied()));
    let help = match nearest {
        Some(name) => format!("did you mean `{name}`? It is {any}"),
        None => format!("write {any}"),
    };
    let message = format!("{} is no {}", quoted(written), T::NAME);
    mistakes.add(Mistake::new(node.span, message).help(help));
    None
}

/// The JSON Schema of the names.
#[cfg(feature = "schema")]
pub fn schema_of_choice<T: Choice>(definitions: &mut Map<String, Json>) -> Json {
    let names = T::ALL
        .iter()
        .map(|(name, _, doc)| json!({ "const": name, "description": doc }));
    let schema = json!({ "oneOf": names.collect::<Vec<_>>() });
    define(definitions, &T::NAME.replace(' ', "-"), |_| schema)
}
