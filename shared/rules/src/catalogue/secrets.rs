//! What secrets look like, by the name they go by and by their own form. Written by hand: an engine
//! for regular expressions would weigh more than the rest of a function.
//!
//! Precision before recall: who is told of ten variables that are none stops reading.

mod form;
mod name;

use form::is_varied;
pub(super) use name::{Hint, hint};

use super::starts::Starts;

/// How everything begins that is looked for: what is known by its form, then names.
static STARTS: Starts = form::STARTS.with_each_in_any_case(form::BITS, name::STEMS);

/// Whether a name in a text of these bits can say that a secret goes by it. Nearly always it cannot.
const fn has_name(found: u32) -> bool {
    found >> form::BITS != 0
}

fn may_name(text: &str) -> bool {
    has_name(STARTS.within(text))
}

/// A text of which is known what it has to be searched for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Glance<'a> {
    text: &'a str,
    found: u32,
}

impl<'a> Glance<'a> {
    /// Looks at every character once.
    pub(super) fn of(text: &'a str) -> Self {
        let found = STARTS.within(text);
        Self { text, found }
    }

    /// What the text, or a part of it, looks like by its own form: a kind for messages, never the text.
    pub(super) fn kind(&self) -> Option<&'static str> {
        form::kind(self.text, self.found)
    }

    /// Whether the text assigns a secret somewhere in it: `--password=…`, `--token …`, `export
    /// API_KEY=…`, `Server=…;Password=…`, `?access_token=…`.
    pub(super) fn assigns(&self) -> bool {
        has_name(self.found) && assigns(self.text)
    }
}

/// See [`Glance::kind`].
pub(super) fn kind(text: &str) -> Option<&'static str> {
    Glance::of(text).kind()
}

fn assigns(text: &str) -> bool {
    if !text.contains('=') && !text.contains("--") {
        return false;
    }
    let mut parts = text
        .split(|c: char| c.is_whitespace() || "\"';&?,{}()|".contains(c))
        .filter(|part| !part.is_empty())
        .peekable();
    while let Some(part) = parts.next() {
        let (name, value) = match part.split_once('=') {
            Some((name, "")) => (name, parts.peek().copied()),
            Some((name, value)) => (name, Some(value)),
            None if is_flag(part) => (part, parts.peek().copied()),
            None => continue,
        };
        // What a shell or a driver looks up is not the secret itself.
        let value = value.filter(|value| !value.starts_with(['-', '$', '`', '@', '\\']));
        if hint(name) == Hint::Surely && value.is_some_and(is_secret) {
            return true;
        }
    }
    false
}

/// `--password`, whose value is the next argument.
pub(super) fn is_flag(text: &str) -> bool {
    text.strip_prefix("--")
        .is_some_and(|name| !name.contains(['=', ' ']) && hint(name) == Hint::Surely)
}

/// Whether the value of a name that surely stands for a secret can be one.
pub(super) fn is_secret(value: &str) -> bool {
    let value = value.trim();
    let short_number = value.len() <= 5 && value.parse::<f64>().is_ok();
    let switch = matches!(
        value.to_ascii_lowercase().as_str(),
        "true" | "false" | "yes" | "no" | "on" | "off" | "enabled" | "disabled"
    );
    !short_number && !switch && !is_stand_in(value) && !is_elsewhere(value)
}

/// Whether the value stands for one that is put there later, or for none.
pub(super) fn is_stand_in(value: &str) -> bool {
    let value = value.trim().trim_matches(['"', '\'']);
    let name = |text: &str| {
        text.bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
    };
    let mut letters = value.chars();
    let first = letters.next();
    let one_character = letters.all(|letter| Some(letter) == first);
    let plain: String = value
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|letter| letter.to_ascii_lowercase())
        .collect();
    one_character
        || value.starts_with('<')
        || ["${", "$(", "{{"].iter().any(|mark| value.contains(mark))
        || value.strip_prefix('$').is_some_and(name)
        || value
            .strip_prefix('%')
            .and_then(|rest| rest.strip_suffix('%'))
            .is_some_and(name)
        || value.contains("****")
        || [
            "changeme",
            "changeit",
            "replaceme",
            "placeholder",
            "redacted",
            "xxxx",
        ]
        .iter()
        .any(|filler| plain.contains(filler))
        || ["your", "insert", "replacewith"]
            .iter()
            .any(|filler| plain.starts_with(filler) && value.contains(['_', '-', ' ']))
        || matches!(
            plain.as_str(),
            "dummy"
                | "example"
                | "na"
                | "nil"
                | "none"
                | "null"
                | "tbd"
                | "todo"
                | "undefined"
                | "unset"
        )
}

/// Whether the value says where the secret is: an ARN, a URL, a path, a reference of a secret store.
fn is_elsewhere(value: &str) -> bool {
    let stores = [
        "arn:",
        "ssm:",
        "secretsmanager:",
        "vault:",
        "ENC[",
        "file:",
        "env:",
    ];
    let plain = value
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte));
    stores.iter().any(|store| value.starts_with(store))
        || value.contains("://")
        || value.starts_with("C:\\")
        || plain && value.contains('/') && !value.ends_with('=') && !looks_random(value)
}

/// Whether the value is a long run of base64 or hexadecimal digits as only a generator makes it.
pub(super) fn looks_random(value: &str) -> bool {
    let value = value.trim();
    let digits = value.trim_end_matches('=');
    let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_base64 = digits
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"+/_-".contains(&byte));
    let mixed = [
        u8::is_ascii_lowercase as fn(&u8) -> bool,
        u8::is_ascii_uppercase,
        u8::is_ascii_digit,
    ]
    .iter()
    .all(|class| digits.bytes().any(|byte| class(&byte)));
    digits.len() >= 32
        && is_varied(digits)
        && (is_hex && entropy(digits) >= 3.0 || is_base64 && mixed && entropy(digits) >= 4.0)
}

/// Shannon's, in bits a byte.
fn entropy(text: &str) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in text.bytes() {
        if let Some(count) = counts.get_mut(usize::from(byte)) {
            *count += 1;
        }
    }
    let total = f64::from(u32::try_from(text.len()).unwrap_or(u32::MAX));
    let shares = counts.iter().filter(|count| **count > 0);
    shares
        .map(|count| f64::from(*count) / total)
        .map(|share| -share * share.log2())
        .sum()
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Made here, so that no file holds what a scanner of repositories takes for a secret.
    pub(super) fn body(length: usize) -> String {
        "Zx7Qk2Lm9Rt4Vb1Nc8Wd5Hf3Js6Gp0Ya"
            .chars()
            .cycle()
            .take(length)
            .collect()
    }

    #[test]
    fn a_flag_is_a_name_of_a_secret_behind_dashes() {
        assert!(is_flag("--password"));
        for text in [
            "--verbose",
            "--password=x",
            "--password x",
            "password",
            "-password",
        ] {
            assert!(!is_flag(text), "{text}");
        }
        assert!(Glance::of("--password hunter2xyz").assigns());
        assert!(!Glance::of("--verbose password hunter2xyz").assigns());
    }

    #[test]
    fn only_a_long_run_is_random() {
        assert!(!looks_random("0123456789abcdef"));
        assert!(looks_random("0123456789abcdef0f1e2d3c4b5a6978"));
        assert!(!looks_random("The quick brown fox jumps over 13 lazy dogs"));
    }

    #[test]
    fn what_is_no_value_is_no_secret() {
        for value in [
            "",
            " ",
            "true",
            "False",
            "0",
            "3600",
            "1.5",
            "${DB_PASSWORD}",
            "$DB_PASSWORD",
            "prefix-${X}",
            "$(cat /run/x)",
            "{{resolve:ssm:/x}}",
            "{{ .Password }}",
            "%PASSWORD%",
            "<your password>",
            "<YOUR_API_KEY>",
            "YOUR_API_KEY",
            "your-token-here",
            "REPLACE_ME",
            "changeme",
            "change-me",
            "xxxxxxxx",
            "XXXX-XXXX",
            "********",
            "none",
            "null",
            "TODO",
            "arn:aws:secretsmanager:eu-west-1:111122223333:secret:db",
            "/run/secrets/db",
            "prod/db/main",
            "https://auth.example.com/token",
            "vault:secret/db",
            "ssm:/prod/db",
            "C:\\secrets\\db.txt",
            "-----",
        ] {
            assert!(!is_secret(value), "{value}");
        }
        for value in [
            "hunter2",
            "s3cr3t!",
            "password",
            "p@ss:w0rd",
            "$ecret",
            "12345678",
            "correct horse",
        ] {
            assert!(is_secret(value), "{value}");
        }
        // A key in base64 may look like a path.
        assert!(is_secret(&format!("/{}/{}", body(20), body(19))));
    }

    #[test]
    fn a_command_may_assign_a_secret() {
        for text in [
            "--password=hunter2",
            "--password hunter2",
            "--api-key 'hunter2'",
            "export DB_PASSWORD=hunter2; run",
            "DB_PASSWORD=\"hunter2\" run",
            "Server=db;User Id=sa;Password=hunter2;",
            "host=db password=hunter2",
            "jdbc:mysql://db/app?user=a&password=hunter2",
            "-Djavax.net.ssl.keyStorePassword=hunter2",
            "redis-server --requirepass hunter2",
        ] {
            assert!(Glance::of(text).assigns(), "{text}");
        }
        for text in [
            "--password=$DB_PASSWORD",
            "--password $db_password",
            "--password=\"$(cat /run/x)\"",
            "--password-stdin",
            "--password-file /run/secrets/x",
            "--secret-id db",
            "gh auth login --with-token < file",
            "--password --verbose",
            "--password",
            "DB_PASSWORD=",
            "--max-tokens=4096",
            "-Djavax.net.ssl.trustStorePassword=changeit",
            "curl -f http://localhost/health || exit 1",
            "tokenizer=bert",
            "--token-ttl=3600",
        ] {
            assert!(!Glance::of(text).assigns(), "{text}");
        }
    }

    proptest! {
        /// Looking at every form in every text says the same.
        #[test]
        fn nothing_is_missed_at_a_glance(parts in prop::collection::vec(prop_oneof![
            ".{0,6}",
            prop::sample::select(vec!["--", "=", "password", "Api_KEY", "x-token", " ", "://", "a:", "@", "ghp_", "AKIA", "eyJ",
                "-----BEGIN ", "RSA PRIVATE KEY-----", "xoxb-", "sk_live_", "SG.", ".", "hunter2", "npm_"]).prop_map(str::to_owned),
            (16_usize..70).prop_map(body),
        ], 0..8)) {
            let text = parts.concat();
            let glance = Glance::of(&text);
            prop_assert_eq!(glance.kind(), form::kind(&text, u32::MAX), "{}", &text);
            prop_assert_eq!(glance.assigns(), assigns(&text), "{}", &text);
        }
    }

    /// Quadratic, this would take minutes.
    #[test]
    fn no_text_is_slow_to_read() {
        for part in [
            "eyJ.",
            "-----BEGIN PRIVATE KEY-----EXAMPLE",
            "xoxb-",
            "a://",
            "a://b:",
            "--password ",
            "token=",
            "x@",
        ] {
            let text = part.repeat(32_768 / part.len());
            let glance = Glance::of(&text);
            let _ = (
                glance.kind(),
                glance.assigns(),
                hint(&text),
                is_secret(&text),
            );
        }
    }

    #[test]
    fn only_what_a_generator_makes_looks_random() {
        assert!(looks_random(&body(40)));
        assert!(looks_random(
            "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
        ));
        for value in [
            "",
            "short",
            "0000000000000000000000000000000000000000",
            "the-quick-brown-fox-jumps-over-the-lazy-dog",
            "123e4567-e89b-12d3-a456-426614174000",
            "com.example.Application.Configuration.Main",
        ] {
            assert!(!looks_random(value), "{value}");
        }
    }
}
