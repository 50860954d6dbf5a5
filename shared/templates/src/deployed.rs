//! A deployed template: what it wants every resource to be, in this account and Region.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use tidewaiter_rules::names::Place;

use crate::{
    MAX_BYTES, TemplateError,
    cloudformation::{Known, Template},
    node::{self, Node},
    tree::Tree,
};

/// The only member of what stands for a value that cannot be known; its value says why.
pub const UNKNOWN: &str = "Fn::Unknown";

/// A stack that a template was deployed as.
#[derive(Debug, Clone, Copy)]
pub struct Deployment<'a> {
    /// Where.
    pub place: &'a Place,
    /// The name of the stack.
    pub name: &'a str,
    /// The ARN of the stack.
    pub id: &'a str,
    /// The values of its parameters.
    pub parameters: &'a BTreeMap<String, String>,
    /// Its resources by logical id: type, and physical id, which is empty where there is none.
    pub resources: &'a BTreeMap<String, (String, String)>,
}

/// A resource as the template wants it.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    /// The logical id.
    pub id: String,
    /// The type, such as `AWS::SQS::Queue`.
    pub kind: String,
    /// The physical id; empty where the stack has none.
    pub physical: String,
    /// The properties, with every function worked out. What a function gives is text, as CloudFormation has
    /// it; what stands in the template keeps its type. What cannot be known is an object with the only member
    /// [`UNKNOWN`]; what is not set is not there.
    pub properties: Value,
}

impl Deployment<'_> {
    /// What the template wants, in its order. `template` is JSON or YAML, after its transforms. Resources whose
    /// condition does not hold are left out.
    ///
    /// # Errors
    /// When the text is no template.
    pub fn wanted(&self, template: &str) -> Result<Vec<Wanted>, TemplateError> {
        if template.len() > MAX_BYTES {
            return Err(TemplateError::TooLarge);
        }
        // Either reads what the other cannot: keys of any length, and YAML.
        let root = Node::from_json(template).or_else(|_| Node::from_yaml(template))?;
        let known = self.known();
        let template = Template::new(&root, self.parameters, &known);
        let resources = root.get("Resources").map_or(&[][..], Node::entries);
        let mut wanted = Vec::with_capacity(resources.len());
        for entry in resources {
            let kind = entry.node.get("Type").and_then(Node::text);
            let (deployed_kind, physical) =
                self.resources.get(&entry.key).cloned().unwrap_or_default();
            let condition = entry.node.get("Condition").and_then(Node::text);
            // What CloudFormation made it made because the condition held.
            let is_wanted =
                condition.is_none_or(|name| template.holds(name).unwrap_or(!physical.is_empty()));
            if !is_wanted {
                continue;
            }
            let properties = entry.node.get("Properties");
            let properties = properties.and_then(|node| typed(&template, node));
            wanted.push(Wanted {
                id: entry.key.clone(),
                kind: kind.map_or(deployed_kind, str::to_owned),
                physical,
                properties: properties.unwrap_or_else(|| json!({})),
            });
        }
        Ok(wanted)
    }

    fn known(&self) -> Known {
        let suffix = match self.place.partition() {
            "aws-cn" => "amazonaws.com.cn",
            _ => "amazonaws.com",
        };
        let pseudo = [
            ("AWS::AccountId", self.place.account()),
            ("AWS::Partition", self.place.partition()),
            ("AWS::Region", self.place.region()),
            ("AWS::StackId", self.id),
            ("AWS::StackName", self.name),
            ("AWS::URLSuffix", suffix),
        ];
        let mut known = Known::default();
        for (name, value) in pseudo {
            known.references.insert(name.to_owned(), value.to_owned());
        }
        for (id, (kind, physical)) in self.resources {
            if physical.is_empty() {
                continue;
            }
            known.references.insert(id.clone(), physical.clone());
            for (attribute, value) in attributes(kind, physical, self.place) {
                known.attributes.insert(format!("{id}.{attribute}"), value);
            }
        }
        known
    }
}

/// The attributes of a resource that its physical id tells.
fn attributes(kind: &str, physical: &str, place: &Place) -> Vec<(&'static str, String)> {
    let (partition, region, account) = (place.partition(), place.region(), place.account());
    let arn =
        |service: &str, name: &str| format!("arn:{partition}:{service}:{region}:{account}:{name}");
    let last = physical.rsplit(['/', ':']).next().unwrap_or(physical);
    match kind {
        "AWS::CloudWatch::Alarm" => vec![("Arn", arn("cloudwatch", &format!("alarm:{physical}")))],
        "AWS::DynamoDB::Table" => vec![("Arn", arn("dynamodb", &format!("table/{physical}")))],
        // On another bus than the default one the physical id is `bus|rule`.
        "AWS::Events::Rule" => {
            let name = physical.replace('|', "/");
            vec![("Arn", arn("events", &format!("rule/{name}")))]
        }
        "AWS::IAM::Role" => vec![(
            "Arn",
            format!("arn:{partition}:iam::{account}:role/{physical}"),
        )],
        "AWS::KMS::Key" => vec![
            ("Arn", arn("kms", &format!("key/{physical}"))),
            ("KeyId", physical.to_owned()),
        ],
        "AWS::Lambda::Function" => vec![("Arn", arn("lambda", &format!("function:{physical}")))],
        "AWS::Logs::LogGroup" => vec![("Arn", arn("logs", &format!("log-group:{physical}:*")))],
        "AWS::Pipes::Pipe" => vec![("Arn", arn("pipes", &format!("pipe/{physical}")))],
        "AWS::SNS::Topic" => vec![
            ("TopicArn", physical.to_owned()),
            ("TopicName", last.to_owned()),
        ],
        "AWS::SQS::Queue" => vec![
            ("Arn", arn("sqs", last)),
            ("QueueName", last.to_owned()),
            ("QueueUrl", physical.to_owned()),
        ],
        _ => Vec::new(),
    }
}

/// The value of a node, with the types of what stands in the template: a pattern for `false` does not
/// match the text. `None` for what is not set.
fn typed(template: &Template<'_>, node: &Node) -> Option<Value> {
    match &node.value {
        node::Value::Scalar(text) if node.is_bare => {
            Some(serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone())))
        }
        node::Value::List(list) => {
            let values = list.iter().filter_map(|node| typed(template, node));
            Some(Value::Array(values.collect()))
        }
        node::Value::Map(entries) => match entries.as_slice() {
            [entry] if entry.key == "Fn::If" => match entry.node.elements() {
                [name, then, otherwise] => match name.text().map(|name| template.holds(name)) {
                    Some(Ok(true)) => typed(template, then),
                    Some(Ok(false)) => typed(template, otherwise),
                    _ => value(template.evaluate(node)),
                },
                _ => value(template.evaluate(node)),
            },
            _ if node.is_function() => value(template.evaluate(node)),
            _ => {
                let members = entries.iter();
                let members = members
                    .filter_map(|entry| Some((entry.key.clone(), typed(template, &entry.node)?)));
                Some(Value::Object(members.collect()))
            }
        },
        _ => value(template.evaluate(node)),
    }
}

/// A tree as JSON; `None` for what is not set.
fn value(tree: Tree) -> Option<Value> {
    Some(match tree {
        Tree::Null => return None,
        Tree::Scalar(text) => Value::String(text),
        Tree::List(list) => Value::Array(list.into_iter().filter_map(value).collect()),
        Tree::Map(map) => {
            let members = map.members.into_iter();
            let mut made: Map<String, Value> = members
                .filter_map(|(key, tree)| Some((key, value(tree)?)))
                .collect();
            if let Some(reason) = map.rest {
                made.insert(UNKNOWN.to_owned(), Value::String(reason));
            }
            Value::Object(made)
        }
        Tree::Unknown(reason) => json!({ UNKNOWN: reason }),
    })
}

#[cfg(test)]
mod tests;
