//! CloudFormation and SAM templates.

mod condition;
mod function;
mod unseen;

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
};

use condition::Truth;

use crate::{
    Found, Recognised, TemplateError,
    definition::definition,
    node::{Entry, Node, Value},
    places::Places,
    tree::{Map, Tree},
};

/// How deep functions and conditions may lead into each other.
const DEEPEST: usize = 120;

/// How much may be worked out in one template: a value costs 1, each byte of text that is made costs
/// 1, and so does each name that a look-up passes. A template has at most 1 MB and 200 parameters.
const MOST_WORK: usize = 4 * 1024 * 1024;

/// How deep loops over resources may be nested; CloudFormation's own limit is 5.
const MOST_LOOPS: usize = 5;

/// What ECS alone sets, and no template can.
const SET_BY_ECS: &[&str] = &["taskDefinitionArn", "status", "compatibilities"];

/// Reads every task definition of a template, with values for some of its parameters.
pub(crate) fn read(
    root: &Node,
    parameters: &BTreeMap<String, String>,
) -> Result<Recognised, TemplateError> {
    let known = Known::default();
    let template = Template::new(root, parameters, &known);
    let mut found = Vec::new();
    if let Some(resources) = root.get("Resources") {
        template.resources(resources.entries(), 0, &mut found)?;
    }
    let declared = root.get("Parameters").map_or(&[][..], Node::entries);
    let declared = declared.iter().map(|parameter| &parameter.key);
    let used = declared.filter(|name| parameters.contains_key(*name));
    Ok(Recognised {
        found,
        used: used.cloned().collect(),
        unseen: unseen::of(root),
    })
}

/// What is known of a deployed template beside its text; nothing of one that is only a file.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// What `Ref` gives, by logical ids and by the names of pseudo parameters.
    pub(crate) references: BTreeMap<String, String>,
    /// What `Fn::GetAtt` gives, as `LogicalId.Attribute`.
    pub(crate) attributes: BTreeMap<String, String>,
}

/// A template, and how much of the work on it has been done.
pub(crate) struct Template<'a> {
    root: &'a Node,
    /// Values that are given, by the names of parameters.
    parameters: &'a BTreeMap<String, String>,
    known: &'a Known,
    work: Cell<usize>,
    conditions: RefCell<BTreeMap<String, Truth>>,
}

impl<'a> Template<'a> {
    pub(crate) fn new(
        root: &'a Node,
        parameters: &'a BTreeMap<String, String>,
        known: &'a Known,
    ) -> Self {
        Self {
            root,
            parameters,
            known,
            work: Cell::new(0),
            conditions: RefCell::default(),
        }
    }

    /// The value of a node.
    pub(crate) fn evaluate(&self, node: &Node) -> Tree {
        self.value(node, 0)
    }

    /// Whether the condition `name` holds, or why that cannot be known.
    pub(crate) fn holds(&self, name: &str) -> Result<bool, String> {
        self.condition(name, 0)
    }
}

impl Template<'_> {
    fn resources(
        &self,
        entries: &[Entry],
        loops: usize,
        found: &mut Vec<Found>,
    ) -> Result<(), TemplateError> {
        for Entry {
            key,
            position,
            node,
        } in entries
        {
            if key.starts_with("Fn::ForEach::") && loops < MOST_LOOPS {
                // One pass stands for all: the loop's variable is a reference to nothing known.
                if let Some(body) = node.elements().get(2) {
                    self.resources(body.entries(), loops + 1, found)?;
                }
            } else if node.get("Type").and_then(Node::text) == Some("AWS::ECS::TaskDefinition") {
                let properties = self.properties(node.get("Properties"));
                let definition =
                    definition(properties).map_err(|message| TemplateError::Resource {
                        id: key.clone(),
                        message,
                    })?;
                found.push(Found {
                    id: key.clone(),
                    definition,
                    position: *position,
                    places: node
                        .get("Properties")
                        .map_or_else(Places::default, Places::within),
                });
            }
        }
        Ok(())
    }

    /// The properties of a resource.
    fn properties(&self, node: Option<&Node>) -> Tree {
        let mut map = match node.map_or(Tree::Null, |node| self.value(node, 0)) {
            Tree::Map(map) => map,
            Tree::Null => Map::default(),
            Tree::Unknown(reason) => Map {
                members: Vec::new(),
                rest: Some(reason),
            },
            other @ (Tree::Scalar(_) | Tree::List(_)) => return other,
        };
        map.members
            .retain(|(key, _)| !SET_BY_ECS.iter().any(|own| key.eq_ignore_ascii_case(own)));
        let own = SET_BY_ECS.iter().map(|key| ((*key).to_owned(), Tree::Null));
        map.members.extend(own);
        Tree::Map(map)
    }

    /// Does `amount` of work, where there is still leave for it.
    fn spend(&self, amount: usize) -> bool {
        let work = self.work.get().saturating_add(amount);
        self.work.set(work);
        work <= MOST_WORK
    }

    /// The entry `name` of a section of the template.
    fn section(&self, section: &str, name: &str) -> Option<&Node> {
        self.look_up(self.root.get(section)?, name)
    }

    fn look_up<'n>(&self, node: &'n Node, name: &str) -> Option<&'n Node> {
        self.spend(node.entries().len())
            .then(|| node.get(name))
            .flatten()
    }

    /// The value of a node.
    fn value(&self, node: &Node, depth: usize) -> Tree {
        if depth > DEEPEST {
            return Tree::Unknown("functions are nested too deep".to_owned());
        }
        match &node.value {
            Value::Null => Tree::Null,
            Value::Scalar(text) => self.scalar(text.clone()),
            Value::List(list) => {
                let values = list.iter().map(|node| self.value(node, depth + 1));
                Tree::List(values.filter(|value| *value != Tree::Null).collect())
            }
            Value::Map(entries) => {
                if let [entry] = entries.as_slice()
                    && let Some(value) = self.function(&entry.key, &entry.node, depth + 1)
                {
                    return value;
                }
                let mut map = Map::default();
                for entry in entries {
                    if entry.key.starts_with("Fn::") {
                        map.rest = Some(depends_on(&format!("!{}", short(&entry.key))));
                    } else {
                        let value = self.value(&entry.node, depth + 1);
                        map.members.push((entry.key.clone(), value));
                    }
                }
                Tree::Map(map)
            }
        }
    }

    /// A text, unless CloudFormation puts something else in its place at deployment.
    fn scalar(&self, text: String) -> Tree {
        if !self.spend(text.len().saturating_add(1)) {
            return Tree::Unknown("the template is too large to be worked out".to_owned());
        }
        match text.find("{{resolve:").and_then(|start| text.get(start..)) {
            Some(reference) => {
                let end = reference.find("}}").map_or(reference.len(), |end| end + 2);
                Tree::Unknown(depends_on(reference.get(..end).unwrap_or(reference)))
            }
            None => Tree::Scalar(text),
        }
    }

    /// The value of `!Ref`.
    fn reference(&self, name: &str) -> Tree {
        if let Some(known) = self.known.references.get(name) {
            return self.scalar(known.clone());
        }
        match name {
            "AWS::NoValue" => Tree::Null,
            _ if name.starts_with("AWS::") => Tree::Unknown(depends_on(name)),
            _ => match self.section("Parameters", name) {
                Some(parameter) => self.parameter(name, parameter),
                None => Tree::Unknown(depends_on(&format!("!Ref {name}"))),
            },
        }
    }

    /// The value of `!GetAtt`, where it is known.
    fn attribute(&self, name: &str) -> Option<Tree> {
        let known = self.known.attributes.get(name)?;
        Some(self.scalar(known.clone()))
    }

    /// The value of a parameter: the one that is given, or else its default.
    fn parameter(&self, name: &str, parameter: &Node) -> Tree {
        let kind = parameter.get("Type").and_then(Node::text).unwrap_or("");
        if kind.starts_with("AWS::SSM::Parameter") {
            return Tree::Unknown(format!(
                "depends on the Systems Manager parameter that `{name}` names"
            ));
        }
        let given = self.parameters.get(name).map(String::as_str);
        let default = || parameter.get("Default").and_then(Node::text);
        let Some(value) = given.or_else(default) else {
            return Tree::Unknown(format!("depends on parameter `{name}`"));
        };
        if kind == "CommaDelimitedList" || kind.starts_with("List<") {
            let items = value.split(',').map(str::trim);
            return Tree::List(items.map(|item| self.scalar(item.to_owned())).collect());
        }
        self.scalar(value.to_owned())
    }
}

fn depends_on(what: &str) -> String {
    format!("depends on `{what}`")
}

/// The name of a function without its prefix.
fn short(function: &str) -> &str {
    function.strip_prefix("Fn::").unwrap_or(function)
}
