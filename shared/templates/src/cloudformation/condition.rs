//! Conditions, three-valued: what cannot be known is `Err` with the reason.

use super::{Template, depends_on, short};
use crate::{
    node::{Entry, Node, Value},
    tree::Tree,
};

/// Whether a condition holds, or why that cannot be known.
pub(super) type Truth = Result<bool, String>;

impl Template<'_> {
    /// Whether the condition `name` of the template holds.
    pub(super) fn condition(&self, name: &str, depth: usize) -> Truth {
        if let Some(truth) = self.conditions.borrow().get(name) {
            return truth.clone();
        }
        let unknown = || Err(format!("depends on condition `{name}`"));
        let Some(node) = self.section("Conditions", name) else {
            return unknown();
        };
        // Stands until the answer is there: a condition that leads to itself has none.
        let mut known = self.conditions.borrow_mut();
        known.insert(name.to_owned(), unknown());
        drop(known);
        let truth = self.truth(node, depth).or_else(|_| unknown());
        let mut known = self.conditions.borrow_mut();
        known.insert(name.to_owned(), truth.clone());
        truth
    }

    fn truth(&self, node: &Node, depth: usize) -> Truth {
        if depth > super::DEEPEST || !self.spend(1) {
            return Err("conditions are nested too deep".to_owned());
        }
        let entry = match &node.value {
            Value::Scalar(text) if text == "true" => return Ok(true),
            Value::Scalar(text) if text == "false" => return Ok(false),
            Value::Map(entries) => match entries.as_slice() {
                [entry] => entry,
                _ => return Err("it is no condition".to_owned()),
            },
            _ => return Err("it is no condition".to_owned()),
        };
        self.condition_function(entry, depth + 1)
    }

    fn condition_function(&self, entry: &Entry, depth: usize) -> Truth {
        let arguments = entry.node.elements();
        let all = || arguments.iter().map(|argument| self.truth(argument, depth));
        match (entry.key.as_str(), arguments) {
            ("Condition", _) => match entry.node.text() {
                Some(name) => self.condition(name, depth),
                None => Err("it names no condition".to_owned()),
            },
            ("Fn::Equals", [one, other]) => {
                equal(&self.value(one, depth), &self.value(other, depth))
            }
            ("Fn::Not", [only]) => self.truth(only, depth).map(|truth| !truth),
            ("Fn::And", _) => any_of(all(), false).map(|found| !found),
            ("Fn::Or", _) => any_of(all(), true),
            (name, _) => Err(depends_on(&format!("!{}", short(name)))),
        }
    }
}

/// Whether one of them is `wanted`, which the others cannot change, known or not.
fn any_of(truths: impl Iterator<Item = Truth>, wanted: bool) -> Truth {
    let mut unknown = None;
    for truth in truths {
        match truth {
            Ok(truth) if truth == wanted => return Ok(true),
            Ok(_) => {}
            Err(reason) => unknown = Some(reason),
        }
    }
    unknown.map_or(Ok(false), Err)
}

fn equal(one: &Tree, other: &Tree) -> Truth {
    match (one, other) {
        (Tree::Scalar(one), Tree::Scalar(other)) => Ok(one == other),
        (Tree::Unknown(reason), _) | (_, Tree::Unknown(reason)) => Err(reason.clone()),
        _ => Err("it compares what are no texts".to_owned()),
    }
}
