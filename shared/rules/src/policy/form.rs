//! The forms of values in a policy file. A form is said once: it reads values, says what is wrong
//! with them, and is a part of the JSON Schema.

use std::{collections::BTreeMap, ops::Deref};

#[cfg(feature = "schema")]
use serde_json::{Map, Value as Json, json};

use super::{
    mistake::{Mistake, Mistakes, Span},
    yaml::{Entry, Node, Value},
};
use crate::{catalogue, names::quoted};

/// A form that values may have.
pub(super) trait Form: Sized {
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
pub(super) fn wrong_kind(
    node: &Node,
    wanted: &str,
    example: &str,
    mistakes: &Mistakes<'_>,
) -> Mistake {
    let message = match &node.value {
        Value::Null => format!("{} is empty, and {wanted} is wanted", mistakes.subject()),
        Value::Scalar(text) => format!("{} is no value for this: {wanted} is wanted", quoted(text)),
        _ => format!("{} stands here, and {wanted} is wanted", node.kind()),
    };
    Mistake::new(node.span, message).help(format!("write {example}"))
}

/// The text of a scalar, as it stands in the file.
pub(super) fn text<'n>(
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
pub(super) fn instead(nearest: Option<&str>, names: &[&str]) -> String {
    match nearest {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("write {}", either(names)),
    }
}

/// `a`, `b` or `c`.
pub(super) fn either(names: &[&str]) -> String {
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
pub(super) trait Key: Sized + Ord {
    /// What the map is, for people: `a map of tags to globs`.
    const WANTED: &'static str;

    /// An entry of it, for people.
    const EXAMPLE_ENTRY: &'static str;

    fn read_key(key: &str, span: Span, mistakes: &mut Mistakes<'_>) -> Option<Self>;

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
pub(super) struct Spanned<T> {
    pub(super) value: T,
    pub(super) span: Span,
}

impl<T: Form> Form for Spanned<T> {
    const EXAMPLE: &'static str = T::EXAMPLE;

    fn read(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<Self> {
        let (value, span) = (T::read(node, mistakes)?, node.span);
        Some(Self { value, span })
    }

    #[cfg(feature = "schema")]
    fn schema(definitions: &mut Map<String, Json>) -> Json {
        T::schema(definitions)
    }
}

/// What says something, and says why it has to.
pub(super) trait Filled {
    /// One that says something, in YAML.
    const EXAMPLE: &'static str;

    /// What to do about one that says nothing.
    const HELP: &'static str;

    fn is_empty(&self) -> bool;
}

/// A collection that is not empty, and has to be there.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct NotEmpty<T>(pub(super) T);

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

/// One of a few names.
pub(super) trait Choice: Sized + Copy + 'static {
    /// What it is: `level`.
    const NAME: &'static str;

    /// Each name with its meaning.
    const ALL: &'static [(&'static str, Self, &'static str)];

    /// Words that others use for the names.
    const SYNONYMS: &'static [(&'static str, &'static str)] = &[];
}

/// Makes an enum a form, whose names may be written.
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

            #[cfg(feature = "schema")]
            fn schema(definitions: &mut serde_json::Map<String, serde_json::Value>) -> serde_json::Value {
                $crate::policy::form::schema_of_choice::<Self>(definitions)
            }
        }
    };
}
pub(super) use choice;

pub(super) fn read_choice<T: Choice>(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<T> {
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

#[cfg(feature = "schema")]
pub(super) fn schema_of_choice<T: Choice>(definitions: &mut Map<String, Json>) -> Json {
    let names = T::ALL
        .iter()
        .map(|(name, _, doc)| json!({ "const": name, "description": doc }));
    let schema = json!({ "oneOf": names.collect::<Vec<_>>() });
    define(definitions, &T::NAME.replace(' ', "-"), |_| schema)
}

/// Puts a schema among the definitions, once, and refers to it.
#[cfg(feature = "schema")]
pub(super) fn define(
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

/// The members of a map, while they are read.
pub(super) struct Members<'n> {
    what: &'static str,
    span: Span,
    entries: &'n [Entry],
    /// What has to be there and is not, each with an example.
    lacking: Vec<(&'static str, &'static str)>,
}

impl<'n> Members<'n> {
    /// `what` is what the map is, for people: `a waiver`. Nothing is a map without members.
    pub(super) fn of(
        node: &'n Node,
        what: &'static str,
        names: &[&str],
        mistakes: &mut Mistakes<'_>,
    ) -> Option<Self> {
        let entries: &[Entry] = match &node.value {
            Value::Null => &[],
            Value::Map(entries) => entries,
            Value::Scalar(_) | Value::List(_) => {
                let example = match names {
                    [first, ..] => {
                        format!("`{first}: …`; its members are {}", listed(names, "and"))
                    }
                    [] => "a map".to_owned(),
                };
                let wanted = format!("{what}, which is a map,");
                let mistake = wrong_kind(node, &wanted, &example, mistakes);
                mistakes.add(mistake);
                return None;
            }
        };
        note_duplicates(entries, mistakes);
        for entry in entries {
            if !names.contains(&entry.key.as_str()) {
                let message = format!("{what} has no member {}", quoted(&entry.key));
                let help = misplaced(&entry.key, names)
                    .unwrap_or_else(|| instead_of_member(entry, entries, names, mistakes));
                mistakes.add(Mistake::new(entry.span, message).help(help));
            }
        }
        Some(Self {
            what,
            span: node.span,
            entries,
            lacking: Vec::new(),
        })
    }

    pub(super) fn read<T: Form>(
        &mut self,
        name: &'static str,
        mistakes: &mut Mistakes<'_>,
    ) -> Option<T> {
        match self.entries.iter().find(|entry| entry.key == name) {
            Some(entry) => {
                mistakes.member = name;
                T::read(&entry.node, mistakes)
            }
            None => {
                let absent = T::absent();
                if absent.is_none() {
                    self.lacking.push((name, T::EXAMPLE));
                }
                absent
            }
        }
    }

    /// Says what has to be there and is not.
    pub(super) fn end(self, mistakes: &mut Mistakes<'_>) {
        if self.lacking.is_empty() {
            return;
        }
        let names: Vec<&str> = self.lacking.iter().map(|(name, _)| *name).collect();
        let examples = self
            .lacking
            .iter()
            .map(|(name, example)| format!("{name}: {example}"));
        let examples: Vec<String> = examples.collect();
        let examples: Vec<&str> = examples.iter().map(String::as_str).collect();
        let message = format!("{} lacks {}", self.what, listed(&names, "and"));
        let help = format!("add {}", listed(&examples, "and"));
        mistakes.add(Mistake::new(self.span, message).help(help));
    }
}

fn instead_of_member(
    entry: &Entry,
    entries: &[Entry],
    names: &[&str],
    mistakes: &Mistakes<'_>,
) -> String {
    // What stands there already was not meant.
    let free = |name: &&str| !entries.iter().any(|entry| entry.key == *name);
    let nearest = mistakes.nearest(&entry.key, names.iter().copied().filter(free));
    match nearest {
        Some(_) => instead(nearest, names),
        None => format!("its members are {}", listed(names, "and")),
    }
}

/// What to do with a member that belongs elsewhere.
fn misplaced(key: &str, names: &[&str]) -> Option<String> {
    let has = |name: &str| names.contains(&name);
    if catalogue::find(key).is_some() {
        if has("rules") {
            return Some(format!("`{key}` is a rule: put its level under `rules`"));
        }
        if has("untrusted-registry") {
            return Some(format!(
                "the rule `{key}` takes no parameters; those that do are {}",
                listed(names, "and")
            ));
        }
    }
    let under = ["match", "target"].into_iter().find(|under| has(under))?;
    super::file::TARGETS
        .contains(&key)
        .then(|| format!("put it under `{under}`"))
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

/// Makes a struct a form: a map whose members are its fields.
macro_rules! mapping {
    (
        $(#[doc = $doc:literal])+
        $(#[derive($($derive:ident),+)])?
        $visibility:vis struct $name:ident is $what:literal {
            $(
                $(#[doc = $member_doc:literal])+
                $member_visibility:vis $field:ident: $type:ty = $key:literal,
            )+
        }
    ) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq $($(, $derive)+)?)]
        $visibility struct $name {
            $( $(#[doc = $member_doc])+ $member_visibility $field: $type, )+
        }

        impl $name {
            /// The names of the members.
            pub(super) const MEMBERS: &'static [&'static str] = &[$($key),+];
        }

        impl $crate::policy::form::Form for $name {
            const EXAMPLE: &'static str = "{…}";

            fn read(
                node: &$crate::policy::yaml::Node,
                mistakes: &mut $crate::policy::mistake::Mistakes<'_>,
            ) -> Option<Self> {
                let mut members = $crate::policy::form::Members::of(
                    node, $what, Self::MEMBERS, mistakes,
                )?;
                $( let $field = members.read::<$type>($key, mistakes); )+
                members.end(mistakes);
                Some(Self { $( $field: $field?, )+ })
            }

            fn absent() -> Option<Self> {
                Some(Self { $( $field: <$type as $crate::policy::form::Form>::absent()?, )+ })
            }

            #[cfg(feature = "schema")]
            fn schema(
                definitions: &mut serde_json::Map<String, serde_json::Value>,
            ) -> serde_json::Value {
                $crate::policy::form::define(definitions, stringify!($name), |definitions| {
                    let mut members = serde_json::Map::new();
                    let mut required: Vec<&str> = Vec::new();
                    $(
                        let schema = <$type as $crate::policy::form::Form>::schema(definitions);
                        let doc = concat!($($member_doc),+).trim();
                        members.insert($key.to_owned(), $crate::policy::form::described(schema, doc));
                        if <$type as $crate::policy::form::Form>::absent().is_none() {
                            required.push($key);
                        }
                    )+
                    let description = concat!($($doc),+).trim();
                    $crate::policy::form::schema_of_map(description, members, &required)
                })
            }
        }
    };
}
pub(super) use mapping;

/// A schema with a description.
#[cfg(feature = "schema")]
pub(super) fn described(mut schema: Json, description: &str) -> Json {
    if let Json::Object(schema) = &mut schema {
        schema.insert("description".to_owned(), description.into());
    }
    schema
}

/// The schema of a map with these members.
#[cfg(feature = "schema")]
pub(super) fn schema_of_map(
    description: &str,
    members: Map<String, Json>,
    required: &[&str],
) -> Json {
    let mut schema = json!({
        "description": description,
        "type": if required.is_empty() { json!(["object", "null"]) } else { json!("object") },
        "additionalProperties": false,
        "properties": members,
    });
    if let (Json::Object(schema), false) = (&mut schema, required.is_empty()) {
        schema.insert("required".to_owned(), required.into());
    }
    schema
}
