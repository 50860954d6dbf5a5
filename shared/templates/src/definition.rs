//! A tree as a task definition.

use std::{fmt, slice, vec};

use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor, value::StrDeserializer},
    forward_to_deserialize_any,
};
use tidewaiter_rules::{Field, facts::TaskDefinition};

use crate::tree::{Map, Tree};

/// How many values of a definition may be of the wrong type before all of it counts as unknown.
const MOST_MENDED: usize = 100;

/// Reads a definition. Members are matched to those of the ECS API without regard to case, because
/// that is all that tells `EFSVolumeConfiguration` from `efsVolumeConfiguration`, and because the
/// Terraform provider does the same. A value that cannot be what it should be becomes unknown, so
/// that it hides nothing else.
pub(crate) fn definition(mut tree: Tree) -> Result<TaskDefinition, String> {
    for _ in 0..MOST_MENDED {
        let Err(error) = TaskDefinition::deserialize(Known::of(&tree)) else {
            break;
        };
        let path: Vec<Step> = error.path.into_iter().rev().collect();
        if !blot(&mut tree, &path, &error.message) {
            return Err(error.message);
        }
    }
    TaskDefinition::deserialize(Known::of(&tree))
        .or_else(|error| TaskDefinition::deserialize(Known::Because(&error.message)))
        .map_err(|error| error.message)
}

/// Makes the value at `path` unknown, or the nearest around it that is not already.
fn blot(tree: &mut Tree, path: &[Step], reason: &str) -> bool {
    let inner = match (path.split_first(), &mut *tree) {
        (Some((Step::Member(key), path)), Tree::Map(map)) => {
            let member = map.members.iter_mut().find(|(name, _)| name == key);
            member.is_some_and(|(_, value)| blot(value, path, reason))
        }
        (Some((Step::Index(index), path)), Tree::List(list)) => {
            let element = list.get_mut(*index);
            element.is_some_and(|value| blot(value, path, reason))
        }
        _ => false,
    };
    if inner {
        return true;
    }
    if matches!(tree, Tree::Unknown(_)) {
        return false;
    }
    *tree = Tree::Unknown(reason.to_owned());
    true
}

/// One step from a value into it.
#[derive(Debug, Clone, PartialEq)]
enum Step {
    Member(String),
    Index(usize),
}

/// Why a tree is no definition, and where in it.
#[derive(Debug)]
struct Error {
    message: String,
    /// The steps to the place, the last first.
    path: Vec<Step>,
}

impl Error {
    fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            path: Vec::new(),
        }
    }

    fn within(mut self, step: Step) -> Self {
        self.path.push(step);
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message.to_string())
    }
}

/// A value to be read.
#[derive(Debug, Clone, Copy)]
enum Known<'a> {
    Tree(&'a Tree),
    /// It cannot be known, for this reason.
    Because(&'a str),
}

impl<'a> Known<'a> {
    fn of(tree: &'a Tree) -> Self {
        match tree {
            Tree::Unknown(reason) => Self::Because(reason),
            tree => Self::Tree(tree),
        }
    }

    /// The error of a value that is not `expected`. Its text is not shown: it may be a secret that
    /// stands where it should not.
    fn no(self, expected: &str) -> Error {
        let found = match self {
            Self::Because(reason) => return Error::new(reason),
            Self::Tree(Tree::Scalar(_)) => "a text",
            Self::Tree(Tree::List(_)) => "a list",
            Self::Tree(Tree::Map(_)) => "a map",
            Self::Tree(Tree::Null | Tree::Unknown(_)) => "nothing",
        };
        Error::new(format!("it is {found} in place of {expected}"))
    }

    fn scalar(self, expected: &str) -> Result<&'a str, Error> {
        match self {
            Self::Tree(Tree::Scalar(text)) => Ok(text),
            other => Err(other.no(expected)),
        }
    }
}

impl<'de> Deserializer<'de> for Known<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Self::Tree(Tree::Null) => visitor.visit_unit(),
            Self::Tree(Tree::Scalar(text)) => visitor.visit_str(text),
            Self::Tree(Tree::List(list)) => visitor.visit_seq(Elements::of(list)),
            Self::Tree(Tree::Map(map)) => visitor.visit_map(Members::of_map(map)),
            Self::Tree(Tree::Unknown(reason)) => Err(Error::new(reason)),
            Self::Because(reason) => Err(Error::new(reason)),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self {
            Self::Because(reason) if name == Field::<()>::TOKEN => visitor.visit_str(reason),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Self::Tree(Tree::Null) => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    /// As CloudFormation reads one: YAML 1.1's words, quoted or not.
    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let text = self.scalar("`true` or `false`")?;
        match text.trim().to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "y" => visitor.visit_bool(true),
            "false" | "no" | "off" | "n" => visitor.visit_bool(false),
            _ => Err(self.no("`true` or `false`")),
        }
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.scalar("a whole number")?.trim().parse() {
            Ok(number) => visitor.visit_i64(number),
            Err(_) => Err(self.no("a whole number")),
        }
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.scalar("a whole number")?.trim().parse() {
            Ok(number) => visitor.visit_u64(number),
            Err(_) => Err(self.no("a whole number")),
        }
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.scalar("a number")?.trim().parse() {
            Ok(number) => visitor.visit_f64(number),
            Err(_) => Err(self.no("a number")),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_str(self.scalar("a text")?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    /// An unknown list has at least one element of which nothing is known.
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Self::Tree(Tree::List(list)) => visitor.visit_seq(Elements::of(list)),
            Self::Tree(Tree::Null) => visitor.visit_seq(Elements::of(&[])),
            Self::Because(reason) => visitor.visit_seq(Elements::unknown(reason)),
            Self::Tree(_) => Err(self.no("a list")),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Self::Tree(Tree::Map(map)) => visitor.visit_map(Members::of_map(map)),
            _ => Err(self.no("a map")),
        }
    }

    /// An unknown object has all its members, and each of them is unknown.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self {
            Self::Tree(Tree::Map(map)) => visitor.visit_map(Members::of_struct(map, fields)),
            Self::Because(reason) => visitor.visit_map(Members::unknown(reason, fields)),
            Self::Tree(_) => Err(self.no("an object")),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i128 u8 u16 u32 u128 f32 char bytes byte_buf unit unit_struct tuple tuple_struct
        enum identifier
    }
}

struct Elements<'a> {
    list: slice::Iter<'a, Tree>,
    unknown: Option<&'a str>,
    index: usize,
}

impl<'a> Elements<'a> {
    fn of(list: &'a [Tree]) -> Self {
        Self {
            list: list.iter(),
            unknown: None,
            index: 0,
        }
    }

    fn unknown(reason: &'a str) -> Self {
        Self {
            unknown: Some(reason),
            ..Self::of(&[])
        }
    }
}

impl<'de> SeqAccess<'de> for Elements<'de> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        let unknown = || self.unknown.take().map(Known::Because);
        let Some(element) = self.list.next().map(Known::of).or_else(unknown) else {
            return Ok(None);
        };
        let index = self.index;
        self.index += 1;
        let value = seed.deserialize(element);
        value
            .map(Some)
            .map_err(|error| error.within(Step::Index(index)))
    }
}

/// One member that is read: the name that the reader knows, the name in the tree, the value.
type Member<'a> = (&'a str, &'a str, Known<'a>);

struct Members<'a> {
    list: vec::IntoIter<Member<'a>>,
    value: Option<(&'a str, Known<'a>)>,
}

impl<'a> Members<'a> {
    fn new(list: Vec<Member<'a>>) -> Self {
        Self {
            list: list.into_iter(),
            value: None,
        }
    }

    /// Every entry of a map; what may be there beside them is an entry with an unknown value.
    fn of_map(map: &'a Map) -> Self {
        let members = map.members.iter();
        let rest = map.rest.iter();
        Self::new(
            members
                .map(|(key, value)| (key.as_str(), key.as_str(), Known::of(value)))
                .chain(rest.map(|reason| ("…", "…", Known::Because(reason))))
                .collect(),
        )
    }

    /// The members of an object that the reader knows.
    fn of_struct(map: &'a Map, fields: &'static [&'static str]) -> Self {
        let mut list: Vec<Member<'a>> = Vec::new();
        for field in fields {
            let mut members = map
                .members
                .iter()
                .filter(|(key, _)| key.eq_ignore_ascii_case(field));
            let member = match (members.next(), members.next(), &map.rest) {
                (Some((key, value)), None, _) => (*field, key.as_str(), Known::of(value)),
                (Some((key, _)), Some(_), _) => (
                    *field,
                    key.as_str(),
                    Known::Because("it stands there twice"),
                ),
                (None, _, Some(reason)) => (*field, *field, Known::Because(reason)),
                (None, _, None) => continue,
            };
            list.push(member);
        }
        Self::new(list)
    }

    fn unknown(reason: &'a str, fields: &'static [&'static str]) -> Self {
        let fields = fields.iter();
        Self::new(
            fields
                .map(|field| (*field, *field, Known::Because(reason)))
                .collect(),
        )
    }
}

impl<'de> MapAccess<'de> for Members<'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        let Some((name, key, value)) = self.list.next() else {
            return Ok(None);
        };
        self.value = Some((key, value));
        seed.deserialize(StrDeserializer::new(name)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let (key, value) = self
            .value
            .take()
            .ok_or_else(|| Error::new("a value without its key"))?;
        let value = seed.deserialize(value);
        value.map_err(|error| error.within(Step::Member(key.to_owned())))
    }
}
