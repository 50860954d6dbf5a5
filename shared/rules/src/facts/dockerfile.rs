//! A Dockerfile, as far as rules read it. A reader elsewhere makes it of the text; what depends on a
//! build argument without a default is unknown.
//!
//! Pointers into it are `/instructions/I`, the place in [`Dockerfile::instructions`], and
//! `/stages/S/MEMBER` for what a stage does not have.

use std::iter;

use crate::field::Field;

/// A Dockerfile.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Dockerfile {
    /// The path of its file, as people know it; empty where the text has none.
    pub file: String,
    /// Every instruction, in the order of the file.
    pub instructions: Vec<Instruction>,
    /// The stages, in the order of the file; the last one is the image.
    pub stages: Vec<Stage>,
}

/// A stage: a `FROM` and what follows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Stage {
    /// The name behind `AS`, in lower case as builders compare it.
    pub name: Option<String>,
    /// What it is built on.
    pub base: Base,
    /// The index of its `FROM`.
    pub from: usize,
    /// The index behind its last instruction.
    pub end: usize,
}

/// What a stage is built on.
#[derive(Debug, Clone, PartialEq)]
pub enum Base {
    /// Nothing at all.
    Scratch,
    /// An earlier stage, by index.
    Stage(usize),
    /// One of these earlier stages: which one depends on a variable.
    AnyStage(Vec<usize>),
    /// An image.
    Image(Text),
}

/// Text in which variables are replaced.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Text {
    /// As it stands in the file, without line continuations.
    pub written: String,
    /// What it comes to; unknown where that depends on more than the file.
    pub value: Field<String>,
}

/// An instruction and its place in the text.
#[derive(Debug, Clone, PartialEq)]
pub struct Instruction {
    /// The line, from 1.
    pub line: usize,
    /// The column, in characters from 1.
    pub column: usize,
    /// Whether it stands behind `ONBUILD`, and so is of the images that are built on this one.
    pub onbuild: bool,
    /// What it does.
    pub operation: Operation,
}

/// What an instruction does.
#[derive(Debug, Clone, PartialEq)]
pub enum Operation {
    /// `FROM`; what it says is in the [`Stage`].
    From,
    /// `ARG`.
    Arg(Vec<Assignment>),
    /// `ENV`.
    Env(Vec<Assignment>),
    /// `LABEL`.
    Label(Vec<Assignment>),
    /// `RUN`.
    Run(Run),
    /// `COPY`.
    Copy(Transfer),
    /// `ADD`.
    Add(Transfer),
    /// `USER`.
    User(Text),
    /// `EXPOSE`.
    Expose(Vec<Text>),
    /// `HEALTHCHECK`; `None` is `HEALTHCHECK NONE`.
    Healthcheck(Option<Command>),
    /// `CMD`.
    Cmd(Command),
    /// `ENTRYPOINT`.
    Entrypoint(Command),
    /// `SHELL`.
    Shell(Vec<String>),
    /// Any other, which no rule reads.
    Other,
}

/// A name and what it is set to.
#[derive(Debug, Clone, PartialEq)]
pub struct Assignment {
    /// The name.
    pub name: String,
    /// The value; `None` for an `ARG` without a default.
    pub value: Option<Text>,
}

/// `RUN`.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// The command. Its variables are the shell's to replace.
    pub command: Command,
    /// The here-documents, in order.
    pub here_documents: Vec<HereDocument>,
    /// The values of `--mount`.
    pub mounts: Vec<String>,
}

/// A here-document of `RUN`, `COPY` or `ADD`.
#[derive(Debug, Clone, PartialEq)]
pub struct HereDocument {
    /// What stands between the delimiters.
    pub text: String,
}

/// A command in one of its two forms.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// For the shell, without line continuations and comments.
    Shell(String),
    /// A JSON array of words.
    Exec(Vec<String>),
}

/// `COPY` or `ADD`.
#[derive(Debug, Clone, PartialEq)]
pub struct Transfer {
    /// Paths, and for `ADD` also URLs and Git repositories.
    pub sources: Vec<Text>,
    /// Files that stand in the Dockerfile itself.
    pub here_documents: Vec<HereDocument>,
    /// Where they go.
    pub destination: Text,
    /// `--from`: a stage or an image.
    pub from: Option<Text>,
    /// `--checksum`.
    pub checksum: Option<Text>,
    /// `--chmod`.
    pub chmod: Option<Text>,
}

impl Text {
    /// A glob of all that the text can come to: what it is where that is known, else `*` in place of
    /// each variable.
    pub fn glob(&self) -> String {
        if let Field::Known(value) = &self.value {
            return value.clone();
        }
        let mut glob = String::new();
        let mut rest = self.written.as_str();
        while let Some((before, behind)) = rest.split_once('$') {
            glob.push_str(before);
            glob.push('*');
            rest = if let Some(braced) = behind.strip_prefix('{') {
                braced.split_once('}').map_or("", |(_, rest)| rest)
            } else {
                behind.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_')
            };
        }
        glob.push_str(rest);
        glob
    }
}

impl Dockerfile {
    /// The name of the last stage, else of the file; `?` where neither has one.
    pub fn id(&self) -> String {
        let stage = self.stages.last().and_then(|stage| stage.name.as_deref());
        let file = self.file.rsplit(['/', '\\']).next();
        let file = file.filter(|file| !file.is_empty());
        stage.or(file).unwrap_or("?").to_owned()
    }

    /// The line and column that a pointer points to: an instruction's, or those of the `FROM` of a
    /// stage that lacks something.
    pub fn locate(&self, pointer: &str) -> Option<(usize, usize)> {
        let mut parts = pointer.strip_prefix('/')?.split('/');
        let (list, index) = (parts.next()?, parts.next()?.parse::<usize>().ok()?);
        let index = match list {
            "instructions" => index,
            "stages" => self.stages.get(index)?.from,
            _ => return None,
        };
        let instruction = self.instructions.get(index)?;
        Some((instruction.line, instruction.column))
    }

    /// The instructions of a stage behind its `FROM`, with their indices, without those behind
    /// `ONBUILD`.
    pub(crate) fn of_stage(
        &self,
        stage: &Stage,
    ) -> impl DoubleEndedIterator<Item = (usize, &Operation)> {
        let instructions = self.instructions.get(stage.from..stage.end);
        let instructions = instructions.unwrap_or_default().iter().enumerate();
        let start = stage.from;
        instructions
            .filter(|(_, instruction)| !instruction.onbuild)
            .map(move |(index, instruction)| (start + index, &instruction.operation))
    }

    /// Every instruction with its index, those behind `ONBUILD` included.
    pub(crate) fn operations(&self) -> impl Iterator<Item = (usize, &Operation)> {
        let instructions = self.instructions.iter().enumerate();
        instructions.map(|(index, instruction)| (index, &instruction.operation))
    }

    /// Whether an instruction is of a stage that the image is made of, and not only of one that
    /// something is copied from.
    pub(crate) fn is_in_image(&self, index: usize) -> bool {
        self.lineage()
            .any(|(_, stage)| (stage.from..stage.end).contains(&index))
    }

    /// The stages that the image is made of, from the last one to the one that is built on no other,
    /// each with its index.
    pub(crate) fn lineage(&self) -> impl Iterator<Item = (usize, &Stage)> {
        let last = self.stages.len().checked_sub(1);
        let last = last.and_then(|index| Some((index, self.stages.get(index)?)));
        iter::successors(last, |(index, stage)| match stage.base {
            // A stage is built on earlier ones only, so this ends whatever a reader has made.
            Base::Stage(base) if base < *index => Some((base, self.stages.get(base)?)),
            _ => None,
        })
    }
}
