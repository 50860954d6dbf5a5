//! Terraform plans and states, as `terraform show -json` prints them.

use std::collections::BTreeMap;

use crate::{
    Found, TemplateError,
    definition::definition,
    node::{Node, Value},
    places::Places,
    tree::{Map, Tree},
};

/// Blocks of which the provider takes one: in JSON a list of at most one, in the API an object.
const BLOCKS: &[&str] = &[
    "authorization_config",
    "docker_volume_configuration",
    "efs_volume_configuration",
    "ephemeral_storage",
    "fsx_windows_file_server_volume_configuration",
    "proxy_configuration",
    "runtime_platform",
];

/// The resource cannot be without them, so that a plan that does not have them hides them.
const NOT_SHOWN: &str = "the plan does not show `container_definitions`";

/// Reads every task definition that is there when the plan has been applied.
pub(crate) fn read(root: &Node) -> Result<Vec<Found>, TemplateError> {
    let changes = root.get("resource_changes").map_or(&[][..], Node::elements);
    let changes: BTreeMap<&str, &Node> = changes
        .iter()
        .filter_map(|change| Some((change.get("address")?.text()?, change.get("change")?)))
        .filter(|(_, change)| matches!(change.get("after"), Some(after) if after.is_set()))
        .collect();
    let mut resources = Vec::new();
    if let Some(values) = root.get("planned_values").or(root.get("values")) {
        if let Some(module) = values.get("root_module") {
            collect(module, &mut resources);
        }
    } else {
        let all = root.get("resource_changes").map_or(&[][..], Node::elements);
        resources.extend(all.iter().filter(|resource| {
            let change = resource.get("change");
            change
                .and_then(|change| change.get("after"))
                .is_some_and(Node::is_set)
        }));
    }
    let mut found = Vec::new();
    for resource in resources {
        let is_one = resource.get("type").and_then(Node::text) == Some("aws_ecs_task_definition")
            && resource.get("mode").and_then(Node::text) != Some("data");
        if !is_one {
            continue;
        }
        let id = resource.get("address").and_then(Node::text).unwrap_or("?");
        let change = changes.get(id);
        let values = resource
            .get("values")
            .or(change.and_then(|change| change.get("after")));
        let unknown = change.and_then(|change| change.get("after_unknown"));
        let definition = definition(task_definition(values, unknown)).map_err(|message| {
            TemplateError::Resource {
                id: id.to_owned(),
                message,
            }
        })?;
        found.push(Found {
            id: id.to_owned(),
            definition,
            position: None,
            places: Places::default(),
        });
    }
    Ok(found)
}

/// The resources of a module and of the modules in it.
fn collect<'a>(module: &'a Node, resources: &mut Vec<&'a Node>) {
    if let Some(own) = module.get("resources") {
        resources.extend(own.elements());
    }
    for module in module.get("child_modules").map_or(&[][..], Node::elements) {
        collect(module, resources);
    }
}

/// The attributes of a resource in the API's spelling.
fn task_definition(values: Option<&Node>, unknown: Option<&Node>) -> Tree {
    let attributes = match tree(values, unknown, "it") {
        Tree::Map(map) => map.members,
        Tree::Null => Vec::new(),
        other => return other,
    };
    let mut members = Vec::new();
    if attributes
        .iter()
        .all(|(name, _)| name != "container_definitions")
    {
        let unknown = Tree::Unknown(NOT_SHOWN.to_owned());
        members.push(("containerDefinitions".to_owned(), unknown));
    }
    for (name, value) in attributes {
        match name.as_str() {
            "container_definitions" => {
                members.push(("containerDefinitions".to_owned(), containers(value)));
            }
            "volume" => {
                let volumes = match value {
                    Tree::List(list) if list.is_empty() => Tree::Null,
                    Tree::List(list) => Tree::List(list.into_iter().map(volume).collect()),
                    other => other,
                };
                members.push(("volumes".to_owned(), volumes));
            }
            "tags" => members.push(("tags".to_owned(), tags(value))),
            _ => members.push((camel(&name), block(&name, value))),
        }
    }
    Tree::Map(Map {
        members,
        rest: None,
    })
}

/// The containers, which the resource has as a JSON text.
fn containers(value: Tree) -> Tree {
    let text = match value {
        Tree::Scalar(text) => text,
        Tree::Unknown(reason) => return Tree::Unknown(reason),
        _ => return Tree::Unknown(NOT_SHOWN.to_owned()),
    };
    match Node::from_json(&text) {
        Ok(node) if matches!(node.value, Value::List(_)) => tree(Some(&node), None, ""),
        Ok(_) => Tree::Unknown("`container_definitions` is not a list".to_owned()),
        Err(message) => Tree::Unknown(format!("`container_definitions` is not JSON: {message}")),
    }
}

/// A `volume` block.
fn volume(value: Tree) -> Tree {
    let Tree::Map(map) = value else { return value };
    let members = map.members.into_iter().map(|(name, value)| {
        if name != "host_path" {
            return (camel(&name), block(&name, value));
        }
        let host = match value {
            Tree::Scalar(path) if path.is_empty() => Tree::Null,
            Tree::Scalar(_) => Tree::Map(Map {
                members: vec![("sourcePath".to_owned(), value)],
                rest: None,
            }),
            other => other,
        };
        ("host".to_owned(), host)
    });
    Tree::Map(Map {
        members: members.collect(),
        rest: map.rest,
    })
}

/// A map of tags as a list of them.
fn tags(value: Tree) -> Tree {
    let Tree::Map(map) = value else { return value };
    let tags = map.members.into_iter().map(|(key, value)| {
        Tree::Map(Map {
            members: vec![
                ("key".to_owned(), Tree::Scalar(key)),
                ("value".to_owned(), value),
            ],
            rest: None,
        })
    });
    Tree::List(tags.collect())
}

/// The value of an attribute `name` whose members are attributes too.
fn block(name: &str, value: Tree) -> Tree {
    match value {
        // How the provider writes what is not set, in states more than in plans.
        Tree::Scalar(text) if text.is_empty() => Tree::Null,
        Tree::List(list) if list.is_empty() => Tree::Null,
        Tree::List(list) if BLOCKS.contains(&name) => {
            let first = list.into_iter().next();
            first.map_or(Tree::Null, inner)
        }
        other => inner(other),
    }
}

fn inner(value: Tree) -> Tree {
    match value {
        Tree::Map(map) => {
            let members = map.members.into_iter();
            Tree::Map(Map {
                members: members
                    .map(|(name, value)| (camel(&name), block(&name, value)))
                    .collect(),
                rest: map.rest,
            })
        }
        Tree::List(list) => Tree::List(list.into_iter().map(inner).collect()),
        other => other,
    }
}

/// `network_mode` as `networkMode`.
fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let mut camel = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        if let Some(first) = letters.next() {
            camel.push(first.to_ascii_uppercase());
            camel.push_str(letters.as_str());
        }
    }
    camel
}

/// A value, with what `unknown` marks as unknown.
fn tree(node: Option<&Node>, unknown: Option<&Node>, name: &str) -> Tree {
    if unknown.and_then(Node::text) == Some("true") {
        return Tree::Unknown(format!("`{name}` is known only after apply"));
    }
    match node.map(|node| &node.value) {
        Some(Value::Scalar(text)) => Tree::Scalar(text.clone()),
        Some(Value::List(list)) => {
            let marks = unknown.map_or(&[][..], Node::elements);
            let count = list.len().max(marks.len());
            Tree::List(
                (0..count)
                    .map(|index| tree(list.get(index), marks.get(index), name))
                    .collect(),
            )
        }
        Some(Value::Map(entries)) => {
            let marks = unknown.map_or(&[][..], Node::entries).iter();
            let mut marks: BTreeMap<&str, &Node> =
                marks.map(|mark| (mark.key.as_str(), &mark.node)).collect();
            let mut members: Vec<(String, Tree)> = entries
                .iter()
                .map(|entry| {
                    let value = tree(
                        Some(&entry.node),
                        marks.remove(entry.key.as_str()),
                        &entry.key,
                    );
                    (entry.key.clone(), value)
                })
                .collect();
            for (key, mark) in marks {
                members.push((key.to_owned(), tree(None, Some(mark), key)));
            }
            Tree::Map(Map {
                members,
                rest: None,
            })
        }
        Some(Value::Null) | None => match unknown.map(|unknown| &unknown.value) {
            // Something within is unknown, of something that is not shown.
            Some(Value::List(marks)) if !marks.is_empty() => Tree::List(
                marks
                    .iter()
                    .map(|mark| tree(None, Some(mark), name))
                    .collect(),
            ),
            Some(Value::Map(marks)) if !marks.is_empty() => Tree::Map(Map {
                members: marks
                    .iter()
                    .map(|mark| {
                        let value = tree(None, Some(&mark.node), &mark.key);
                        (mark.key.clone(), value)
                    })
                    .collect(),
                rest: None,
            }),
            _ => Tree::Null,
        },
    }
}

impl Node {
    /// Whether it is more than null.
    fn is_set(&self) -> bool {
        !matches!(self.value, Value::Null)
    }
}
