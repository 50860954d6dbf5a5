//! JSON for programs, which people look at in a terminal all the same.

use std::io::{self, Write};

use serde::Serialize;
use tidewaiter_rules::names::is_inert;

/// Writes a value and the line's end.
pub(crate) fn write(out: &mut dyn Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer_pretty(Escaping(&mut *out), value)?;
    writeln!(out)
}

/// A value, with the line's end.
pub(crate) fn text(value: &impl Serialize) -> Result<String, String> {
    let mut out = Vec::new();
    write(&mut out, value).map_err(|error| format!("cannot write the output: {error}"))?;
    String::from_utf8(out).map_err(|error| format!("cannot write the output: {error}"))
}

/// Escapes what moves the cursor or changes the direction of what is around it. JSON lets such characters stand
/// in strings as they are, and they are nowhere else; for a reader of JSON the two are the same.
struct Escaping<'a>(&'a mut dyn Write);

impl Write for Escaping<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // What is below is escaped already, or white space between members.
        let is_plain = bytes.iter().all(|byte| *byte < 0x7f);
        // A fragment of a string is never a part of a character.
        match str::from_utf8(bytes) {
            Ok(text) if !is_plain => self.0.write_all(escaped(text).as_bytes())?,
            _ => self.0.write_all(bytes)?,
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn escaped(text: &str) -> String {
    use std::fmt::Write as _;

    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if character < '\x7f' || is_inert(character) {
            escaped.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn what_hides_or_turns_text_is_escaped() {
        let value = json!({"a\u{202e}": "x\u{7f}\u{85}\u{e0001}é", "b": ["\n", 1]});
        assert_eq!(
            text(&value).unwrap(),
            "{\n  \"a\\u202e\": \"x\\u007f\\u0085\\udb40\\udc01é\",\n  \"b\": [\n    \"\\n\",\n    1\n  ]\n}\n"
        );
    }

    proptest! {
        #[test]
        fn it_is_read_as_it_was(key in "\\PC*|[\\s\\S]*", value in "\\PC*|[\\s\\S]*") {
            let value = json!({key: value});
            let text = text(&value).unwrap();
            prop_assert!(text.chars().all(|c| c == '\n' || is_inert(c)), "{text:?}");
            prop_assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
        }
    }
}
