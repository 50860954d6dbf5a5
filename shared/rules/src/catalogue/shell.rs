//! Shell commands as far as rules read them: lists, pipelines, words, and the commands in words. No
//! shell is so simple; what is not understood is passed over, never guessed at.

/// Commands that feed each other, in order.
pub(super) type Pipeline = Vec<Command>;

/// One command of a pipeline.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Command {
    /// The words, without quotes. Of a group in parentheses or braces there are none.
    pub(super) words: Vec<Word>,
    /// What stands in a group, if it is one.
    pub(super) group: Vec<Pipeline>,
    /// Where its output goes, where that is a file.
    pub(super) writes_to: Option<String>,
}

/// A word.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Word {
    /// Without quotes and without the commands in it.
    pub(super) text: String,
    /// The commands whose output stands in it: `$(…)` and backticks.
    pub(super) substituted: Vec<Pipeline>,
    /// The commands that it is the file of: `<(…)`.
    pub(super) files: Vec<Pipeline>,
}

/// How deep commands may stand in commands; what is deeper is read as text, and in a group as if that were not there.
const DEEPEST: usize = 6;

/// Reads a list of commands.
pub(super) fn parse(text: &str) -> Vec<Pipeline> {
    let mut parser = Parser {
        rest: text,
        depth: 0,
    };
    parser.list(None)
}

struct Parser<'a> {
    rest: &'a str,
    depth: usize,
}

/// What begins a command and is none.
const KEYWORDS: &[&str] = &[
    "!", "case", "do", "elif", "else", "for", "function", "if", "then", "time", "until", "while",
];

impl Parser<'_> {
    /// Reads up to `end`, or to the end of the text.
    fn list(&mut self, end: Option<char>) -> Vec<Pipeline> {
        let mut list = Vec::new();
        let mut pipeline = Pipeline::new();
        let mut command = Command::default();
        loop {
            self.skip_blanks();
            let Some(next) = self.rest.chars().next() else {
                break;
            };
            if Some(next) == end && (next != '}' || command == Command::default()) {
                self.advance(next);
                break;
            }
            match next {
                '#' => {
                    let line_end = self.rest.find('\n').unwrap_or(self.rest.len());
                    self.rest = self.rest.get(line_end..).unwrap_or_default();
                }
                '|' if !self.rest.starts_with("||") => {
                    self.advance('|');
                    if self.rest.starts_with('&') {
                        self.advance('&');
                    }
                    finish_command(&mut pipeline, &mut command);
                }
                ';' | '\n' | '|' => {
                    self.advance(next);
                    finish(&mut list, &mut pipeline, &mut command);
                }
                '&' if self.rest.starts_with("&>") => {
                    self.advance('&');
                    self.redirection_of("1", &mut command);
                }
                '&' => {
                    self.advance('&');
                    finish(&mut list, &mut pipeline, &mut command);
                }
                '(' if self.depth < DEEPEST => {
                    self.advance('(');
                    command.group = self.nested(')');
                }
                '{' if command.words.is_empty()
                    && self.depth < DEEPEST
                    && self
                        .rest
                        .get(1..)
                        .is_some_and(|rest| rest.starts_with(char::is_whitespace)) =>
                {
                    self.advance('{');
                    command.group = self.nested('}');
                }
                '(' | ')' => self.advance(next),
                '<' if self.rest.starts_with("<(") && self.depth < DEEPEST => {
                    let word = self.word();
                    command.words.push(word);
                }
                '<' | '>' => self.redirection_of("1", &mut command),
                _ => {
                    // All that begins no word is dealt with above, so that this takes something.
                    let word = self.word();
                    let is_descriptor = !word.text.is_empty()
                        && word.text.bytes().all(|byte| byte.is_ascii_digit())
                        && self.rest.starts_with(['<', '>']);
                    let is_keyword =
                        command.words.is_empty() && KEYWORDS.contains(&word.text.as_str());
                    if is_descriptor {
                        self.redirection_of(&word.text, &mut command);
                    } else if !is_keyword {
                        command.words.push(word);
                    }
                }
            }
        }
        finish(&mut list, &mut pipeline, &mut command);
        list
    }

    fn nested(&mut self, end: char) -> Vec<Pipeline> {
        self.depth += 1;
        let list = self.list(Some(end));
        self.depth -= 1;
        list
    }

    fn advance(&mut self, character: char) {
        self.rest = self.rest.strip_prefix(character).unwrap_or_default();
    }

    fn skip_blanks(&mut self) {
        let is_blank = |c: char| c.is_whitespace() && c != '\n';
        self.rest = self.rest.trim_start_matches(is_blank);
    }

    /// `> file`, `2>&1`, `< file`, `<<< word`, behind the number of a descriptor.
    fn redirection_of(&mut self, descriptor: &str, command: &mut Command) {
        let is_output = self.rest.starts_with('>') && descriptor == "1";
        self.rest = self.rest.trim_start_matches(['<', '>', '&', '|']);
        self.skip_blanks();
        // The next line belongs to the next command.
        if self.rest.starts_with('\n') {
            return;
        }
        let target = self.word();
        let is_file =
            !matches!(target.text.as_str(), "" | "-" | "/dev/stdout") && !is_number(&target.text);
        if is_output && is_file {
            command.writes_to = Some(target.text);
        } else if !target.substituted.is_empty() || !target.files.is_empty() {
            // `bash < <(curl …)` reads what it is given all the same.
            command.words.push(target);
        }
    }

    fn word(&mut self) -> Word {
        let mut word = Word::default();
        let mut in_quotes = false;
        while let Some(next) = self.rest.chars().next() {
            let begins_command = self.depth < DEEPEST;
            if !in_quotes && (next.is_whitespace() || ";|&)".contains(next)) {
                break;
            }
            if !in_quotes && "<>".contains(next) {
                let is_file = self.rest.starts_with("<(") || self.rest.starts_with(">(");
                if !is_file || !begins_command {
                    break;
                }
                self.advance(next);
                self.advance('(');
                let files = self.nested(')');
                word.files.extend(files);
                continue;
            }
            self.advance(next);
            match next {
                '\'' if !in_quotes => {
                    let (inside, rest) = self.rest.split_once('\'').unwrap_or((self.rest, ""));
                    word.text.push_str(inside);
                    self.rest = rest;
                }
                '"' => in_quotes = !in_quotes,
                '\\' => {
                    if let Some(escaped) = self.rest.chars().next() {
                        self.advance(escaped);
                        if in_quotes && !"\"$`\\".contains(escaped) {
                            word.text.push('\\');
                        }
                        word.text.push(escaped);
                    }
                }
                '$' if self.rest.starts_with('(')
                    && !self.rest.starts_with("((")
                    && begins_command =>
                {
                    self.advance('(');
                    let substituted = self.nested(')');
                    word.substituted.extend(substituted);
                }
                '$' if self.rest.starts_with('{') => {
                    let end = self.rest.find('}').unwrap_or(self.rest.len());
                    word.text.push('$');
                    word.text.push_str(self.rest.get(..end).unwrap_or_default());
                    self.rest = self.rest.get(end..).unwrap_or_default();
                }
                '`' => {
                    let (inside, rest) = self.rest.split_once('`').unwrap_or((self.rest, ""));
                    // Without a backtick in it, this goes one level deeper and no further.
                    let mut parser = Parser {
                        rest: inside,
                        depth: self.depth,
                    };
                    word.substituted.extend(parser.list(None));
                    self.rest = rest;
                }
                _ => word.text.push(next),
            }
        }
        word
    }
}

fn finish_command(pipeline: &mut Pipeline, command: &mut Command) {
    let command = std::mem::take(command);
    if command != Command::default() {
        pipeline.push(command);
    }
}

fn finish(list: &mut Vec<Pipeline>, pipeline: &mut Pipeline, command: &mut Command) {
    finish_command(pipeline, command);
    if !pipeline.is_empty() {
        list.push(std::mem::take(pipeline));
    }
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Commands that run the command behind them.
const WRAPPERS: &[&str] = &[
    "command",
    "doas",
    "env",
    "exec",
    "eatmydata",
    "gosu",
    "nice",
    "nohup",
    "setpriv",
    "stdbuf",
    "su-exec",
    "sudo",
    "time",
    "timeout",
    "xargs",
];

/// The options of wrappers whose value is the next word.
const WITH_VALUE: &[&str] = &["-u", "-g", "-C", "-h", "-n", "-I", "-P", "-s", "-k"];

/// Shells, whose `-c` is a command of its own.
pub(super) const SHELLS: &[&str] = &["ash", "bash", "busybox", "dash", "fish", "ksh", "sh", "zsh"];

impl Command {
    /// The name and arguments of what is run in the end: without assignments, `sudo`, `env` and the
    /// like, and without the folder.
    pub(super) fn run(&self) -> Option<(&str, &[Word])> {
        let mut words = self.words.as_slice();
        // Of `gosu USER COMMAND` and `timeout 5 COMMAND`, a word belongs to the wrapper.
        let mut own = 0;
        loop {
            let (first, rest) = words.split_first()?;
            let text = first.text.as_str();
            let name = text.rsplit('/').next().unwrap_or_default();
            if own > 0 && !text.starts_with('-') {
                own -= 1;
                words = rest;
                continue;
            }
            if is_assignment(text) {
                words = rest;
                continue;
            }
            if !WRAPPERS.contains(&name) {
                return Some((name, rest));
            }
            own = usize::from(matches!(name, "gosu" | "su-exec" | "timeout"));
            words = rest;
            while let Some((option, rest)) = words.split_first()
                && option.text.starts_with('-')
            {
                let takes_value = WITH_VALUE.contains(&option.text.as_str());
                words = if takes_value {
                    rest.get(1..).unwrap_or_default()
                } else {
                    rest
                };
            }
        }
    }

    /// Whether a word before the command is this one: `sudo`.
    pub(super) fn is_run_by(&self, wrapper: &str) -> bool {
        let words = self.words.iter().map(|word| word.text.as_str());
        let mut words = words.skip_while(|word| is_assignment(word));
        words
            .next()
            .is_some_and(|word| word.rsplit('/').next() == Some(wrapper))
    }

    /// The assignments before the command.
    pub(super) fn assignments(&self) -> impl Iterator<Item = (&str, &str)> {
        let words = self.words.iter().map(|word| word.text.as_str());
        let words = words.skip_while(|word| matches!(*word, "export" | "env"));
        let words = words.take_while(|word| is_assignment(word));
        words.filter_map(|word| word.split_once('='))
    }

    /// The command that stands in an argument: behind `-c` of a shell, or of `eval`.
    pub(super) fn quoted_command(&self) -> Option<&Word> {
        let (name, arguments) = self.run()?;
        if name == "eval" {
            return arguments.first();
        }
        let mut arguments = arguments.iter();
        let takes = SHELLS.contains(&name) || name == "su";
        takes.then(|| {
            arguments.find(|word| {
                let options = word.text.strip_prefix('-');
                options.is_some_and(|o| !o.starts_with('-') && o.ends_with('c'))
            })
        })??;
        arguments.next()
    }
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty()
            && !name.starts_with(|c: char| c.is_ascii_digit())
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    })
}

/// Every pipeline in a list: also those in groups, in words and in the arguments of shells. What is
/// quoted is shorter than the command around it, and twice as much of it is escapes at every level.
pub(super) fn pipelines(list: Vec<Pipeline>) -> Vec<Pipeline> {
    let mut all = Vec::new();
    let mut open: Vec<Pipeline> = list.into_iter().rev().collect();
    while let Some(pipeline) = open.pop() {
        let mut inner = Vec::new();
        for command in &pipeline {
            inner.extend(command.group.iter().cloned());
            for word in &command.words {
                inner.extend(word.substituted.iter().chain(&word.files).cloned());
            }
            if let Some(word) = command.quoted_command() {
                inner.extend(parse(&word.text));
            }
        }
        open.extend(inner.into_iter().rev());
        all.push(pipeline);
    }
    all
}

#[cfg(test)]
mod tests;
