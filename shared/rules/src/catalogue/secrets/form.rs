//! Secrets that are known by their own form.

use super::{super::starts::Starts, is_stand_in};

/// A well-known kind of secret: a prefix and what follows it.
struct Form {
    prefixes: &'static [&'static str],
    /// How many characters of the alphabet follow.
    length: std::ops::RangeInclusive<usize>,
    /// What may follow beside letters and digits.
    alphabet: &'static str,
    kind: &'static str,
}

const MANY: usize = 1000;

const FORMS: &[Form; PRIVATE_KEY_BIT as usize] = &[
    Form {
        prefixes: &["AKIA", "ASIA"],
        length: 16..=16,
        alphabet: "",
        kind: "an AWS access key id",
    },
    Form {
        prefixes: &["ghp_", "gho_", "ghu_", "ghs_", "ghr_"],
        length: 36..=MANY,
        alphabet: "",
        kind: "a GitHub token",
    },
    Form {
        prefixes: &["github_pat_"],
        length: 22..=MANY,
        alphabet: "_",
        kind: "a GitHub token",
    },
    Form {
        prefixes: &["glpat-"],
        length: 20..=MANY,
        alphabet: "_-.",
        kind: "a GitLab token",
    },
    Form {
        prefixes: &["xoxa-", "xoxb-", "xoxp-", "xoxr-", "xoxs-"],
        length: 20..=MANY,
        alphabet: "-",
        kind: "a Slack token",
    },
    Form {
        prefixes: &["hooks.slack.com/services/"],
        length: 30..=MANY,
        alphabet: "/",
        kind: "a Slack webhook",
    },
    Form {
        prefixes: &["sk_live_", "rk_live_"],
        length: 16..=MANY,
        alphabet: "",
        kind: "a Stripe key",
    },
    Form {
        prefixes: &["AIza"],
        length: 35..=35,
        alphabet: "_-",
        kind: "a Google API key",
    },
    Form {
        prefixes: &["npm_"],
        length: 36..=36,
        alphabet: "",
        kind: "an npm token",
    },
    Form {
        prefixes: &["SG."],
        length: 66..=66,
        alphabet: "_-.",
        kind: "a SendGrid key",
    },
    Form {
        prefixes: &["sk-ant-", "sk-proj-"],
        length: 32..=MANY,
        alphabet: "_-",
        kind: "an API key",
    },
    Form {
        prefixes: &["dckr_pat_"],
        length: 20..=MANY,
        alphabet: "_-",
        kind: "a Docker Hub token",
    },
];

const PRIVATE_KEY: &str = "-----BEGIN ";
const JSON_WEB_TOKEN: &str = "eyJ";
const PASSWORD_IN_URL: &str = "://";

const PRIVATE_KEY_BIT: u32 = 12;
const JSON_WEB_TOKEN_BIT: u32 = 13;
const PASSWORD_IN_URL_BIT: u32 = 14;

/// How many bits are taken.
pub(super) const BITS: u32 = 15;

/// How whatever is known by its form begins: each form has the bit of its place in the list, the others
/// have those behind it.
pub(super) const STARTS: Starts = {
    let mut starts = Starts::new()
        .with(PRIVATE_KEY_BIT, &[PRIVATE_KEY])
        .with(JSON_WEB_TOKEN_BIT, &[JSON_WEB_TOKEN])
        .with(PASSWORD_IN_URL_BIT, &[PASSWORD_IN_URL]);
    let (mut rest, mut bit): (&[Form], u32) = (FORMS, 0);
    while let [form, others @ ..] = rest {
        starts = starts.with(bit, form.prefixes);
        rest = others;
        bit += 1;
    }
    starts
};

/// What the text, or a part of it, looks like by its own form: a kind for messages, never the text.
/// `begun` are the bits of what may begin in it.
pub(super) fn kind(text: &str, begun: u32) -> Option<&'static str> {
    if begun.trailing_zeros() >= BITS {
        return None;
    }
    let has = |bit: u32| begun >> bit & 1 == 1;
    if has(PRIVATE_KEY_BIT) && holds_private_key(text) {
        return Some("a private key");
    }
    if has(JSON_WEB_TOKEN_BIT) && holds_json_web_token(text) {
        return Some("a JSON web token");
    }
    if has(PASSWORD_IN_URL_BIT) && text.contains('@') && holds_password_in_url(text) {
        return Some("a URL with a password");
    }
    let mut forms = FORMS.iter().zip(0..);
    let found = forms.find(|(form, bit)| {
        let mut prefixes = form.prefixes.iter();
        has(*bit) && prefixes.any(|prefix| form.begins(prefix, text))
    });
    found.map(|(form, _)| form.kind)
}

impl Form {
    /// Whether a secret of this form begins with `prefix` somewhere in the text.
    fn begins(&self, prefix: &str, text: &str) -> bool {
        let alphabet =
            |byte: u8| byte.is_ascii_alphanumeric() || self.alphabet.as_bytes().contains(&byte);
        behind(text, prefix).any(|rest| {
            let body = run(rest, alphabet);
            self.length.contains(&body.len()) && is_varied(body)
        })
    }
}

/// What stands behind each `prefix` that begins a word.
fn behind<'a>(text: &'a str, prefix: &'a str) -> impl Iterator<Item = &'a str> {
    text.match_indices(prefix).filter_map(move |(at, _)| {
        let (before, rest) = text.split_at_checked(at)?;
        let inside = before.ends_with(|c: char| c.is_ascii_alphanumeric());
        rest.strip_prefix(prefix).filter(|_| !inside)
    })
}

/// The longest start of `text` that is made of the alphabet, of what can matter: a text of nothing
/// but prefixes must not cost its length squared.
fn run(text: &str, alphabet: impl Fn(u8) -> bool) -> &str {
    let bytes = text.bytes().take(4096);
    let length = bytes.take_while(|byte| alphabet(*byte)).count();
    text.get(..length).unwrap_or_default()
}

/// Whether it is more than a filler, as documentation has them.
pub(super) fn is_varied(body: &str) -> bool {
    let distinct: std::collections::BTreeSet<u8> = body.bytes().collect();
    let upper = body.to_ascii_uppercase();
    distinct.len() > 5
        && !["EXAMPLE", "XXXX"]
            .iter()
            .any(|filler| upper.contains(filler))
}

fn holds_private_key(text: &str) -> bool {
    text.split(PRIVATE_KEY).skip(1).any(|rest| {
        rest.split_once("-----").is_some_and(|(label, body)| {
            let body = run(
                body.trim_start_matches(['\\', 'n', 'r', '\n', '\r', ' ']),
                |byte| byte.is_ascii_alphanumeric() || b"+/=:-\\ \r\n".contains(&byte),
            );
            label.trim_end_matches(" BLOCK").ends_with("PRIVATE KEY")
                && body.len() >= 16
                && is_varied(body)
        })
    })
}

/// Three parts in base64url, the first two of them JSON objects.
fn holds_json_web_token(text: &str) -> bool {
    behind(text, JSON_WEB_TOKEN).any(|rest| {
        let token = run(rest, |byte| {
            byte.is_ascii_alphanumeric() || b"_-.".contains(&byte)
        });
        let parts: Vec<&str> = token.splitn(4, '.').collect();
        matches!(parts.as_slice(), [header, payload, signature]
            if header.len() >= 8 && payload.starts_with(JSON_WEB_TOKEN) && payload.len() >= 8 && signature.len() >= 16)
    })
}

/// `scheme://user:password@host`, with a password that stands there.
fn holds_password_in_url(text: &str) -> bool {
    text.match_indices(PASSWORD_IN_URL).any(|(at, separator)| {
        let Some((before, rest)) = text.split_at_checked(at) else {
            return false;
        };
        if !before.ends_with(|c: char| c.is_ascii_alphanumeric()) {
            return false;
        }
        let rest = rest.strip_prefix(separator).unwrap_or_default();
        let authority = rest
            .split(|c: char| c.is_whitespace() || "/?#\"'`\\,;".contains(c))
            .next()
            .unwrap_or_default();
        let Some((user_info, host)) = authority.rsplit_once('@') else {
            return false;
        };
        let Some((user, password)) = user_info.split_once(':') else {
            return false;
        };
        let filler = matches!(user, "user" | "username")
            && matches!(password, "pass" | "passwd" | "password");
        !host.is_empty() && !filler && !is_stand_in(password)
    })
}

#[cfg(test)]
mod tests {
    use super::{
        super::{kind, tests::body},
        *,
    };

    #[test]
    fn what_only_begins_like_a_secret_is_none() {
        let pem = |label: &str, body: &str| format!("-----BEGIN {label}-----\n{body}");
        let filler = "ab".repeat(32);
        for (text, expected) in [
            ("a://:bc@d".to_owned(), Some("a URL with a password")),
            ("a://:b@d".to_owned(), None),
            ("postgres://user:password@db".to_owned(), None),
            (
                "postgres://user:hunter2x@db".to_owned(),
                Some("a URL with a password"),
            ),
            ("postgres://shop:hunter2x@".to_owned(), None),
            ("postgres://shop:${PASSWORD}@db".to_owned(), None),
            (pem("PRIVATE KEY", &body(64)), Some("a private key")),
            (pem("PRIVATE KEY", &body(8)), None),
            (pem("PRIVATE KEY", &filler), None),
            (pem("CERTIFICATE", &body(64)), None),
        ] {
            assert_eq!(kind(&text), expected, "{text}");
        }
        assert!(!is_varied(&"abcde".repeat(8)));
        assert!(is_varied(&"abcdef".repeat(8)));
        assert!(!is_varied("wJalrXUtnFEMIbPxRfiCYEXAMPLEKEY"));
    }

    #[test]
    fn secrets_are_known_by_their_form() {
        let jwt = format!("eyJ{}.eyJ{}.{}", body(12), body(20), body(43));
        let pem = format!(
            "-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----",
            body(64)
        );
        let key_id: String = format!("AKIA{}", body(32).to_uppercase().get(..16).unwrap());
        for (text, kind_expected) in [
            (key_id.clone(), "an AWS access key id"),
            (format!("id={key_id};"), "an AWS access key id"),
            (key_id.replace("AKIA", "ASIA"), "an AWS access key id"),
            (format!("ghp_{}", body(36)), "a GitHub token"),
            (format!("ghs_{}", body(36)), "a GitHub token"),
            (
                format!("github_pat_{}_{}", body(22), body(59)),
                "a GitHub token",
            ),
            (format!("glpat-{}", body(20)), "a GitLab token"),
            (format!("xoxb-{}-{}", body(12), body(24)), "a Slack token"),
            (
                format!(
                    "https://hooks.slack.com/services/T{}/B{}/{}",
                    body(8),
                    body(8),
                    body(24)
                ),
                "a Slack webhook",
            ),
            (format!("sk_live_{}", body(24)), "a Stripe key"),
            (format!("AIza{}", body(35)), "a Google API key"),
            (format!("npm_{}", body(36)), "an npm token"),
            (format!("SG.{}.{}", body(22), body(43)), "a SendGrid key"),
            (format!("dckr_pat_{}", body(27)), "a Docker Hub token"),
            (format!("Bearer {jwt}"), "a JSON web token"),
            (pem.clone(), "a private key"),
            (pem.replace('\n', "\\n"), "a private key"),
            (pem.replace("RSA ", "OPENSSH "), "a private key"),
            (
                "postgres://app:hunter2@db.internal:5432/app".to_owned(),
                "a URL with a password",
            ),
            (
                "redis://:hunter2@cache:6379".to_owned(),
                "a URL with a password",
            ),
            (
                "jdbc:x https://a:b%40c@d/?q#f".to_owned(),
                "a URL with a password",
            ),
        ] {
            assert_eq!(kind(&text), Some(kind_expected), "{text}");
        }
    }

    #[test]
    fn what_only_resembles_a_secret_is_let_be() {
        for text in [
            "AKIAIOSFODNN7EXAMPLE".to_owned(),
            "AKIAXXXXXXXXXXXXXXXX".to_owned(),
            format!("AKIA{}", body(32).to_uppercase()),
            format!("x{}", "AKIA7Q2Z9R4V1N8W5H3J"),
            "ghp_short".to_owned(),
            format!("ghp_{}", "x".repeat(36)),
            "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX"
                .to_owned(),
            "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A".to_owned(),
            "-----BEGIN PRIVATE KEY-----".to_owned(),
            "-----BEGIN CERTIFICATE-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A".to_owned(),
            format!("eyJ{}.{}", body(12), body(20)),
            "postgres://app:${DB_PASSWORD}@db/app".to_owned(),
            "postgres://app:$DB_PASSWORD@db/app".to_owned(),
            "postgres://app:{{password}}@db/app".to_owned(),
            "postgres://app:<password>@db/app".to_owned(),
            "postgres://user:password@db/app".to_owned(),
            "postgres://app:@db/app".to_owned(),
            "postgres://app@db:5432/app".to_owned(),
            "https://example.com:8080/a@b".to_owned(),
            "https://example.com/x?a=b:c@d".to_owned(),
            "nginx@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
                .to_owned(),
            "arn:aws:secretsmanager:eu-west-1:111122223333:secret:db-AbCdEf".to_owned(),
            String::new(),
            "ünïcödé://ä:ö".to_owned(),
        ] {
            assert_eq!(kind(&text), None, "{text}");
        }
    }
}
