//! Words and lines, as builders cut them.

/// What a character is on its way through a text with quotes.
pub(super) struct Quotes {
    escape: char,
    quote: Option<char>,
    is_escaped: bool,
}

impl Quotes {
    pub(super) fn new(escape: char) -> Self {
        Self {
            escape,
            quote: None,
            is_escaped: false,
        }
    }

    /// Takes the next character; whether it stands outside of quotes and is not escaped.
    pub(super) fn is_bare(&mut self, character: char) -> bool {
        if std::mem::take(&mut self.is_escaped) {
            return false;
        }
        if character == self.escape && self.quote != Some('\'') {
            self.is_escaped = true;
            return false;
        }
        match self.quote {
            Some(quote) => {
                if quote == character {
                    self.quote = None;
                }
                false
            }
            None if matches!(character, '"' | '\'') => {
                self.quote = Some(character);
                false
            }
            None => true,
        }
    }
}

/// The words of a text, with their quotes.
pub(super) fn words(text: &str, escape: char) -> Vec<&str> {
    let mut quotes = Quotes::new(escape);
    let mut words = Vec::new();
    let mut start = None;
    for (index, character) in text.char_indices() {
        let is_space = quotes.is_bare(character) && character.is_whitespace();
        match (is_space, start) {
            (true, Some(from)) => {
                words.extend(text.get(from..index));
                start = None;
            }
            (false, None) => start = Some(index),
            _ => {}
        }
    }
    words.extend(start.and_then(|from| text.get(from..)));
    words
}

/// Splits at the first `=` outside of quotes.
pub(super) fn split_assignment(word: &str, escape: char) -> Option<(&str, &str)> {
    let mut quotes = Quotes::new(escape);
    let at = word
        .char_indices()
        .find(|(_, character)| quotes.is_bare(*character) && *character == '=')?
        .0;
    Some((word.get(..at)?, word.get(at + 1..)?))
}

/// A line without its end, and whether it goes on in the next one. As for builders, an escape before
/// the escape makes it a plain character.
pub(super) fn continued(line: &str, escape: char) -> Option<&str> {
    let line = line.trim_end_matches(['\r', '\n', ' ', '\t']);
    let before = line.strip_suffix(escape)?;
    (!before.ends_with(escape)).then_some(before)
}

/// One line of a command that stands on many: without continuations, and without the comments and
/// empty lines between them.
pub(super) fn unfolded(text: &str, escape: char) -> String {
    let mut unfolded = String::with_capacity(text.len());
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let is_comment = index > 0 && {
            let line = line.trim_start();
            line.is_empty() || line.starts_with('#')
        };
        if is_comment {
            continue;
        }
        unfolded.push_str(continued(line, escape).unwrap_or(line));
    }
    unfolded
}
