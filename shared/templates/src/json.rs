//! Where the values of a JSON text stand, for a text that has been read already.

use crate::Position;

/// The position of each pointer's value in `json`, in the order of the pointers: of its key where it
/// is a member, and of its beginning where it is an element. Where there is no such value, the
/// position of the innermost around it; `None` for the document as a whole.
///
/// One pass over the text, and only where a pointer leads: what stands beside is skipped unread.
/// What is not JSON has no positions from there on.
pub fn positions(json: &str, pointers: &[&str]) -> Vec<Option<Position>> {
    let mut scan = Scan {
        json: json.as_bytes(),
        at: 0,
        offsets: vec![None; pointers.len()],
    };
    let wanted: Vec<Wanted<'_>> = pointers
        .iter()
        .enumerate()
        .map(|(index, pointer)| Wanted {
            index,
            rest: pointer,
        })
        .collect();
    // What is cut short has given what it could.
    let _ = scan.value(&wanted);
    in_lines(json, &scan.offsets)
}

/// A pointer on the way to its value.
#[derive(Clone, Copy)]
struct Wanted<'a> {
    index: usize,
    /// What is left of the pointer; empty, or with a slash at its beginning.
    rest: &'a str,
}

impl<'a> Wanted<'a> {
    /// The step that comes next, and what is left behind it.
    fn step(self) -> Option<(&'a str, Self)> {
        let rest = self.rest.strip_prefix('/')?;
        let end = rest.find('/').unwrap_or(rest.len());
        let (step, rest) = rest.split_at_checked(end)?;
        Some((step, Self { rest, ..self }))
    }
}

/// Those that lead on through `is_it`, a test of a step.
fn leading<'a>(wanted: &[Wanted<'a>], is_it: impl Fn(&str) -> bool) -> Vec<Wanted<'a>> {
    let steps = wanted.iter().filter_map(|wanted| wanted.step());
    steps
        .filter(|(step, _)| is_it(step))
        .map(|(_, rest)| rest)
        .collect()
}

struct Scan<'a> {
    json: &'a [u8],
    at: usize,
    /// Byte offsets, by the pointers' indices.
    offsets: Vec<Option<usize>>,
}

impl Scan<'_> {
    fn peek(&self) -> Option<u8> {
        self.json.get(self.at).copied()
    }

    /// The next byte that is not white space.
    fn next_token(&mut self) -> Option<u8> {
        while matches!(self.peek()?, b' ' | b'\t' | b'\r' | b'\n') {
            self.at += 1;
        }
        self.peek()
    }

    fn note(&mut self, wanted: &[Wanted<'_>], offset: usize) {
        for wanted in wanted {
            if let Some(slot) = self.offsets.get_mut(wanted.index) {
                *slot = Some(offset);
            }
        }
    }

    /// Passes over a value, and follows those that lead into it. As deep as the longest pointer.
    fn value(&mut self, wanted: &[Wanted<'_>]) -> Option<()> {
        let is_leaf = wanted.iter().all(|wanted| wanted.rest.is_empty());
        match self.next_token()? {
            _ if is_leaf => self.skip(),
            b'{' => self.members(wanted),
            b'[' => self.elements(wanted),
            _ => self.skip(),
        }
    }

    fn members(&mut self, wanted: &[Wanted<'_>]) -> Option<()> {
        self.at += 1;
        loop {
            match self.next_token()? {
                b'}' => break,
                b',' => self.at += 1,
                b'"' => {
                    let start = self.at;
                    self.string()?;
                    let key = self.json.get(start..self.at)?;
                    if self.next_token()? != b':' {
                        return None;
                    }
                    self.at += 1;
                    let key = Key::of(key)?;
                    let inner = leading(wanted, |step| key.is(step));
                    self.note(&inner, start);
                    self.value(&inner)?;
                }
                _ => return None,
            }
        }
        self.at += 1;
        Some(())
    }

    fn elements(&mut self, wanted: &[Wanted<'_>]) -> Option<()> {
        self.at += 1;
        let mut index = 0_usize;
        loop {
            match self.next_token()? {
                b']' => break,
                b',' => {
                    self.at += 1;
                    index += 1;
                }
                _ => {
                    let inner = leading(wanted, |step| step.parse() == Ok(index));
                    self.note(&inner, self.at);
                    self.value(&inner)?;
                }
            }
        }
        self.at += 1;
        Some(())
    }

    /// Passes over a value unread.
    fn skip(&mut self) -> Option<()> {
        let mut depth = 0_usize;
        loop {
            match self.next_token()? {
                b'"' => self.string()?,
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' => {
                    depth = depth.checked_sub(1)?;
                    self.at += 1;
                }
                b',' | b':' => {
                    self.at += 1;
                    continue;
                }
                _ => self.word(),
            }
            if depth == 0 {
                return Some(());
            }
        }
    }

    /// Passes over a number or a name.
    fn word(&mut self) {
        let ends = |byte| {
            matches!(
                byte,
                b' ' | b'\t' | b'\r' | b'\n' | b',' | b':' | b'}' | b']'
            )
        };
        while self.peek().is_some_and(|byte| !ends(byte)) {
            self.at += 1;
        }
    }

    /// Passes over a string, from its first quotation mark to behind its last.
    fn string(&mut self) -> Option<()> {
        self.at += 1;
        loop {
            match self.peek()? {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        Some(())
    }
}

/// The key of a member.
enum Key<'a> {
    Plain(&'a [u8]),
    Escaped(String),
}

impl<'a> Key<'a> {
    /// The key that a string is, quotation marks and all.
    fn of(string: &'a [u8]) -> Option<Self> {
        if string.contains(&b'\\') {
            return serde_json::from_slice(string).ok().map(Self::Escaped);
        }
        let plain = string.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
        Some(Self::Plain(plain))
    }

    /// Whether a step of a pointer (RFC 6901) names it.
    fn is(&self, step: &str) -> bool {
        let key = match self {
            Self::Plain(key) => key,
            Self::Escaped(key) => key.as_bytes(),
        };
        if step.contains('~') {
            key == step.replace("~1", "/").replace("~0", "~").as_bytes()
        } else {
            key == step.as_bytes()
        }
    }
}

/// Offsets as lines and columns, in one pass over the text.
fn in_lines(text: &str, offsets: &[Option<usize>]) -> Vec<Option<Position>> {
    let mut order: Vec<(usize, usize)> = offsets
        .iter()
        .enumerate()
        .filter_map(|(index, offset)| Some(((*offset)?, index)))
        .collect();
    order.sort_unstable();
    let mut positions = vec![None; offsets.len()];
    let (mut position, mut seen) = (Position { line: 1, column: 1 }, 0);
    for (offset, index) in order {
        for character in text.get(seen..offset).unwrap_or_default().chars() {
            if character == '\n' {
                position.line += 1;
                position.column = 1;
            } else {
                position.column += 1;
            }
        }
        seen = offset;
        if let Some(slot) = positions.get_mut(index) {
            *slot = Some(position);
        }
    }
    positions
}
