//! Dockerfiles into facts. The grammar is the crate `parse-dockerfile`'s; what it leaves to its
//! callers stands here: here-documents anywhere in a line, the words of `ENV` and its like, stages
//! and variables.

mod blind;
mod expand;
mod scope;
mod words;

use parse_dockerfile as grammar;
use thiserror::Error;
use tidewaiter_rules::{
    facts::dockerfile::{
        Base, Command, Dockerfile, Instruction, Operation, Run, Stage, Text, Transfer,
    },
    names::quoted,
    policy::matches,
};

use blind::Blinded;
use scope::Scopes;

/// The largest text that is read, in bytes. People write a hundredth of it.
pub const MAX_BYTES: usize = 1024 * 1024;

/// The most stages; a stage may take over the variables of another, so they cost each other.
const MAX_STAGES: usize = 500;

/// A Dockerfile that no builder would read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DockerfileError {
    /// The text is too large.
    #[error("it has more than {MAX_BYTES} bytes")]
    TooLarge,
    /// There is more in it than anyone means.
    #[error("it has more than {most} {what}")]
    TooMany {
        /// What there are too many of.
        what: &'static str,
        /// How many there may be.
        most: usize,
    },
    /// It breaks the grammar.
    #[error("line {line}: {message}")]
    Grammar {
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
}

/// Whether a text is a Dockerfile, by its first instruction: `FROM` or `ARG`.
pub fn is_dockerfile(text: &str) -> bool {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = text.lines().map(str::trim);
    let first = lines.find(|line| !line.is_empty() && !line.starts_with('#'));
    let mut words = first.unwrap_or_default().split_whitespace();
    let instruction = words.next().unwrap_or_default();
    let has_argument = words
        .next()
        .is_some_and(|word| !word.starts_with(['=', ':']));
    has_argument
        && ["FROM", "ARG"]
            .iter()
            .any(|name| name.eq_ignore_ascii_case(instruction))
}

/// Reads a Dockerfile; `file` is the path by which people know it.
///
/// # Errors
/// When no builder would read it, or it is larger than anyone means.
pub fn read(text: &str, file: &str) -> Result<Dockerfile, DockerfileError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.len() > MAX_BYTES {
        return Err(DockerfileError::TooLarge);
    }
    let blinded = Blinded::new(text)?;
    let ungrammatical = |error: &grammar::Error| DockerfileError::Grammar {
        line: error.line().max(1),
        message: format!("{error:#}"),
    };
    let mut reader = Reader {
        text,
        blinded: &blinded,
        scopes: Scopes::new(blinded.escape),
        at: Cursor::default(),
        dockerfile: Dockerfile {
            file: file.to_owned(),
            ..Dockerfile::default()
        },
    };
    let instructions = grammar::parse_iter(&blinded.text).map_err(|error| ungrammatical(&error))?;
    for instruction in instructions {
        let instruction = instruction.map_err(|error| ungrammatical(&error))?;
        reader.add(&instruction)?;
    }
    Ok(reader.dockerfile)
}

/// A place in the text whose line is known. Instructions come in order, so all of them together cost
/// one walk through the text.
#[derive(Debug, Default)]
struct Cursor {
    offset: usize,
    lines: usize,
    line_start: usize,
}

impl Cursor {
    fn go_to(&mut self, offset: usize, text: &str) -> (usize, usize) {
        for (index, _) in text
            .get(self.offset..offset)
            .unwrap_or_default()
            .match_indices('\n')
        {
            self.lines += 1;
            self.line_start = self.offset + index + 1;
        }
        self.offset = offset;
        let before = text.get(self.line_start..offset).unwrap_or_default();
        (self.lines + 1, before.chars().count() + 1)
    }
}

struct Reader<'a> {
    /// As it is in the file: spans of the blinded text hold in it too.
    text: &'a str,
    blinded: &'a Blinded,
    scopes: Scopes,
    at: Cursor,
    dockerfile: Dockerfile,
}

impl Reader<'_> {
    fn add(&mut self, instruction: &grammar::Instruction<'_>) -> Result<(), DockerfileError> {
        let (start, onbuild, inner) = match instruction {
            grammar::Instruction::Onbuild(outer) => {
                (outer.onbuild.span.start, true, outer.instruction.as_ref())
            }
            inner => (keyword(inner), false, inner),
        };
        let (line, column) = self.at.go_to(start, self.text);
        let operation = match inner {
            grammar::Instruction::From(from) if !onbuild => self.from(from)?,
            inner => self.operation(inner, start, onbuild)?,
        };
        self.dockerfile.instructions.push(Instruction {
            line,
            column,
            onbuild,
            operation,
        });
        let end = self.dockerfile.instructions.len();
        if let Some(stage) = self.dockerfile.stages.last_mut() {
            stage.end = end;
        }
        Ok(())
    }

    fn from(&mut self, from: &grammar::FromInstruction<'_>) -> Result<Operation, DockerfileError> {
        if self.dockerfile.stages.len() == MAX_STAGES {
            return Err(DockerfileError::TooMany {
                what: "stages",
                most: MAX_STAGES,
            });
        }
        let image = self.scopes.of_from(&from.image.value);
        let base = self.base(image);
        self.scopes.begin_stage(match base {
            Base::Stage(index) => Some(index),
            _ => None,
        });
        let index = self.dockerfile.instructions.len();
        let name = from.as_.as_ref().map(|(_, name)| name.value.to_lowercase());
        self.dockerfile.stages.push(Stage {
            name,
            base,
            from: index,
            end: index,
        });
        Ok(Operation::From)
    }

    fn base(&self, image: Text) -> Base {
        let stages = self.dockerfile.stages.iter().enumerate();
        let Some(known) = image.value.known() else {
            let glob = image.glob().to_lowercase();
            let meant = stages.filter(|(_, stage)| {
                let name = stage.name.as_deref();
                name.is_some_and(|name| matches(&glob, name))
            });
            let meant: Vec<usize> = meant.map(|(index, _)| index).collect();
            // `$BASE` alone could be anything, and is an image unless the builder is told otherwise.
            let is_named = glob.chars().any(char::is_alphanumeric);
            return if is_named && !meant.is_empty() {
                Base::AnyStage(meant)
            } else {
                Base::Image(image)
            };
        };
        let name = known.to_lowercase();
        // Of two stages of one name, builders take the later.
        let stage = stages
            .rev()
            .find(|(_, stage)| stage.name.as_deref() == Some(&name));
        match stage {
            Some((index, _)) => Base::Stage(index),
            None if known == "scratch" => Base::Scratch,
            None => Base::Image(image),
        }
    }

    fn operation(
        &mut self,
        instruction: &grammar::Instruction<'_>,
        start: usize,
        onbuild: bool,
    ) -> Result<Operation, DockerfileError> {
        use grammar::Instruction as I;
        Ok(match instruction {
            I::Arg(arg) => Operation::Arg(self.scopes.arg(&arg.arguments.value, onbuild)?),
            I::Env(env) => Operation::Env(self.scopes.env(&env.arguments.value, onbuild)?),
            I::Label(label) => Operation::Label(self.scopes.assignments(&label.arguments.value)),
            I::Run(run) => Operation::Run(Run {
                command: self.command(&run.arguments),
                here_documents: self.blinded.here_documents(start),
                mounts: run
                    .options
                    .iter()
                    .filter(|flag| flag.name.value == "mount")
                    .filter_map(|flag| Some(flag.value.as_ref()?.value.to_string()))
                    .collect(),
            }),
            I::Copy(copy) => {
                Operation::Copy(self.transfer(&copy.options, &copy.src, &copy.dest, start))
            }
            I::Add(add) => Operation::Add(self.transfer(&add.options, &add.src, &add.dest, start)),
            I::User(user) => Operation::User(self.scopes.text(&user.arguments.value)),
            I::Expose(expose) => {
                let ports = expose.arguments.iter();
                Operation::Expose(ports.map(|port| self.scopes.text(&port.value)).collect())
            }
            I::Healthcheck(check) => Operation::Healthcheck(match &check.arguments {
                grammar::HealthcheckArguments::Cmd { arguments, .. } => {
                    Some(self.command(arguments))
                }
                _ => None,
            }),
            I::Cmd(cmd) => Operation::Cmd(self.command(&cmd.arguments)),
            I::Entrypoint(entrypoint) => Operation::Entrypoint(self.command(&entrypoint.arguments)),
            I::Shell(shell) => Operation::Shell(
                shell
                    .arguments
                    .iter()
                    .map(|word| word.value.to_string())
                    .collect(),
            ),
            _ => Operation::Other,
        })
    }

    fn command(&self, command: &grammar::Command<'_>) -> Command {
        match command {
            grammar::Command::Exec(words) => Command::Exec(
                words
                    .value
                    .iter()
                    .map(|word| word.value.to_string())
                    .collect(),
            ),
            grammar::Command::Shell(text) => {
                let text = self.text.get(text.span.clone()).unwrap_or(text.value);
                Command::Shell(words::unfolded(text, self.blinded.escape))
            }
            // What a later version of the grammar knows, this does not.
            _ => Command::Shell(String::new()),
        }
    }

    fn transfer(
        &self,
        options: &[grammar::Flag<'_>],
        sources: &[grammar::Source<'_>],
        destination: &grammar::UnescapedString<'_>,
        start: usize,
    ) -> Transfer {
        let mut transfer = Transfer {
            sources: Vec::new(),
            here_documents: self.blinded.here_documents(start),
            destination: self.scopes.text(&destination.value),
            from: None,
            checksum: None,
            chmod: None,
        };
        for flag in options {
            let value = flag.value.as_ref();
            let value = value.map(|value| self.scopes.text(&value.value));
            match flag.name.value.as_ref() {
                "from" => transfer.from = value,
                "checksum" => transfer.checksum = value,
                "chmod" => transfer.chmod = value,
                _ => {}
            }
        }
        for source in sources {
            if let grammar::Source::Path(path) = source
                && !path.value.starts_with(blind::MARK)
            {
                transfer.sources.push(self.scopes.text(&path.value));
            }
        }
        transfer
    }
}

fn keyword(instruction: &grammar::Instruction<'_>) -> usize {
    use grammar::Instruction as I;
    let keyword = match instruction {
        I::Add(i) => &i.add,
        I::Arg(i) => &i.arg,
        I::Cmd(i) => &i.cmd,
        I::Copy(i) => &i.copy,
        I::Entrypoint(i) => &i.entrypoint,
        I::Env(i) => &i.env,
        I::Expose(i) => &i.expose,
        I::From(i) => &i.from,
        I::Healthcheck(i) => &i.healthcheck,
        I::Label(i) => &i.label,
        I::Maintainer(i) => &i.maintainer,
        I::Onbuild(i) => &i.onbuild,
        I::Run(i) => &i.run,
        I::Shell(i) => &i.shell,
        I::Stopsignal(i) => &i.stopsignal,
        I::User(i) => &i.user,
        I::Volume(i) => &i.volume,
        I::Workdir(i) => &i.workdir,
        _ => return 0,
    };
    keyword.span.start
}
