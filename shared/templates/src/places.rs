//! Where the values of a resource stand in its file.

use std::collections::BTreeMap;

use crate::{
    Position,
    node::{Node, Value},
};

/// Positions by JSON pointer. Pointers are kept in lower case, which is all that tells the
/// spellings of CloudFormation and ECS apart.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Places(BTreeMap<String, Position>);

impl Places {
    /// The places within the properties of a resource.
    pub(crate) fn within(properties: &Node) -> Self {
        let mut places = Self::default();
        places.add(properties, &mut String::new());
        places
    }

    /// The place of a pointer, or of the innermost that it leads through.
    pub(crate) fn of(&self, pointer: &str) -> Option<Position> {
        let pointer = pointer.to_ascii_lowercase();
        let mut pointer = pointer.as_str();
        loop {
            if let Some(position) = self.0.get(pointer) {
                return Some(*position);
            }
            pointer = pointer.rsplit_once('/')?.0;
        }
    }

    fn add(&mut self, node: &Node, pointer: &mut String) {
        let end = pointer.len();
        match &node.value {
            _ if node.is_function() => {}
            Value::Null | Value::Scalar(_) => {}
            Value::Map(entries) => {
                for entry in entries {
                    let key = entry.key.replace('~', "~0").replace('/', "~1");
                    pointer.push('/');
                    pointer.push_str(&key.to_ascii_lowercase());
                    if let Some(position) = entry.position {
                        self.0.entry(pointer.clone()).or_insert(position);
                    }
                    self.add(&entry.node, pointer);
                    pointer.truncate(end);
                }
            }
            Value::List(list) => {
                for (index, node) in list.iter().enumerate() {
                    // A function may yield no element, and then those behind it move up.
                    if node.is_function() || matches!(node.value, Value::Null) {
                        break;
                    }
                    pointer.extend(["/", index.to_string().as_str()]);
                    if let Some(position) = node.entries().first().and_then(|first| first.position)
                    {
                        self.0.insert(pointer.clone(), position);
                    }
                    self.add(node, pointer);
                    pointer.truncate(end);
                }
            }
        }
    }
}
