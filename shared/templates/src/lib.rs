//! CloudFormation and SAM templates and Terraform plans in, task definitions out.
//!
//! What a file of this kind says depends on more than the file: parameters, other resources, the
//! account. Whatever cannot be known from the file alone is [`tidewaiter_rules::Field::Unknown`],
//! with the reason, and nothing is guessed. Nothing here reads a file, the environment or the
//! network.

mod cloudformation;
mod definition;
mod deployed;
mod json;
mod node;
mod places;
mod terraform;
mod tree;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, de::IgnoredAny};
use thiserror::Error;
use tidewaiter_rules::{facts::TaskDefinition, names::quoted};

pub use deployed::{Deployment, UNKNOWN, Wanted};
pub use json::positions;
use node::{Node, Value};
use places::Places;

/// The largest text that is read, in bytes. CloudFormation takes 1 MB; plans may be larger.
pub const MAX_BYTES: usize = 32 * 1024 * 1024;

/// A task definition that a file describes.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The logical id of the resource, or its Terraform address.
    pub id: String,
    /// The definition, in `RegisterTaskDefinition` spelling whatever the file's was, so that JSON
    /// pointers into it are the same everywhere.
    pub definition: TaskDefinition,
    /// Where the resource begins in the file; `None` for a Terraform plan, which is not a file that
    /// someone wrote.
    pub position: Option<Position>,
    places: Places,
}

impl Found {
    /// Where in the file the value of a JSON pointer into the definition stands, or the innermost
    /// around it that has a place of its own: what a function yields has none.
    pub fn locate(&self, pointer: &str) -> Option<Position> {
        self.places.of(pointer).or(self.position)
    }
}

/// A place in a text; both numbers count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

/// A template or plan that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TemplateError {
    /// It is not YAML, or not YAML that is a template.
    #[error("line {line}: {message}")]
    Yaml {
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// The text is too large.
    #[error("it has more than {MAX_BYTES} bytes")]
    TooLarge,
    /// It is not JSON.
    #[error("{0}")]
    Json(String),
    /// One resource cannot be read at all.
    #[error("the resource {}: {message}", quoted(.id))]
    Resource {
        /// The logical id or address.
        id: String,
        /// What is wrong.
        message: String,
    },
}

/// Which members a JSON document has at the top.
#[derive(Deserialize)]
struct Shape {
    #[serde(rename = "Resources")]
    resources: Option<IgnoredAny>,
    format_version: Option<IgnoredAny>,
    planned_values: Option<IgnoredAny>,
    resource_changes: Option<IgnoredAny>,
    values: Option<IgnoredAny>,
}

impl Shape {
    fn is_plan(&self) -> bool {
        self.format_version.is_some()
            && (self.planned_values.is_some()
                || self.resource_changes.is_some()
                || self.values.is_some())
    }
}

/// A template or plan that has been read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Recognised {
    /// Its task definitions, in the order of the text.
    pub found: Vec<Found>,
    /// The parameters that a template declares, of those that were given.
    pub used: BTreeSet<String>,
    /// What may add task definitions that the text does not show, each in one line.
    pub unseen: Vec<String>,
}

/// Reads every task definition of a template (JSON or YAML) or of a plan or state as
/// `terraform show -json` prints it. `None`: the text is neither of them. `parameters` are values
/// given to a template by name, in place of its defaults.
///
/// # Errors
/// When the text is one of them and cannot be read: broken YAML or JSON, a member that stands
/// twice, or more nesting or aliases than any template has.
pub fn recognise(
    text: &str,
    parameters: &BTreeMap<String, String>,
) -> Result<Option<Recognised>, TemplateError> {
    if text.len() > MAX_BYTES {
        return Err(TemplateError::TooLarge);
    }
    let is_braced = text.trim_start().starts_with('{');
    if is_braced && let Ok(shape) = serde_json::from_str::<Shape>(text) {
        if shape.is_plan() {
            let plan = Node::from_json(text).map_err(TemplateError::Json)?;
            return terraform::read(&plan).map(|found| {
                Some(Recognised {
                    found,
                    ..Recognised::default()
                })
            });
        }
        if shape.resources.is_none() {
            return Ok(None);
        }
    }
    if !text.contains("Resources") {
        return Ok(None);
    }
    let template = match Node::from_yaml(text) {
        Ok(template) => template,
        // JSON is YAML except at the edges, such as keys of more than 1024 characters.
        Err(error) if is_braced => Node::from_json(text).map_err(|_| error)?,
        Err(error) if looks_like_a_template(text) => return Err(error),
        Err(_) => return Ok(None),
    };
    match template.get("Resources").map(|resources| &resources.value) {
        Some(Value::Map(_)) => cloudformation::read(&template, parameters).map(Some),
        _ => Ok(None),
    }
}

/// Whether a text that is not YAML was meant as a template.
fn looks_like_a_template(text: &str) -> bool {
    text.lines()
        .any(|line| line.starts_with("Resources:") || line.starts_with("AWSTemplateFormatVersion"))
}

#[cfg(test)]
mod tests;
