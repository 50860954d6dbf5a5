//! What is wrong with a policy file or another one of ours, and where.

use std::fmt::{self, Write as _};

use jiff::civil::Date;
use thiserror::Error;

use crate::{conceal, names::is_inert};

/// How many mistakes are told; the others are counted.
const MOST: usize = 50;

/// How many mistakes are told in one line.
const MOST_IN_A_LINE: usize = 5;

/// How much of a line is shown, in characters.
const WIDTH: usize = 100;

/// A part of one line. Lines and columns count from 1, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    line: usize,
    column: usize,
    length: usize,
}

/// The begin of a file: what does not stand in it is missed there.
impl Default for Span {
    fn default() -> Self {
        Self::START
    }
}

impl Span {
    /// The begin of a file.
    pub const START: Self = Self::new(1, 1, 1);

    /// `length` characters from this place on.
    pub const fn new(line: usize, column: usize, length: usize) -> Self {
        Self {
            line,
            column,
            length,
        }
    }
}

/// One mistake, until the lines are at hand that it is about.
#[derive(Debug)]
pub struct Mistake {
    span: Span,
    note: &'static str,
    other: Option<Box<(Span, &'static str)>>,
    message: String,
    help: Option<String>,
}

impl Mistake {
    /// `message` is lower case, without a full stop, and shows outside text through
    /// [`crate::names::quoted`] only. Of secrets that do not belong there nothing is shown.
    pub fn new(span: Span, message: impl Into<String>) -> Self {
        Self {
            span,
            note: "",
            other: None,
            message: conceal::values(&message.into()).into_owned(),
            help: None,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(conceal::values(&help.into()).into_owned());
        self
    }

    /// Points at another place too.
    #[must_use]
    pub fn and(mut self, note: &'static str, other: Span, of_other: &'static str) -> Self {
        self.note = note;
        self.other = Some(Box::new((other, of_other)));
        self
    }
}

/// What has been found wrong so far.
#[derive(Debug)]
pub struct Mistakes<'a> {
    lines: Vec<&'a str>,
    found: Vec<Diagnostic>,
    count: usize,
    /// The member that is being read, where a value is one's own.
    pub member: &'static str,
    /// The day on which the file is read.
    pub today: Date,
}

impl<'a> Mistakes<'a> {
    /// None yet, of the file with this text.
    pub fn new(text: &'a str, today: Date) -> Self {
        Self {
            lines: text.lines().collect(),
            found: Vec::new(),
            count: 0,
            member: "",
            today,
        }
    }

    /// Adds one; what an alias repeats counts once.
    pub fn add(&mut self, mistake: Mistake) {
        // What an alias repeats is one mistake.
        let is_told = |found: &Diagnostic| {
            (found.line, found.column, &found.message)
                == (mistake.span.line, mistake.span.column, &mistake.message)
        };
        if self.found.iter().any(is_told) {
            return;
        }
        self.count += 1;
        if self.count <= MOST {
            let mut labels = vec![self.label(mistake.span, mistake.note, true)];
            labels.extend(
                mistake
                    .other
                    .map(|other| self.label(other.0, other.1, false)),
            );
            labels.sort_by_key(|label| (label.line, label.column));
            self.found.push(Diagnostic {
                line: mistake.span.line,
                column: mistake.span.column,
                message: mistake.message,
                help: mistake.help,
                labels,
            });
        }
    }

    /// What may have been meant; no longer sought once nobody would be told.
    pub fn nearest<'n>(
        &self,
        written: &str,
        names: impl IntoIterator<Item = &'n str>,
    ) -> Option<&'n str> {
        if self.count >= MOST {
            return None;
        }
        crate::nearest::nearest(written, names)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// What is being read, to begin a sentence with.
    pub fn subject(&self) -> String {
        match self.member {
            "" => "this".to_owned(),
            member => format!("`{member}`"),
        }
    }

    /// All of them.
    pub fn into_error(mut self) -> InvalidPolicy {
        self.found.sort_by_key(|found| (found.line, found.column));
        InvalidPolicy {
            more: self.count - self.found.len(),
            diagnostics: self.found,
        }
    }

    fn label(&self, span: Span, note: &'static str, is_primary: bool) -> Label {
        let line = self.lines.get(span.line.saturating_sub(1)).copied();
        // A secret that does not belong there must not get into what is said about it.
        let line = &*conceal::masked(line.unwrap_or_default());
        let count = line.trim_end().chars().count();
        let at = span.column.saturating_sub(1);
        let from = if count > WIDTH {
            at.saturating_sub(WIDTH / 2)
        } else {
            0
        };
        let mut excerpt = String::new();
        if from > 0 {
            excerpt.push('…');
        }
        let cut = usize::from(from > 0);
        // One character for one, so that what is underlined stays under itself.
        let shown = |character: char| match character {
            '\t' => ' ',
            character if is_inert(character) => character,
            _ => '\u{fffd}',
        };
        excerpt.extend(line.trim_end().chars().skip(from).take(WIDTH).map(shown));
        if count > from + WIDTH {
            excerpt.push('…');
        }
        let end = count.min(from + WIDTH);
        Label {
            line: span.line,
            column: span.column,
            length: span.length.min(end.saturating_sub(at)).max(1),
            excerpt,
            indent: at - from + cut,
            note,
            is_primary,
        }
    }
}

/// A policy file, or another one of ours, that cannot be used, with every reason. Displayed, it is one line of bounded
/// length; [`InvalidPolicy::render`] shows the places.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct InvalidPolicy {
    diagnostics: Vec<Diagnostic>,
    more: usize,
}

/// One mistake in a policy file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What is wrong, in one line.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    labels: Vec<Label>,
}

/// A line of the file and the part of it that is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Label {
    line: usize,
    column: usize,
    length: usize,
    excerpt: String,
    /// How many characters of the excerpt stand before what is meant.
    indent: usize,
    note: &'static str,
    is_primary: bool,
}

/// What to print before the parts of a rendered mistake, for colours.
#[derive(Debug, Clone, Copy)]
pub struct Paint {
    /// Before `error` and what is wrong.
    pub error: &'static str,
    /// Before what is said of it in words.
    pub strong: &'static str,
    /// Before line numbers and frames.
    pub frame: &'static str,
    /// After each of them.
    pub reset: &'static str,
}

impl Paint {
    /// No colours.
    pub const PLAIN: Self = Self {
        error: "",
        strong: "",
        frame: "",
        reset: "",
    };
}

impl InvalidPolicy {
    /// One mistake that is about no place.
    pub fn single(message: String) -> Self {
        Self {
            diagnostics: vec![Diagnostic {
                line: 1,
                column: 1,
                message,
                help: None,
                labels: Vec::new(),
            }],
            more: 0,
        }
    }

    /// How many mistakes there are.
    pub fn count(&self) -> usize {
        self.diagnostics.len() + self.more
    }

    /// The mistakes, in the order of the file; of very many the first.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// Every mistake with the lines that it is about; `file` is the file's name as people may be
    /// shown it.
    pub fn render(&self, file: &str, paint: Paint) -> String {
        let mut text = String::new();
        for diagnostic in &self.diagnostics {
            diagnostic.render(file, paint, &mut text);
            text.push('\n');
        }
        if self.more > 0 {
            let _ = writeln!(text, "and {} more mistakes\n", self.more);
        }
        text
    }
}

impl fmt::Display for InvalidPolicy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.diagnostics.iter().take(MOST_IN_A_LINE).enumerate() {
            if index > 0 {
                formatter.write_str("; ")?;
            }
            write!(formatter, "{diagnostic}")?;
        }
        let told = self.diagnostics.len().min(MOST_IN_A_LINE);
        match self.count() - told {
            0 => Ok(()),
            more => write!(formatter, "; and {more} more"),
        }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            line,
            column,
            message,
            ..
        } = self;
        if !self.labels.is_empty() {
            write!(formatter, "line {line} column {column}: ")?;
        }
        formatter.write_str(message)?;
        match &self.help {
            Some(help) => write!(formatter, ": {help}"),
            None => Ok(()),
        }
    }
}

impl Diagnostic {
    fn render(&self, file: &str, paint: Paint, text: &mut String) {
        let Paint {
            error,
            strong,
            frame,
            reset,
        } = paint;
        let _ = writeln!(text, "{error}error{reset}{strong}: {}{reset}", self.message);
        let last = self.labels.iter().map(|label| label.line).max();
        let width = last.map_or(0, |line| line.to_string().len());
        let mut previous: Option<&Label> = None;
        for label in &self.labels {
            match previous {
                None => {
                    let (line, column) = (self.line, self.column);
                    let _ = writeln!(
                        text,
                        "{:width$}{frame}-->{reset} {file}:{line}:{column}",
                        ""
                    );
                    let _ = writeln!(text, "{:width$} {frame}|{reset}", "");
                }
                Some(previous) if label.line > previous.line + 1 => {
                    let _ = writeln!(text, "{frame}...{reset}");
                }
                Some(_) => {}
            }
            let same = |previous: &Label| {
                (previous.line, &previous.excerpt) == (label.line, &label.excerpt)
            };
            if !previous.is_some_and(same) {
                let (line, excerpt) = (label.line, &label.excerpt);
                let _ = writeln!(text, "{frame}{line:width$} |{reset} {excerpt}");
            }
            let (mark, colour) = if label.is_primary {
                ("^", error)
            } else {
                ("-", frame)
            };
            let marks = mark.repeat(label.length);
            let indent = label.indent;
            let underline = format!("{:indent$}{colour}{marks} {}", "", label.note);
            let underline = underline.trim_end();
            let _ = writeln!(text, "{:width$} {frame}|{reset} {underline}{reset}", "");
            previous = Some(label);
        }
        if let Some(help) = &self.help {
            let _ = writeln!(
                text,
                "{:width$} {frame}={reset} {strong}help{reset}: {help}",
                ""
            );
        }
    }
}
