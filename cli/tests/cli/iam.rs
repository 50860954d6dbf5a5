//! IAM, as far as `tidewaiter scp` makes use of it.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    reason = "a test that cannot go on has failed"
)]

use serde_json::Value;

/// A request as IAM sees it.
pub(super) struct Request<'a> {
    pub(super) action: &'a str,
    pub(super) resource: String,
    pub(super) context: Vec<(&'a str, Vec<String>)>,
}

/// IAM's evaluation of a document that only denies, as far as this program makes use of it; what it
/// does not know is a failure.
pub(super) fn denies(document: &Value, request: &Request<'_>) -> bool {
    assert_eq!(document["Version"], "2012-10-17");
    let statements = document["Statement"].as_array().unwrap();
    statements.iter().any(|statement| {
        assert_eq!(statement["Effect"], "Deny");
        let is_named = |list: &Value| {
            list_of(list)
                .iter()
                .any(|glob| is_like(glob, &request.resource))
        };
        let resource = match (statement.get("Resource"), statement.get("NotResource")) {
            (Some(resource), None) => is_named(resource),
            (None, Some(resource)) => !is_named(resource),
            _ => panic!("one of Resource and NotResource: {statement}"),
        };
        let action = list_of(&statement["Action"])
            .iter()
            .any(|action| action == request.action);
        let conditions = statement["Condition"].as_object().unwrap();
        let holds = conditions.iter().all(|(operator, keys)| {
            let mut keys = keys.as_object().unwrap().iter();
            keys.all(|(key, wanted)| condition(operator, &list_of(wanted), request.values(key)))
        });
        action && resource && holds
    })
}

fn condition(operator: &str, wanted: &[String], values: Option<&[String]>) -> bool {
    if operator == "Null" {
        return wanted == [values.is_none().to_string()];
    }
    if operator == "ForAnyValue:StringNotEquals" {
        return values.is_some_and(|values| values.iter().any(|value| !wanted.contains(value)));
    }
    // The others are for keys of one value. A positive one needs the key, a negated one does not.
    let value = values.map(|values| {
        assert_eq!(values.len(), 1, "{operator} on a key of several values");
        values[0].as_str()
    });
    let number = |text: &str| text.parse::<u64>().unwrap();
    match (operator, value) {
        ("StringEquals", value) => value.is_some_and(|value| wanted.iter().any(|w| w == value)),
        ("StringLike", value) => {
            value.is_some_and(|value| wanted.iter().any(|w| is_like(w, value)))
        }
        ("ArnNotLike", value) => {
            value.is_none_or(|value| !wanted.iter().any(|w| is_like(w, value)))
        }
        ("NumericGreaterThan", value) => {
            value.is_some_and(|value| wanted.iter().any(|w| number(value) > number(w)))
        }
        _ => panic!("an operator that nobody expects: {operator}"),
    }
}

fn is_like(glob: &str, text: &str) -> bool {
    match glob.chars().next() {
        None => text.is_empty(),
        Some('*') => {
            let mut rests = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            rests.any(|at| is_like(&glob[1..], &text[at..]))
        }
        Some(wanted) => text.chars().next().is_some_and(|c| {
            (wanted == '?' || wanted == c)
                && is_like(&glob[wanted.len_utf8()..], &text[c.len_utf8()..])
        }),
    }
}

fn list_of(value: &Value) -> Vec<String> {
    match value {
        Value::Array(list) => list
            .iter()
            .map(|value| value.as_str().unwrap().to_owned())
            .collect(),
        value => vec![value.as_str().unwrap().to_owned()],
    }
}

impl Request<'_> {
    fn values(&self, key: &str) -> Option<&[String]> {
        let found = self.context.iter().find(|(name, _)| *name == key);
        found.map(|(_, values)| values.as_slice())
    }
}
