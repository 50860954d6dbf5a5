//! A value that may be absent, and may be unknowable.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{Error, Visitor},
};

/// A member of an AWS document, three-valued so that a rule can never mistake what it was not told
/// for what is fine.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Field<T> {
    /// Not set: AWS's default holds.
    #[default]
    Absent,
    /// Set to this value.
    Known(T),
    /// Set to something that cannot be read from here. The text says why, for people, for example
    /// "depends on parameter `Image`".
    Unknown(String),
}

impl<T> Field<T> {
    /// The newtype name under which a deserializer that can hold unknowable values is asked for a
    /// field. Such a deserializer answers an unknowable value with `visit_str(reason)`; every other
    /// one passes through, so JSON can never spell `Unknown`.
    pub const TOKEN: &'static str = "$tidewaiter::Field";

    /// The value, where it is known.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Absent | Self::Unknown(_) => None,
        }
    }

    /// Why the value cannot be known, where it cannot.
    pub fn unknown(&self) -> Option<&str> {
        match self {
            Self::Unknown(reason) => Some(reason),
            Self::Absent | Self::Known(_) => None,
        }
    }
}

impl<T> From<T> for Field<T> {
    fn from(value: T) -> Self {
        Self::Known(value)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(Self::TOKEN, FieldVisitor(PhantomData))
    }
}

struct FieldVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for FieldVisitor<T> {
    type Value = Field<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value, null or an unknowable value")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<Self::Value, D::Error> {
        Ok(match Option::<T>::deserialize(deserializer)? {
            Some(value) => Field::Known(value),
            None => Field::Absent,
        })
    }

    fn visit_str<E: Error>(self, reason: &str) -> Result<Self::Value, E> {
        Ok(Field::Unknown(reason.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(default)]
    #[derive(Default)]
    struct Holder {
        flag: Field<bool>,
        text: Field<String>,
    }

    #[test]
    fn json_gives_absent_or_known_and_never_unknown() {
        let holder: Holder = serde_json::from_str(r#"{"flag":null,"text":"because"}"#).unwrap();
        assert_eq!(
            holder,
            Holder {
                flag: Field::Absent,
                text: "because".to_owned().into()
            }
        );
        assert_eq!(
            serde_json::from_str::<Holder>("{}").unwrap(),
            Holder::default()
        );
    }

    #[test]
    fn a_value_of_another_type_is_an_error() {
        assert!(serde_json::from_str::<Holder>(r#"{"flag":"HIDDEN"}"#).is_err());
    }

    #[test]
    fn a_deserializer_that_knows_the_token_can_say_unknown() {
        use serde::de::value::{Error, StrDeserializer};
        let reason: StrDeserializer<'_, Error> = StrDeserializer::new("depends on `P`");
        let visitor: FieldVisitor<bool> = FieldVisitor(PhantomData);
        let field = reason.deserialize_str(visitor).unwrap();
        assert_eq!(field, Field::Unknown("depends on `P`".to_owned()));
    }
}
