//! What stands in a file, before anything is worked out.

use std::{
    collections::{BTreeMap, HashSet},
    fmt,
};

use granit_parser::{Event, Options, Parser, ScalarStyle, Span, Tag};
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};
use tidewaiter_rules::names::quoted;

use crate::{Position, TemplateError};

/// How deep a document may be nested, aliases worked out.
const DEEPEST: usize = 100;

/// How many values a document may have, aliases worked out. A template has at most 1 MB.
const MOST_NODES: usize = 400_000;

/// A value of a document and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) value: Value,
    /// Whether it is a scalar that is no text: a number, `true` or `false`.
    pub(crate) is_bare: bool,
}

#[derive(Debug, Clone)]
pub(crate) enum Value {
    Null,
    Scalar(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A member of a map.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    /// Where the key stands; `None` in a document without lines that matter.
    pub(crate) position: Option<Position>,
    pub(crate) node: Node,
}

impl Node {
    fn new(value: Value) -> Self {
        Self {
            value,
            is_bare: false,
        }
    }

    /// A number, `true` or `false`.
    fn bare(text: String) -> Self {
        Self {
            value: Value::Scalar(text),
            is_bare: true,
        }
    }

    /// The member `key` of a map.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        let entry = self.entries().iter().find(|entry| entry.key == key);
        entry.map(|entry| &entry.node)
    }

    /// The members of a map; none of anything else.
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The elements of a list; none of anything else.
    pub(crate) fn elements(&self) -> &[Node] {
        match &self.value {
            Value::List(list) => list,
            _ => &[],
        }
    }

    /// Whether CloudFormation puts something else in its place.
    pub(crate) fn is_function(&self) -> bool {
        matches!(self.entries(), [entry] if entry.key == "Ref" || entry.key.starts_with("Fn::"))
    }

    /// The text of a scalar.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(text) => Some(text),
            _ => None,
        }
    }

    /// How many values there are, and how deep they are nested.
    fn measure(&self) -> (usize, usize) {
        let inner = |nodes: &mut dyn Iterator<Item = &Node>| {
            nodes
                .map(Node::measure)
                .fold((1, 0), |(size, height), (more, deep)| {
                    (size + more, height.max(deep))
                })
        };
        let (size, height) = match &self.value {
            Value::Null | Value::Scalar(_) => (1, 0),
            Value::List(list) => inner(&mut list.iter()),
            Value::Map(entries) => inner(&mut entries.iter().map(|entry| &entry.node)),
        };
        (size, height + 1)
    }

    /// Reads JSON. No object may have a member twice.
    pub(crate) fn from_json(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    /// Reads YAML, of which JSON is a part: one document, aliases and merge keys worked out, short
    /// forms of functions made long.
    pub(crate) fn from_yaml(text: &str) -> Result<Self, TemplateError> {
        let mut builder = Builder::default();
        let mut options = Options::default();
        options.block_nesting_limit = DEEPEST;
        options.flow_nesting_limit = DEEPEST;
        for event in Parser::new_from_str_with_options(text, options) {
            let (event, span) = event.map_err(|error| TemplateError::Yaml {
                line: error.marker().line(),
                message: error.info(),
            })?;
            let line = span.start.line();
            builder
                .take(event, span)
                .map_err(|message| TemplateError::Yaml {
                    line: builder.wrong_line.unwrap_or(line),
                    message,
                })?;
        }
        Ok(builder.root.unwrap_or(Self::new(Value::Null)))
    }
}

/// A collection that has begun and not ended.
struct Open {
    value: Value,
    /// The key that waits for its value.
    key: Option<(String, Position)>,
    tag: Option<String>,
    anchor: usize,
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    anchors: BTreeMap<usize, Node>,
    root: Option<Node>,
    documents: usize,
    nodes: usize,
    /// The line of what is wrong, where it is not the one just read.
    wrong_line: Option<usize>,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), String> {
        let position = Position {
            line: span.start.line(),
            column: span.start.col() + 1,
        };
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err("a second document begins, and a template is one".to_owned());
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                let tag = tag.as_deref().and_then(function);
                let is_null = matches!(style, ScalarStyle::Plain)
                    && tag.is_none()
                    && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                let node = if is_null && !self.awaits_key() {
                    Node::new(Value::Null)
                } else if matches!(style, ScalarStyle::Plain) && tag.is_none() && is_bare(&text) {
                    Node::bare(text.into_owned())
                } else {
                    Node::new(Value::Scalar(text.into_owned()))
                };
                self.add(node, tag, anchor, position)?;
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.begin(Value::List(Vec::new()), tag.as_deref(), anchor)?;
            }
            Event::MappingStart(_, anchor, tag) => {
                self.begin(Value::Map(Vec::new()), tag.as_deref(), anchor)?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(open) = self.open.pop() {
                    let node = Node::new(self.merged(open.value)?);
                    self.add(node, open.tag, open.anchor, position)?;
                }
            }
            Event::Alias(anchor) => {
                let target = self.anchors.get(&anchor);
                let target = target
                    .ok_or("an alias stands within what it names")?
                    .clone();
                let (size, height) = target.measure();
                self.spend(size)?;
                if self.open.len() + height > DEEPEST {
                    return Err(too_deep());
                }
                self.add(target, None, 0, position)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn spend(&mut self, nodes: usize) -> Result<(), String> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > MOST_NODES {
            return Err(format!("there are more than {MOST_NODES} values"));
        }
        Ok(())
    }

    fn awaits_key(&self) -> bool {
        let open = self.open.last();
        open.is_some_and(|open| matches!(open.value, Value::Map(_)) && open.key.is_none())
    }

    fn begin(&mut self, value: Value, tag: Option<&Tag>, anchor: usize) -> Result<(), String> {
        if self.awaits_key() {
            return Err("a key is a text, and here stands a list or a map".to_owned());
        }
        if self.open.len() >= DEEPEST {
            return Err(too_deep());
        }
        self.open.push(Open {
            value,
            key: None,
            tag: tag.and_then(function),
            anchor,
        });
        Ok(())
    }

    /// Puts a finished value where it belongs.
    fn add(
        &mut self,
        node: Node,
        tag: Option<String>,
        anchor: usize,
        position: Position,
    ) -> Result<(), String> {
        self.spend(1)?;
        let node = match tag {
            None => node,
            Some(function) => Node::new(Value::Map(vec![Entry {
                key: function,
                position: Some(position),
                node,
            }])),
        };
        if anchor != 0 {
            self.spend(node.measure().0)?;
            self.anchors.insert(anchor, node.clone());
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut open.value {
            Value::List(list) => list.push(node),
            Value::Map(entries) => match open.key.take() {
                None => {
                    let Value::Scalar(key) = node.value else {
                        return Err("a key is a text, and here stands none".to_owned());
                    };
                    open.key = Some((key, position));
                }
                Some((key, position)) => entries.push(Entry {
                    key,
                    position: Some(position),
                    node,
                }),
            },
            Value::Null | Value::Scalar(_) => {}
        }
        Ok(())
    }

    /// A collection with its merge keys worked out, and without a key that stands twice.
    fn merged(&mut self, value: Value) -> Result<Value, String> {
        let Value::Map(entries) = value else {
            return Ok(value);
        };
        let mut keys = HashSet::with_capacity(entries.len());
        let (merges, mut own): (Vec<Entry>, Vec<Entry>) =
            entries.into_iter().partition(|entry| entry.key == "<<");
        for entry in &own {
            if !keys.insert(entry.key.clone()) {
                self.wrong_line = entry.position.map(|position| position.line);
                return Err(format!("{} stands twice", quoted(&entry.key)));
            }
        }
        for merge in merges {
            let sources = match merge.node.value {
                Value::List(list) => list,
                value => vec![Node::new(value)],
            };
            for source in sources {
                let Value::Map(entries) = source.value else {
                    return Err("`<<` takes a map or a list of maps".to_owned());
                };
                own.extend(
                    entries
                        .into_iter()
                        .filter(|entry| keys.insert(entry.key.clone())),
                );
            }
        }
        Ok(Value::Map(own))
    }
}

/// Whether a plain scalar is a number, `true` or `false`.
fn is_bare(text: &str) -> bool {
    matches!(text, "true" | "false") || serde_json::from_str::<serde_json::Number>(text).is_ok()
}

fn too_deep() -> String {
    format!("it is nested more than {DEEPEST} levels deep")
}

/// The long name of the function that a tag is short for.
fn function(tag: &Tag) -> Option<String> {
    match tag.to_string().strip_prefix('!')? {
        "" => None,
        "Ref" => Some("Ref".to_owned()),
        "Condition" => Some("Condition".to_owned()),
        name => Some(format!("Fn::{name}")),
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Node, E> {
        Ok(Node::new(Value::Null))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Node, E> {
        Ok(Node::new(Value::Scalar(text.to_owned())))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Node, E> {
        Ok(Node::bare(value.to_string()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Node, E> {
        Ok(Node::bare(number.to_string()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Node, E> {
        Ok(Node::bare(number.to_string()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Node, E> {
        Ok(Node::bare(number.to_string()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(node) = elements.next_element()? {
            list.push(node);
        }
        Ok(Node::new(Value::List(list)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        let mut keys = HashSet::new();
        while let Some((key, node)) = members.next_entry::<String, Node>()? {
            if !keys.insert(key.clone()) {
                return Err(A::Error::custom(format!("{} stands twice", quoted(&key))));
            }
            entries.push(Entry {
                key,
                position: None,
                node,
            });
        }
        Ok(Node::new(Value::Map(entries)))
    }
}
