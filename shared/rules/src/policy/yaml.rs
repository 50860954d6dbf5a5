//! What stands in a policy file and where, before anything is made of it.

use std::collections::{BTreeMap, HashSet};

use granit_parser::{Event, Options, Parser, ScalarStyle, Span as Marks, StructureStyle};

use super::mistake::{Mistake, Span};

/// How deep a policy may be nested, aliases worked out; a policy is nested seven deep.
const DEEPEST: usize = 32;

/// How many values a policy may have, aliases worked out. The file has at most 1 MiB.
const MOST_NODES: usize = 200_000;

/// A value and where it stands.
#[derive(Debug, Clone)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Where it stands.
    pub span: Span,
    /// How many values it is made of, and how deep they are nested.
    size: usize,
    height: usize,
}

/// A value, before anything is made of it.
#[derive(Debug, Clone)]
pub enum Value {
    /// Nothing.
    Null,
    /// A text, as it stands in the file.
    Scalar(String),
    /// A list.
    List(Vec<Node>),
    /// A map, its members in the order of the file.
    Map(Vec<Entry>),
}

/// A member of a map.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its name.
    pub key: String,
    /// Where the name stands.
    pub span: Span,
    /// Its value.
    pub node: Node,
}

impl Node {
    fn new(value: Value, span: Span) -> Self {
        let inner = |nodes: &mut dyn Iterator<Item = &Node>| {
            nodes.fold((1, 0), |(size, height): (usize, usize), node| {
                (size.saturating_add(node.size), height.max(node.height))
            })
        };
        let (size, height) = match &value {
            Value::Null | Value::Scalar(_) => (1, 0),
            Value::List(list) => inner(&mut list.iter()),
            Value::Map(entries) => inner(&mut entries.iter().map(|entry| &entry.node)),
        };
        Self {
            value,
            span,
            size,
            height: height + 1,
        }
    }

    /// What it is, for people.
    pub fn kind(&self) -> &'static str {
        match &self.value {
            Value::Null => "nothing",
            Value::Scalar(_) => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }
}

/// Reads one YAML document; aliases and merge keys are worked out.
///
/// # Errors
/// When it is not YAML, or has more in it than a file of ours can have.
pub fn parse(text: &str) -> Result<Node, Mistake> {
    let mut builder = Builder::default();
    let mut options = Options::default();
    options.block_nesting_limit = DEEPEST;
    options.flow_nesting_limit = DEEPEST;
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, marks) = event.map_err(|error| {
            let marker = error.marker();
            let span = Span::new(marker.line(), marker.col() + 1, 1);
            Mistake::new(span, format!("this is not YAML: {}", error.info()))
                .help("check the indentation (spaces, no tabs), and that every bracket and quote is closed")
        })?;
        builder.take(event, marks)?;
    }
    Ok(builder.root.unwrap_or(Node::new(Value::Null, Span::START)))
}

/// A collection that has begun and not ended.
struct Open {
    value: Value,
    /// The key that waits for its value.
    key: Option<(String, Span)>,
    anchor: usize,
    is_block: bool,
    start: Marks,
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    anchors: BTreeMap<usize, Node>,
    root: Option<Node>,
    documents: usize,
    nodes: usize,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, marks: Marks) -> Result<(), Mistake> {
        let span = span(marks, marks);
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(Mistake::new(span, "a second document begins here")
                        .help("a file is one document: remove the `---` before this line"));
                }
            }
            Event::Scalar(text, style, anchor, _) => {
                let is_null = matches!(style, ScalarStyle::Plain)
                    && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                let value = if is_null && !self.awaits_key() {
                    Value::Null
                } else {
                    Value::Scalar(text.into_owned())
                };
                self.add(Node::new(value, span), anchor)?;
            }
            Event::SequenceStart(style, anchor, _) => {
                self.begin(Value::List(Vec::new()), style, anchor, marks)?;
            }
            Event::MappingStart(style, anchor, _) => {
                self.begin(Value::Map(Vec::new()), style, anchor, marks)?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(open) = self.open.pop() {
                    let first = match &open.value {
                        Value::List(list) => list.first().map(|node| node.span),
                        Value::Map(entries) => entries.first().map(|entry| entry.span),
                        Value::Null | Value::Scalar(_) => None,
                    };
                    // A block begins where its first line does and has no end that helps to see.
                    let span = match first {
                        Some(first) if open.is_block => first,
                        _ => self::span(open.start, marks),
                    };
                    let node = Node::new(merged(open.value)?, span);
                    self.add(node, open.anchor)?;
                }
            }
            Event::Alias(anchor) => {
                let target = self.anchors.get(&anchor);
                let target = target
                    .ok_or_else(|| Mistake::new(span, "an alias stands within what it names"));
                let mut target = target?.clone();
                self.spend(target.size, span)?;
                if self.open.len() + target.height > DEEPEST {
                    return Err(too_deep(span));
                }
                target.span = span;
                self.add(target, 0)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn spend(&mut self, nodes: usize, span: Span) -> Result<(), Mistake> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > MOST_NODES {
            let message = format!("the file has more than {MOST_NODES} values, aliases worked out");
            return Err(Mistake::new(span, message).help("say less, or with fewer aliases"));
        }
        Ok(())
    }

    fn awaits_key(&self) -> bool {
        let open = self.open.last();
        open.is_some_and(|open| matches!(open.value, Value::Map(_)) && open.key.is_none())
    }

    fn begin(
        &mut self,
        value: Value,
        style: StructureStyle,
        anchor: usize,
        start: Marks,
    ) -> Result<(), Mistake> {
        if self.awaits_key() {
            return Err(no_key(span(start, start)));
        }
        if self.open.len() >= DEEPEST {
            return Err(too_deep(span(start, start)));
        }
        self.open.push(Open {
            value,
            key: None,
            anchor,
            is_block: style == StructureStyle::Block,
            start,
        });
        Ok(())
    }

    /// Puts a finished value where it belongs.
    fn add(&mut self, mut node: Node, anchor: usize) -> Result<(), Mistake> {
        self.spend(1, node.span)?;
        if anchor != 0 {
            self.spend(node.size, node.span)?;
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
                        return Err(no_key(node.span));
                    };
                    open.key = Some((key, node.span));
                }
                Some((key, span)) => {
                    // Nothing cannot be underlined, its name can.
                    if matches!(node.value, Value::Null) {
                        node.span = span;
                    }
                    entries.push(Entry { key, span, node });
                }
            },
            Value::Null | Value::Scalar(_) => {}
        }
        Ok(())
    }
}

/// A collection with its merge keys worked out: what a map says itself has precedence.
fn merged(value: Value) -> Result<Value, Mistake> {
    let Value::Map(entries) = value else {
        return Ok(value);
    };
    let (merges, mut own): (Vec<Entry>, Vec<Entry>) =
        entries.into_iter().partition(|entry| entry.key == "<<");
    let mut keys: HashSet<String> = own.iter().map(|entry| entry.key.clone()).collect();
    for merge in merges {
        let sources = match merge.node.value {
            Value::List(list) => list,
            value => vec![Node::new(value, merge.node.span)],
        };
        for source in sources {
            let Value::Map(entries) = source.value else {
                return Err(Mistake::new(
                    source.span,
                    "`<<` takes a map or a list of maps",
                ));
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

fn no_key(span: Span) -> Mistake {
    Mistake::new(span, "a key is a text, and here stands something else")
        .help("`{` begins a map and `[` a list: quote a text that begins with one, and fill in what a template has left open")
}

fn too_deep(span: Span) -> Mistake {
    Mistake::new(
        span,
        format!("the file is nested more than {DEEPEST} levels deep"),
    )
}

/// From the begin of one mark to the end of another; to the end of the line where that is further
/// down.
fn span(from: Marks, to: Marks) -> Span {
    let (start, end) = (from.start, to.end);
    let length = if end.line() == start.line() {
        end.col().saturating_sub(start.col())
    } else {
        usize::MAX
    };
    Span::new(start.line(), start.col() + 1, length)
}
