//! Whether what AWS has is what the template wants. Pure.

use serde_json::{Map, Number, Value};
use tidewaiter_templates::UNKNOWN;

/// What a comparison comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Agreement {
    Same,
    Different,
    /// The template does not tell; why not.
    Unclear(String),
}

/// Compares by meaning: a list of one is its element, the order of a list says nothing, and AWS's APIs do not agree
/// with templates on which scalars are texts.
pub(super) fn compare(wanted: &Value, found: &Value) -> Agreement {
    agree(&plain(wanted, false), &plain(found, false))
}

/// As [`compare`], but a number or a boolean is no text: a pattern for one does not match the other.
pub(super) fn compare_typed(wanted: &Value, found: &Value) -> Agreement {
    agree(&plain(wanted, true), &plain(found, true))
}

/// Compares what two policies say.
pub(super) fn compare_policies(wanted: &Value, found: &Value) -> Agreement {
    let statements = |policy: &Value| {
        if policy.get(UNKNOWN).is_some() {
            policy.clone()
        } else {
            policy.get("Statement").map(statement).unwrap_or_default()
        }
    };
    compare(&statements(wanted), &statements(found))
}

/// Compares the members of a template's properties with those of the same names; `None` where all agree. What the
/// template does not set is left to AWS. The names of those that differ come first.
pub(super) fn members(wanted: &Value, found: &Value, names: &[&str]) -> Members {
    let mut members = Members::default();
    for name in names {
        let Some(wanted) = wanted.get(name) else {
            continue;
        };
        match compare(wanted, found.get(name).unwrap_or(&Value::Null)) {
            Agreement::Same => {}
            Agreement::Different => members.different.push((*name).to_owned()),
            Agreement::Unclear(reason) => {
                members.unclear.get_or_insert(format!("`{name}` {reason}"));
            }
        }
    }
    members
}

/// What became of comparing several members.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Members {
    pub(super) different: Vec<String>,
    /// The first of which the template does not tell, and why.
    pub(super) unclear: Option<String>,
}

/// A value without what cannot be known; `None` where there is such.
pub(super) fn known(value: &Value) -> Option<&Value> {
    first_unknown(value).is_none().then_some(value)
}

fn first_unknown(value: &Value) -> Option<&str> {
    match value {
        Value::Object(map) => match map.get(UNKNOWN) {
            Some(reason) => Some(reason.as_str().unwrap_or_default()),
            None => map.values().find_map(first_unknown),
        },
        Value::Array(list) => list.iter().find_map(first_unknown),
        _ => None,
    }
}

fn agree(wanted: &Value, found: &Value) -> Agreement {
    if wanted == found {
        return Agreement::Same;
    }
    let Some(reason) = first_unknown(wanted) else {
        return Agreement::Different;
    };
    match (wanted, found) {
        // Where the rest differs the unknown part changes nothing.
        (Value::Object(wanted), Value::Object(found)) if !wanted.contains_key(UNKNOWN) => {
            let names = wanted.keys().chain(found.keys());
            let differs = names.into_iter().any(|name| {
                let found = found.get(name).unwrap_or(&Value::Null);
                wanted
                    .get(name)
                    .is_none_or(|wanted| agree(wanted, found) == Agreement::Different)
            });
            if differs {
                return Agreement::Different;
            }
        }
        _ => {}
    }
    Agreement::Unclear(reason.to_owned())
}

/// A value with what says the same written the same.
fn plain(value: &Value, is_typed: bool) -> Value {
    match value {
        Value::Number(number) if !is_typed => Value::String(decimal(number)),
        Value::Bool(value) if !is_typed => Value::String(value.to_string()),
        Value::Array(list) => {
            let mut list: Vec<Value> = list.iter().map(|one| plain(one, is_typed)).collect();
            if let [_] = list.as_slice() {
                return list.swap_remove(0);
            }
            list.sort_by_cached_key(Value::to_string);
            Value::Array(list)
        }
        Value::Object(map) => {
            let members = map.iter().filter(|(_, value)| !value.is_null());
            let mut members: Vec<(String, Value)> = members
                .map(|(key, value)| (key.clone(), plain(value, is_typed)))
                .collect();
            members.sort_by(|(one, _), (other, _)| one.cmp(other));
            Value::Object(members.into_iter().collect())
        }
        other => other.clone(),
    }
}

/// A number as templates write it: 0 where an API has 0.0.
fn decimal(number: &Number) -> String {
    match number.as_f64() {
        Some(value) if value.fract() == 0.0 && number.is_f64() => format!("{value:.0}"),
        _ => number.to_string(),
    }
}

/// A statement with what says the same written the same: everybody, and names of condition keys.
fn statement(value: &Value) -> Value {
    match value {
        Value::Array(list) => Value::Array(list.iter().map(statement).collect()),
        Value::Object(map) => {
            let members = map.iter().map(|(key, value)| {
                let value = match key.as_str() {
                    "Principal" => everybody(value),
                    "Condition" => conditions(value),
                    _ => value.clone(),
                };
                (key.clone(), value)
            });
            Value::Object(members.collect())
        }
        other => other.clone(),
    }
}

fn everybody(principal: &Value) -> Value {
    match principal.get("AWS") {
        Some(Value::String(all)) if all == "*" => Value::String("*".to_owned()),
        _ => principal.clone(),
    }
}

/// Condition keys are the same in capital and small letters.
fn conditions(value: &Value) -> Value {
    let Value::Object(operators) = value else {
        return value.clone();
    };
    let lowered = operators.iter().map(|(operator, keys)| {
        let keys = match keys {
            Value::Object(keys) => {
                let keys = keys.iter();
                let keys = keys.map(|(key, value)| (key.to_ascii_lowercase(), value.clone()));
                Value::Object(keys.collect::<Map<_, _>>())
            }
            other => other.clone(),
        };
        (operator.clone(), keys)
    });
    Value::Object(lowered.collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_says_the_same_is_the_same() {
        for (wanted, found) in [
            (json!({"a": ["x", "y"]}), json!({"a": ["y", "x"]})),
            (json!({"a": "x"}), json!({"a": ["x"]})),
            (json!({"a": 0}), json!({"a": 0.0, "b": null})),
            (json!({"a": "72"}), json!({"a": 72})),
            (json!({"a": true}), json!({"a": "true"})),
            (json!([{"b": 1}, {"a": 1}]), json!([{"a": 1}, {"b": 1}])),
        ] {
            assert_eq!(
                compare(&wanted, &found),
                Agreement::Same,
                "{wanted} {found}"
            );
        }
        for (wanted, found) in [
            (json!({"a": ["x", "y"]}), json!({"a": ["x"]})),
            (json!({"a": "x"}), json!({"a": "x", "b": 1})),
            (json!({"a": "x", "b": 1}), json!({"a": "x"})),
            (json!({"a": 1}), json!({"a": 1.5})),
            (json!([]), json!(null)),
        ] {
            assert_eq!(
                compare(&wanted, &found),
                Agreement::Different,
                "{wanted} {found}"
            );
        }
    }

    #[test]
    fn a_pattern_keeps_its_types() {
        let (wanted, found) = (json!([{"exists": false}]), json!([{"exists": "false"}]));
        assert_eq!(compare(&wanted, &found), Agreement::Same);
        assert_eq!(compare_typed(&wanted, &found), Agreement::Different);
    }

    #[test]
    fn what_the_template_does_not_tell_is_unclear_unless_the_rest_differs() {
        let wanted = json!({"a": {UNKNOWN: "depends on `x`"}, "b": 1});
        assert_eq!(
            compare(&wanted, &json!({"a": 5, "b": 1})),
            Agreement::Unclear("depends on `x`".to_owned())
        );
        assert_eq!(
            compare(&wanted, &json!({"a": 5, "b": 2})),
            Agreement::Different
        );
        assert_eq!(
            compare(&wanted, &json!({"a": 5, "b": 1, "c": 1})),
            Agreement::Different
        );
    }

    #[test]
    fn policies_are_compared_by_what_they_say() {
        let wanted = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Deny", "Principal": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}]});
        let found = json!({"Id": "x", "Version": "2012-10-17", "Statement":
            {"Effect": "Deny", "Principal": {"AWS": "*"}, "Condition": {"Bool": {"AWS:SecureTransport": false}}}});
        assert_eq!(compare_policies(&wanted, &found), Agreement::Same);
        let open = json!({"Statement": {"Effect": "Allow", "Principal": {"AWS": "*"}}});
        assert_eq!(compare_policies(&wanted, &open), Agreement::Different);
        assert_eq!(
            compare_policies(&json!({UNKNOWN: "why"}), &open),
            Agreement::Unclear("why".to_owned())
        );
    }
}
