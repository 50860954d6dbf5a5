//! Intrinsic functions.

use super::{Template, depends_on, short};
use crate::{
    node::{Node, Value},
    tree::Tree,
};

impl Template<'_> {
    /// The value of a map with the only member `name`, where that is a function.
    pub(super) fn function(&self, name: &str, argument: &Node, depth: usize) -> Option<Tree> {
        if name != "Ref" && !name.starts_with("Fn::") {
            return None;
        }
        let value = match name {
            "Ref" => argument.text().map(|name| self.reference(name)),
            "Fn::If" => self.choice(argument, depth),
            "Fn::Sub" => self.substituted(argument, depth),
            "Fn::Join" => self.joined(argument, depth),
            "Fn::Select" => self.selected(argument, depth),
            "Fn::Split" => self.split(argument, depth),
            "Fn::FindInMap" => self.found_in_map(argument, depth),
            "Fn::GetAtt" => self.got(argument),
            _ => None,
        };
        Some(value.unwrap_or_else(|| unresolved(name, argument)))
    }

    /// `LogicalId.Attribute`, or the two in a list.
    fn got(&self, argument: &Node) -> Option<Tree> {
        let name = match argument.elements() {
            [id, attribute] => format!("{}.{}", id.text()?, attribute.text()?),
            _ => argument.text()?.to_owned(),
        };
        self.attribute(&name)
    }

    fn choice(&self, argument: &Node, depth: usize) -> Option<Tree> {
        let [name, then, otherwise] = argument.elements() else {
            return None;
        };
        let name = name.text()?;
        Some(match self.condition(name, depth) {
            Ok(true) => self.value(then, depth),
            Ok(false) => self.value(otherwise, depth),
            Err(_) => {
                let (then, otherwise) = (self.value(then, depth), self.value(otherwise, depth));
                then.either(otherwise, &format!("depends on condition `{name}`"))
            }
        })
    }

    /// The two arguments of a function that takes two.
    fn pair(&self, argument: &Node, depth: usize) -> Option<(Tree, Tree)> {
        match argument.elements() {
            [one, other] => Some((self.value(one, depth), self.value(other, depth))),
            _ => None,
        }
    }

    fn joined(&self, argument: &Node, depth: usize) -> Option<Tree> {
        let (between, list) = match self.pair(argument, depth)? {
            (Tree::Scalar(between), Tree::List(list)) => (between, list),
            (Tree::Unknown(reason), _) | (_, Tree::Unknown(reason)) => {
                return Some(Tree::Unknown(reason));
            }
            _ => return None,
        };
        let mut text = String::new();
        for (index, part) in list.into_iter().enumerate() {
            if index > 0 {
                text.push_str(&between);
            }
            match part {
                Tree::Scalar(part) => text.push_str(&part),
                Tree::Unknown(reason) => return Some(Tree::Unknown(reason)),
                _ => return None,
            }
        }
        Some(self.scalar(text))
    }

    fn split(&self, argument: &Node, depth: usize) -> Option<Tree> {
        match self.pair(argument, depth)? {
            (Tree::Scalar(between), Tree::Scalar(text)) if !between.is_empty() => {
                let parts = text.split(between.as_str());
                Some(Tree::List(
                    parts.map(|part| self.scalar(part.to_owned())).collect(),
                ))
            }
            (Tree::Unknown(reason), _) | (_, Tree::Unknown(reason)) => Some(Tree::Unknown(reason)),
            _ => None,
        }
    }

    fn selected(&self, argument: &Node, depth: usize) -> Option<Tree> {
        match self.pair(argument, depth)? {
            (Tree::Scalar(index), Tree::List(mut list)) => {
                let index: usize = index.trim().parse().ok()?;
                (index < list.len()).then(|| list.swap_remove(index))
            }
            (Tree::Unknown(reason), _) | (_, Tree::Unknown(reason)) => Some(Tree::Unknown(reason)),
            _ => None,
        }
    }

    fn found_in_map(&self, argument: &Node, depth: usize) -> Option<Tree> {
        let (map, first, second, default) = match argument.elements() {
            [map, first, second] => (map, first, second, None),
            [map, first, second, options] => (map, first, second, options.get("DefaultValue")),
            _ => return None,
        };
        let mut keys = Vec::with_capacity(3);
        for key in [map, first, second] {
            match self.value(key, depth) {
                Tree::Scalar(key) => keys.push(key),
                Tree::Unknown(reason) => return Some(Tree::Unknown(reason)),
                _ => return None,
            }
        }
        let mut node = self.root.get("Mappings");
        for key in &keys {
            node = node.and_then(|node| self.look_up(node, key));
        }
        node.or(default).map(|node| self.value(node, depth))
    }

    fn substituted(&self, argument: &Node, depth: usize) -> Option<Tree> {
        let (text, variables) = match argument.elements() {
            [] => (argument.text()?, None),
            [text] => (text.text()?, None),
            [text, variables] => (text.text()?, Some(variables)),
            _ => return None,
        };
        let mut made = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            made.push_str(before);
            let Some((name, after)) = after.split_once('}') else {
                made.push_str("${");
                rest = after;
                continue;
            };
            rest = after;
            if let Some(literal) = name.strip_prefix('!') {
                made.extend(["${", literal, "}"]);
                continue;
            }
            let name = name.trim();
            let value = match variables.and_then(|all| self.look_up(all, name)) {
                Some(variable) => self.value(variable, depth),
                None if name.contains('.') => self
                    .attribute(name)
                    .unwrap_or_else(|| Tree::Unknown(depends_on(&format!("!GetAtt {name}")))),
                None => self.reference(name),
            };
            match value {
                Tree::Scalar(part) => {
                    if !self.spend(part.len()) {
                        return None;
                    }
                    made.push_str(&part);
                }
                Tree::Unknown(reason) => return Some(Tree::Unknown(reason)),
                _ => return None,
            }
        }
        made.push_str(rest);
        Some(self.scalar(made))
    }
}

/// A function that cannot be worked out from the template. Only an argument that is a name is shown;
/// another may hold a secret.
fn unresolved(name: &str, argument: &Node) -> Tree {
    let name = short(name);
    let argument = match &argument.value {
        Value::Scalar(text) if matches!(name, "GetAtt" | "ImportValue") => Some(text.clone()),
        Value::List(list) if name == "GetAtt" => {
            let parts: Option<Vec<&str>> = list.iter().map(Node::text).collect();
            parts.map(|parts| parts.join("."))
        }
        _ => None,
    };
    Tree::Unknown(match argument {
        Some(argument) => depends_on(&format!("!{name} {argument}")),
        None => depends_on(&format!("!{name}")),
    })
}
