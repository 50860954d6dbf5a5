//! The forms of values in a policy file. A form is said once: it reads values, says what is wrong
//! with them, and is a part of the JSON Schema.

mod choice;
mod mapping;

use std::{collections::BTreeMap, ops::Deref};

#[cfg(feature = "schema")]
use serde_json::{Map, Value as Json, json};

use super::{
    mistake::{Mistake, Mistakes, Span},
    yaml::{Entry, Node, Value},
};
use crate::names::quoted;

pub(crate) use choice::choice;
#[cfg(feature = "schema")]
pub use choice::schema_of_choice;
pub use choice::{Choice, read_choice};
pub use mapping::Members;
pub(crate) use mapping::mapping;
#[cfg(feature = "schema")]
pub use mapping::{described, schema_of_map};

/// What only the feature `schema` of this crate has. The forms of other crates are made with the same
/// macros, and must not need a feature of the same name.
#[cfg(feature = "schema")]
#[doc(hidden)]
#[macro_export]
macro_rules! with_schema {
    ($($tokens:tt)*) => { $($tokens)* };
}

/// What only the feature `schema` of this crate has.
#[cfg(not(feature = "schema"))]
#[doc(hidden)]
#[macro_export]
macro_rules! with_schema {
    ($($tokens:tt)*) => {};
}

/// A form that values may have.
pub trait Form: Sized {
    /// What may stand there, in YAML.
    const EXAMPLE: &'static str;

    /// The value; `None` where something is wrong, which is then said.
    fn read(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<Self>;

    /// The value of a member that is not there; `None` where it has to be there.
    fn absent() -> Option<Self> {
        None
    }

    /// The JSON Schema of it; what has a name goes into `definitions`.
    #[cfg(feature = "schema")]
    fn schema(definitions: &mut Map<String, Json>) -> Json;
}

/// Says that a value is not of the kind that is wanted.
pub fn wrong_kind(node: &Node, wanted: &str, example: &str, mistakes: &Mistakes<'_>) -> Mistake {
    let message = match &node.value {
        Value::Null => format!("{} is empty, and {wanted} is wanted", mistakes.subject()),
        Value::Scalar(text) => format!("{} is no value for this: {wanted} is wanted", quoted(text)),
        _ => format!("{} stands here, and {wanted} is wanted", node.kind()),
    };
    Mistake::new(node.span, message).help(format!("write {example}"))
}

/// The text of a scalar, as it stands in the file.
pub fn text<'n>(
    node: &'n Node,
    wanted: &str,
    example: &str,
    mistakes: &mut Mistakes<'_>,
) -> Option<&'n str> {
    let mistake = match &node.value {
        Value::Scalar(text) if !text.trim().is_empty() => return Some(text),
        Value::Scalar(_) => {
            let message = format!("{} is empty, and {wanted} is wanted", mistakes.subject());
            Mistake::new(node.span, message).help(format!("write {example}"))
        }
        _ => wrong_kind(node, wanted, example, mistakes),
    };
    mistakes.add(mistake);
    None
}

/// What may be written in place of a name that does not exist.
pub fn instead(nearest: Option<&str>, names: &[&str]) -> String {
    match nearest {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("write {}", either(names)),
    }
}

/// `a`, `b` or `c`.
pub fn either(names: &[&str]) -> String {
    listed(names, "or")
}

fn listed(names: &[&str], and: &str) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match names.as_slice() {
        [] => String::new(),
        [name] => name.clone(),
        [names @ .., last] => format!("{} {and} {last}", names.join(", ")),
    }
}

/// Any text.
impl Form for String {
    const EXAMPLE: &'static str = "…";

    fn read(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<Self> {
        text(node, "a text", "one", mistakes).map(str::to_owned)
    }

    #[cfg(feature = "schema")]
    fn schema(_: &mut Map<String, Json>) -> Json {
        json!({ "type": "string" })
    }
}

impl<T: Form> Form for Option<T> {
    const EXAMPLE: &'static str = T::EXAMPLE;

    fn read(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<Self> {
        T::read(node, mistakes).map(Some)
    }

    fn absent() -> Option<Self> {
        Some(None)
    }

    #[cfg(feature = "schema")]
    fn schema(definitions: &mut Map<String, Json>) -> Json {
        T::schema(definitions)
    }
}

/// A list; nothing is an empty one.
impl<T: Form> Form for Vec<T> {
    const EXAMPLE: &'static str = "[…]";

    fn read(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<Self> {
        match &node.value {
            Value::Null => Some(Self::new()),
            // Each is read, so that each says what is wrong with it.
            Value::List(list) => {
                mistakes.member = "";
                let read: Vec<Option<T>> = list.iter().map(|e| T::read(e, mistakes)).collect();
                read.into_iter().collect()
            }
            Value::Scalar(text) => {
                mistakes.add(
                    Mistake::new(node.span, "a text stands here, and a list is wanted").help(
                        format!(
                            "write it in brackets: `[{}]`",
                            quoted(text).trim_matches('`')
                        ),
                    ),
                );
                None
            }
            Value::Map(_) => {
                mistakes.add(
                    Mistake::new(node.span, "a map stands here, and a list is wanted")
                        .help("begin each entry with `- `"),
                );
                None
            }
        }
    }

    fn absent() -> Option<Self> {
        Some(Self::new())
    }

    #[cfg(feature = "schema")]
    fn schema(definitions: &mut Map<String, Json>) -> Json {
        json!({ "type": ["array", "null"], "items": T::schema(definitions) })
    }
}

/// A key of a map whose keys are not members.
pub trait Key: Sized + Ord {
    /// What the map is, for people: `a map of tags to globs`.
    const WANTED: &'static str;

    /// An entry of it, for people.
    const EXAMPLE_ENTRY: &'static str;

    /// The key; `None` where something is wrong with it, which is then said.
    fn read_key(key: &str, span: Span, mistakes: &mut Mistakes<'_>) -> Option<Self>;

    /// The JSON Schema of a key.
    #[cfg(feature = "schema")]
    fn schema_of_keys() -> Json;
}

/// Keys of tags.
impl Key for String {
    const WANTED: &'static str = "a map of tag keys to globs";
    const EXAMPLE_ENTRY: &'static str = "`KEY: GLOB`, for example `tier: \"prod*\"`";

    fn read_key(key: &str, _: Span, _: &mut Mistakes<'_>) -> Option<Self> {
        Some(key.to_owned())
    }

    #[cfg(feature = "schema")]
    fn schema_of_keys() -> Json {
        json!({ "type": "string" })
    }
}

/// A map; nothing is an empty one.
impl<K: Key, V: Form> Form for BTreeMap<K, V> {
    const EXAMPLE: &'static str = "{…}";

    fn read(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<Self> {
        let entries = match &node.value {
            Value::Null => return Some(Self::new()),
            Value::Map(entries) => entries,
            Value::Scalar(_) | Value::List(_) => {
                let mistake = wrong_kind(node, K::WANTED, K::EXAMPLE_ENTRY, mistakes);
                mistakes.add(mistake);
                return None;
            }
        };
        note_duplicates(entries, mistakes);
        let read: Vec<Option<(K, V)>> = entries
            .iter()
            .map(|entry| {
                mistakes.member = "";
                let key = K::read_key(&entry.key, entry.span, mistakes);
                let value = V::read(&entry.node, mistakes);
                Some((key?, value?))
            })
            .collect();
        read.into_iter().collect()
    }

    fn absent() -> Option<Self> {
        Some(Self::new())
    }

    #[cfg(feature = "schema")]
    fn schema(definitions: &mut Map<String, Json>) -> Json {
        json!({
            "type": ["object", "null"],
            "propertyNames": K::schema_of_keys(),
            "additionalProperties": V::schema(definitions),
        })
    }
}

/// A value and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it stands; the begin of the file where it does not.
    pub span: Span,
}

impl<T: Form> Form for Spanned<T> {
    const EXAMPLE: &'static str = T::EXAMPLE;

    fn read(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<Self> {
        let (value, span) = (T::read(node, mistakes)?, node.span);
        Some(Self { value, span })
    }

    fn absent() -> Option<Self> {
        let (value, span) = (T::absent()?, Span::default());
        Some(Self { value, span })
    }

    #[cfg(feature = "schema")]
    fn schema(definitions: &mut Map<String, Json>) -> Json {
        T::schema(definitions)
    }
}

/// What says something, and says why it has to.
pub trait Filled {
    /// One that says something, in YAML.
    const EXAMPLE: &'static str;

    /// What to do about one that says nothing.
    const HELP: &'static str;

    /// Whether it says nothing.
    fn is_empty(&self) -> bool;
}

/// A collection that is not empty, and has to be there.
#[derive(Debug, Clone, PartialEq)]
pub struct NotEmpty<T>(pub T);

impl<T> Deref for NotEmpty<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Form + Filled> Form for NotEmpty<T> {
    const EXAMPLE: &'static str = <T as Filled>::EXAMPLE;

    fn read(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<Self> {
        let (subject, before) = (mistakes.subject(), mistakes.count());
        let value = T::read(node, mistakes)?;
        if !value.is_empty() {
            return Some(Self(value));
        }
        // Where something else was wrong, it would have said something.
        if mistakes.count() == before {
            mistakes.add(Mistake::new(node.span, format!("{subject} is empty")).help(T::HELP));
        }
        None
    }

    #[cfg(feature = "schema")]
    fn schema(definitions: &mut Map<String, Json>) -> Json {
        let mut schema = T::schema(definitions);
        if let Json::Object(schema) = &mut schema {
            schema.extend(["minItems", "minProperties"].map(|least| (least.to_owned(), 1.into())));
        }
        schema
    }
}

fn note_duplicates(entries: &[Entry], mistakes: &mut Mistakes<'_>) {
    let mut first: BTreeMap<&str, Span> = BTreeMap::new();
    for entry in entries {
        if let Some(first) = first.get(entry.key.as_str()) {
            let message = format!("{} stands twice", quoted(&entry.key));
            let mistake = Mistake::new(entry.span, message)
                .and("again here", *first, "first here")
                .help("remove one of them");
            mistakes.add(mistake);
        } else {
            first.insert(&entry.key, entry.span);
        }
    }
}

/// Puts a schema among the definitions, once, and refers to it.
#[cfg(feature = "schema")]
pub fn define(
    definitions: &mut Map<String, Json>,
    name: &str,
    schema: impl FnOnce(&mut Map<String, Json>) -> Json,
) -> Json {
    if !definitions.contains_key(name) {
        let schema = schema(definitions);
        definitions.insert(name.to_owned(), schema);
    }
    json!({ "$ref": format!("#/$defs/{name}") })
}
