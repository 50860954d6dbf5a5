//! A form that is a map of known members.

#[cfg(feature = "schema")]
use serde_json::{Map, Value as Json, json};

use super::{
    super::{
        mistake::{Mistake, Mistakes, Span},
        scope::Matching,
        waiver::Target,
        yaml::{Entry, Node, Value},
    },
    Form, instead, listed, note_duplicates, wrong_kind,
};
use crate::{catalogue, names::quoted};

/// The members of a map, while they are read.
pub struct Members<'n> {
    what: &'static str,
    span: Span,
    entries: &'n [Entry],
    /// What has to be there and is not, each with an example.
    lacking: Vec<(&'static str, &'static str)>,
    /// What is there under a name that is nearly right: it is no more lacking than it is there.
    meant: Vec<&'static str>,
}

impl<'n> Members<'n> {
    /// `what` is what the map is, for people: `a waiver`. Nothing is a map without members.
    pub fn of(
        node: &'n Node,
        what: &'static str,
        names: &[&'static str],
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
        let mut meant = Vec::new();
        // What stands there already was not meant.
        let is_free = |name: &&str| !entries.iter().any(|entry| entry.key == *name);
        for entry in entries {
            if !names.contains(&entry.key.as_str()) {
                let message = format!("{what} has no member {}", quoted(&entry.key));
                let free = names.iter().copied().filter(is_free);
                let nearest = mistakes.nearest(&entry.key, free);
                let help = misplaced(&entry.key, names).unwrap_or_else(|| match nearest {
                    Some(_) => instead(nearest, names),
                    None => format!("its members are {}", listed(names, "and")),
                });
                meant.extend(nearest);
                mistakes.add(Mistake::new(entry.span, message).help(help));
            }
        }
        Some(Self {
            what,
            span: node.span,
            entries,
            lacking: Vec::new(),
            meant,
        })
    }

    /// The member of this name; `None` where something is wrong with it, or it has to be there and is not.
    pub fn read<T: Form>(&mut self, name: &'static str, mistakes: &mut Mistakes<'_>) -> Option<T> {
        if let Some(entry) = self.entries.iter().find(|entry| entry.key == name) {
            mistakes.member = name;
            return T::read(&entry.node, mistakes);
        }
        let absent = T::absent();
        if absent.is_none() && !self.meant.contains(&name) {
            self.lacking.push((name, T::EXAMPLE));
        }
        absent
    }

    /// Says what has to be there and is not.
    pub fn end(self, mistakes: &mut Mistakes<'_>) {
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

/// What to do with a member that belongs elsewhere.
fn misplaced(key: &str, names: &[&str]) -> Option<String> {
    let has = |name: &str| names.contains(&name);
    if has("vulnerability") && matches!(key, "cve" | "cves" | "vulnerabilities") {
        return Some("did you mean `vulnerability`? It takes one name or a list".to_owned());
    }
    if has("presets") && key == "images" {
        return Some("put it under `parameters`".to_owned());
    }
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
    let (scope, waiver) = (Matching::MEMBERS, Target::MEMBERS);
    let under = [("match", scope), ("target", waiver)];
    let mut under = under.into_iter();
    let (under, _) = under.find(|(under, members)| has(under) && members.contains(&key))?;
    Some(format!("put it under `{under}`"))
}

/// Makes a struct a form: a map whose members are its fields.
#[macro_export]
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

            $crate::with_schema! {
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
                        $crate::policy::form::schema_of_map(description, &members, &required)
                    })
                }
            }
        }
    };
}
pub(crate) use mapping;

/// A schema with a description.
#[cfg(feature = "schema")]
pub fn described(mut schema: Json, description: &str) -> Json {
    if let Json::Object(schema) = &mut schema {
        schema.insert("description".to_owned(), description.into());
    }
    schema
}

/// The schema of a map with these members.
#[cfg(feature = "schema")]
pub fn schema_of_map(description: &str, members: &Map<String, Json>, required: &[&str]) -> Json {
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
