//! The text as the grammar is shown it. It knows here-documents only where they begin a command and
//! come alone, and would take the lines of any other for instructions; so their lines become
//! comments of the same length, and their texts are kept here.

use std::{collections::BTreeMap, fmt::Write as _};

use tidewaiter_rules::facts::dockerfile::HereDocument;

use super::{DockerfileError, quoted, words};

/// What `<<` becomes.
pub(super) const MARK: &str = "::";

/// A text in which no line of a here-document can be taken for anything else.
#[derive(Debug)]
pub(super) struct Blinded {
    /// As long as the text it was made of, line by line.
    pub(super) text: String,
    /// The escape character.
    pub(super) escape: char,
    /// By the offset of the instruction that they belong to.
    here_documents: BTreeMap<usize, Vec<HereDocument>>,
}

struct Delimiter {
    name: String,
    /// `<<-`: tabs before the lines do not count.
    strips_tabs: bool,
}

impl Blinded {
    pub(super) fn new(text: &str) -> Result<Self, DockerfileError> {
        let escape = escape(text);
        let mut blinded = Self {
            text: String::with_capacity(text.len()),
            escape,
            here_documents: BTreeMap::new(),
        };
        let mut lines = text.split_inclusive('\n').enumerate().peekable();
        while let Some((number, line)) = lines.next() {
            let trimmed = line.trim_start();
            if trimmed.is_empty() || trimmed.starts_with('#') {
                blinded.text.push_str(line);
                continue;
            }
            let start = blinded.text.len() + (line.len() - trimmed.len());
            let mut logical = vec![line];
            let mut goes_on = words::continued(line, escape).is_some();
            while goes_on && let Some((_, line)) = lines.next() {
                let trimmed = line.trim_start();
                if !trimmed.is_empty() && !trimmed.starts_with('#') {
                    goes_on = words::continued(line, escape).is_some();
                }
                logical.push(line);
            }
            let delimiters = if takes_here_documents(trimmed) {
                delimiters(&words::unfolded(&logical.concat(), escape))
            } else {
                Vec::new()
            };
            for line in &logical {
                blinded.push(line, !delimiters.is_empty());
            }
            for delimiter in delimiters {
                let mut body = String::new();
                let mut is_closed = false;
                for (_, line) in lines.by_ref() {
                    blinded.push_comment(line);
                    let line = if delimiter.strips_tabs {
                        line.trim_start_matches('\t')
                    } else {
                        line
                    };
                    if line.trim_end_matches(['\r', '\n']) == delimiter.name {
                        is_closed = true;
                        break;
                    }
                    body.push_str(line);
                }
                if !is_closed {
                    return Err(DockerfileError::Grammar {
                        line: number + 1,
                        message: format!(
                            "nothing ends the here-document {}",
                            quoted(&delimiter.name)
                        ),
                    });
                }
                let documents = blinded.here_documents.entry(start).or_default();
                documents.push(HereDocument { text: body });
            }
        }
        Ok(blinded)
    }

    /// The here-documents of the instruction that begins there.
    pub(super) fn here_documents(&self, start: usize) -> Vec<HereDocument> {
        self.here_documents.get(&start).cloned().unwrap_or_default()
    }

    /// A line of an instruction.
    fn push(&mut self, line: &str, has_here_documents: bool) {
        let from = self.text.len();
        if has_here_documents {
            self.text.push_str(&line.replace("<<", MARK));
        } else {
            self.text.push_str(line);
        }
        // To the grammar any escape before the line's end continues it, an escaped one too.
        let end = line.trim_end_matches(['\r', '\n', ' ', '\t']);
        if end.ends_with(self.escape) && words::continued(line, self.escape).is_none() {
            let at = from + end.len() - self.escape.len_utf8();
            self.text
                .replace_range(at..at + self.escape.len_utf8(), "_");
        }
    }

    fn push_comment(&mut self, line: &str) {
        let end = line.trim_end_matches(['\r', '\n']);
        let _ = write!(self.text, "{:#<1$}", "", end.len());
        self.text
            .push_str(line.get(end.len()..).unwrap_or_default());
    }
}

/// The escape character: a backslash, or what the directive at the top says.
fn escape(text: &str) -> char {
    let mut escape = '\\';
    for line in text.lines() {
        let directive = line.strip_prefix('#').and_then(|line| line.split_once('='));
        let Some((name, value)) = directive else {
            break;
        };
        match name.trim().to_ascii_lowercase().as_str() {
            "escape" if value.trim() == "`" => escape = '`',
            "escape" | "syntax" | "check" => {}
            _ => break,
        }
    }
    escape
}

fn takes_here_documents(instruction: &str) -> bool {
    let mut words = instruction.split_whitespace();
    let word = words.next().map(str::to_ascii_uppercase);
    let word = match word.as_deref() {
        Some("ONBUILD") => words.next().map(str::to_ascii_uppercase),
        _ => word,
    };
    matches!(word.as_deref(), Some("RUN" | "COPY" | "ADD"))
}

/// The delimiters of a line, as builders find them: words that begin with `<<`, or with the number
/// of a descriptor before it. Their escape is always the backslash.
fn delimiters(line: &str) -> Vec<Delimiter> {
    if !line.contains("<<") {
        return Vec::new();
    }
    let words = words::words(line, '\\').into_iter();
    let delimiter = |word: &str| {
        let rest = word.trim_start_matches(|c: char| c.is_ascii_digit());
        let rest = rest.strip_prefix("<<")?;
        let (rest, strips_tabs) = match rest.strip_prefix('-') {
            Some(rest) => (rest, true),
            None => (rest, false),
        };
        let name: String = rest.chars().filter(|c| !"\"'\\".contains(*c)).collect();
        (!name.is_empty() && !rest.contains('<')).then_some(Delimiter { name, strips_tabs })
    };
    words.filter_map(delimiter).collect()
}
