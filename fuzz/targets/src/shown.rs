//! Text for people, which nothing from outside may change the form of.

use serde_json::Value;
use tidewaiter_rules::names::is_inert;

/// One line without control characters and the like, no longer than `most` characters.
pub(crate) fn is_one_line(text: &str, most: usize) {
    assert!(text.chars().all(is_inert), "{text:?}");
    assert!(text.chars().count() <= most, "{text:?}");
}

/// Lines of such text.
pub(crate) fn is_plain(text: &str) {
    let is_shown = |character| character == '\n' || is_inert(character);
    assert!(text.chars().all(is_shown), "{text:?}");
}

/// The same of each text in a value, and of each name of a member.
pub(crate) fn is_plain_within(value: &Value) {
    match value {
        Value::String(text) => is_plain(text),
        Value::Array(values) => values.iter().for_each(is_plain_within),
        Value::Object(members) => {
            for (name, value) in members {
                is_plain(name);
                is_plain_within(value);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
