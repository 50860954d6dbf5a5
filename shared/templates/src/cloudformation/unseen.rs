//! What CloudFormation may add to a template that the template does not show.

use tidewaiter_rules::names::quoted;

use crate::node::{Node, Value};

/// Transforms that make no task definition that is not in the text.
const KNOWN: &[&str] = &[
    "AWS::CodeDeployBlueGreen",
    "AWS::LanguageExtensions",
    "AWS::SecretsManager-2020-07-23",
    "AWS::SecretsManager-2024-09-16",
    "AWS::Serverless-2016-10-31",
    "AWS::ServiceCatalog",
];

/// How many are told of in one template.
const MOST: usize = 20;

/// What may add task definitions, each in one line.
pub(super) fn of(root: &Node) -> Vec<String> {
    let mut unseen = Vec::new();
    if let Some(transforms) = root.get("Transform") {
        match &transforms.value {
            Value::List(list) => unseen.extend(list.iter().filter_map(transform)),
            _ => unseen.extend(transform(transforms)),
        }
    }
    for resource in root.get("Resources").map_or(&[][..], Node::entries) {
        let kind = resource.node.get("Type").and_then(Node::text);
        match kind {
            _ if resource.key == "Fn::Transform" => unseen.extend(transform(&resource.node)),
            Some(kind) if kind.ends_with("::MODULE") => unseen.push(format!(
                "the module {} of the resource {} may add task definitions, which were not judged",
                quoted(kind),
                quoted(&resource.key)
            )),
            _ => {}
        }
        if unseen.len() >= MOST {
            break;
        }
    }
    unseen.truncate(MOST);
    unseen
}

/// What to say of a transform, given as its name or as `{Name: …}`.
fn transform(node: &Node) -> Option<String> {
    let name = node.text().or_else(|| node.get("Name")?.text());
    match name {
        Some(name) if KNOWN.contains(&name) => None,
        Some(name) => Some(format!(
            "the transform {} may add task definitions, which were not judged: run it with `aws \
             cloudformation create-change-set` and judge what `aws cloudformation get-template \
             --template-stage Processed` answers",
            quoted(name)
        )),
        None => Some(
            "a transform whose name cannot be known may add task definitions, which were not judged"
                .to_owned(),
        ),
    }
}
