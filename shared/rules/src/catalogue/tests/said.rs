//! What rules say, word by word, of what cannot be read.

use std::fmt::Write as _;

use serde::{
    Deserialize, Deserializer,
    de::{
        Visitor,
        value::{Error, MapDeserializer, SeqDeserializer},
    },
    forward_to_deserialize_any,
};

use super::*;

/// A document of which every member is there, down to a depth. What is deeper cannot be read.
#[derive(Debug, Clone, Copy)]
struct Hidden {
    levels: usize,
    member: &'static str,
}

impl serde::de::IntoDeserializer<'_, Error> for Hidden {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Hidden {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.member {
            "environment" => self.deserialize_seq(visitor),
            _ => visitor.visit_str("x"),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_bool(true)
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_i64(-1)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        match (name == Field::<()>::TOKEN, self.levels.checked_sub(1)) {
            (true, None) => visitor.visit_str("it is a parameter"),
            (true, Some(levels)) => visitor.visit_newtype_struct(Self { levels, ..self }),
            (false, _) => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(SeqDeserializer::new(std::iter::once(self)))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_map(MapDeserializer::new(std::iter::once(("key", self))))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        members: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_map(MapDeserializer::new(
            members
                .iter()
                .map(|&member| (member, Self { member, ..self })),
        ))
    }

    forward_to_deserialize_any! {
        i8 i16 i32 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf unit unit_struct tuple
        tuple_struct enum identifier ignored_any
    }
}

fn shown(rule: &Rule, answers: &[Answer]) -> String {
    let mut shown = String::new();
    for answer in answers {
        let severity = answer.severity.unwrap_or(rule.severity);
        let outcome = answer.outcome.name();
        let Answer {
            pointer, message, ..
        } = answer;
        writeln!(shown, "{}: {outcome}, {severity} at {pointer}", rule.id).unwrap();
        writeln!(shown, "    {message}").unwrap();
        if let Some(help) = &answer.help {
            writeln!(shown, "    help: {help}").unwrap();
        }
        if let Some(fix) = &answer.fix {
            let [was, now] = [fix.was, fix.now].map(|edit| edit.unwrap_or("nothing"));
            writeln!(shown, "    fix: {now} instead of {was}").unwrap();
        }
    }
    shown
}

#[test]
fn what_cannot_be_read_is_named() {
    let place = Place::of_region("eu-west-1", "111122223333").unwrap();
    let context = Context {
        place: Some(&place),
        parameters: &Parameters::default(),
        observed_at: None,
    };
    let mut said = String::new();
    for levels in 0..4 {
        writeln!(said, "# {levels} levels can be read\n").unwrap();
        let definition = Hidden { levels, member: "" };
        let definition = TaskDefinition::deserialize(definition).unwrap();
        let subject = Subject::TaskDefinition(Box::new(definition));
        for rule in rules_of_json() {
            said.push_str(&shown(rule, &rule.answers(&subject, &context)));
        }
        said.push('\n');
    }
    insta::assert_snapshot!(said);
}
