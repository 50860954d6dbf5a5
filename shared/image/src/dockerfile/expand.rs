//! Variables in words: `$NAME`, `${NAME}` and `${NAME:-word}` with its kin, as builders replace
//! them.

use std::{cell::Cell, rc::Rc};

use super::{quoted, words::Quotes};

/// What is known of a variable.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Variable {
    /// It is this.
    Known(Rc<str>),
    /// It cannot be known, and why.
    Unknown(Rc<str>),
    /// An `ARG` without a default: whoever builds may give it.
    Given,
}

/// The longest value that is made. Each may name the one before it twice.
const LONGEST: usize = 16 * 1024;

/// How deep words may stand in words.
const DEEPEST: usize = 16;

/// What variables are replaced by.
pub(super) trait Lookup {
    /// What is known of a variable; `None` where nothing here sets it.
    fn look_up(&self, name: &str) -> Option<&Variable>;

    /// Whether a variable that nothing here sets is not set at all.
    fn is_complete(&self) -> bool;
}

/// Replaces variables and takes away quotes.
///
/// # Errors
/// Why the value cannot be known.
pub(super) fn expand(
    word: &str,
    escape: char,
    lookup: &impl Lookup,
    budget: &Cell<usize>,
) -> Result<String, String> {
    let expansion = Expansion {
        escape,
        lookup,
        budget,
    };
    expansion.word(word, 0)
}

struct Expansion<'a, L> {
    escape: char,
    lookup: &'a L,
    /// How many bytes may still be put in place of variables, in the whole file.
    budget: &'a Cell<usize>,
}

impl<L: Lookup> Expansion<'_, L> {
    fn word(&self, word: &str, depth: usize) -> Result<String, String> {
        if depth > DEEPEST {
            return Err(format!("words are nested more than {DEEPEST} deep"));
        }
        let mut value = String::new();
        let mut rest = word.chars();
        let mut quote = None;
        while let Some(character) = rest.next() {
            match (character, quote) {
                ('\'', Some('\'')) | ('"', Some('"')) => quote = None,
                ('\'' | '"', None) => quote = Some(character),
                (_, Some('\'')) => value.push(character),
                ('$', _) => {
                    let (found, behind) = self.variable(rest.as_str(), depth)?;
                    let left = self.budget.get().checked_sub(found.len());
                    self.budget
                        .set(left.ok_or("the file has too many variables in it")?);
                    value.push_str(&found);
                    rest = behind.chars();
                }
                (escape, _) if escape == self.escape => match rest.next() {
                    // In double quotes it is a plain character before most others.
                    Some(next)
                        if quote.is_some() && !matches!(next, '"' | '$') && next != escape =>
                    {
                        value.extend([escape, next]);
                    }
                    Some(next) => value.push(next),
                    None => value.push(escape),
                },
                (character, _) => value.push(character),
            }
            if value.len() > LONGEST {
                return Err("variables in it make it longer than anyone means".to_owned());
            }
        }
        Ok(value)
    }

    /// What the variable behind a `$` comes to, and what follows it.
    fn variable<'t>(&self, text: &'t str, depth: usize) -> Result<(String, &'t str), String> {
        let Some(braced) = text.strip_prefix('{') else {
            let name = name(text);
            return match text.get(name.len()..) {
                Some(rest) if !name.is_empty() => Ok((self.plain(name)?, rest)),
                _ => Ok(("$".to_owned(), text)),
            };
        };
        let (inner, rest) = self.until_brace(braced).ok_or("a `${` has no end")?;
        let name = name(inner);
        let modifier = inner.get(name.len()..).unwrap_or_default();
        if name.is_empty() {
            return Err("a `${` has no name in it".to_owned());
        }
        Ok((self.modified(name, modifier, depth)?, rest))
    }

    fn modified(&self, name: &str, modifier: &str, depth: usize) -> Result<String, String> {
        let (empty_is_unset, kind) = match modifier.strip_prefix(':') {
            Some(kind) => (true, kind),
            None => (false, modifier),
        };
        let mut kind = kind.chars();
        let operator = kind.next();
        let word = kind.as_str();
        let variable = self.lookup.look_up(name);
        match (operator, variable) {
            (Some('-'), Some(Variable::Known(value))) if !empty_is_unset || !value.is_empty() => {
                Ok(value.to_string())
            }
            (Some('+'), Some(Variable::Known(value))) if empty_is_unset && value.is_empty() => {
                Ok(String::new())
            }
            (Some('+'), None) if self.lookup.is_complete() => Ok(String::new()),
            (Some('-'), Some(Variable::Known(_) | Variable::Given))
            | (Some('+'), Some(Variable::Known(_))) => self.word(word, depth + 1),
            (Some('-'), None) if self.lookup.is_complete() => self.word(word, depth + 1),
            (None | Some('?' | '-' | '+'), _) => self.plain(name),
            _ => Err(format!("it is a part of variable {}", short(name))),
        }
    }

    fn plain(&self, name: &str) -> Result<String, String> {
        match self.lookup.look_up(name) {
            Some(Variable::Known(value)) => Ok(value.to_string()),
            Some(Variable::Unknown(reason)) => Err(reason.to_string()),
            Some(Variable::Given) => Err(format!(
                "it depends on build argument {}, which has no default",
                short(name)
            )),
            None if self.lookup.is_complete() => {
                Err(format!("nothing before it sets variable {}", short(name)))
            }
            None => Err(format!(
                "it depends on variable {}, which the file does not set",
                short(name)
            )),
        }
    }

    /// What stands before the brace that closes, and behind it.
    fn until_brace<'t>(&self, text: &'t str) -> Option<(&'t str, &'t str)> {
        let mut quotes = Quotes::new(self.escape);
        let (mut depth, mut before) = (0_usize, ' ');
        for (index, character) in text.char_indices() {
            if quotes.is_bare(character) {
                match character {
                    '{' if before == '$' => depth += 1,
                    '}' if depth == 0 => return Some((text.get(..index)?, text.get(index + 1..)?)),
                    '}' => depth -= 1,
                    _ => {}
                }
            }
            before = character;
        }
        None
    }
}

/// The name that a text begins with.
fn name(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    text.get(..end.unwrap_or(text.len())).unwrap_or_default()
}

fn short(name: &str) -> String {
    let short: String = name.chars().take(60).collect();
    quoted(&short)
}
