//! Whether a name says that a secret goes by it.

use super::may_name;

/// Whether a name says that a secret goes by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::catalogue) enum Hint {
    No,
    /// Its value decides: `APP_KEY` may be a key or the name of a column.
    Perhaps,
    Surely,
}

/// What AWS's own controls look for, whatever else the name looks like.
const ALWAYS: &[&str] = &[
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "ECS_ENGINE_AUTH_DATA",
];

/// A word that ends so is a secret, alone (`TOKEN`) and grown together (`PGPASSWORD`).
const ENDINGS: &[&str] = &[
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "REQUIREPASS",
    "SECRET",
    "TOKEN",
    "CREDENTIAL",
    "CREDENTIALS",
    "APIKEY",
    "ACCESSKEY",
    "ACCOUNTKEY",
    "LICENSEKEY",
    "PRIVATEKEY",
    "SECRETKEY",
];

/// What a `KEY` has to stand behind to be a secret one.
const KEY_OF: &[&str] = &[
    "ACCESS",
    "ACCOUNT",
    "API",
    "ENCRYPTION",
    "LICENSE",
    "MASTER",
    "PRIVATE",
    "SECRET",
    "SIGNING",
];

/// Names with one of these are secrets where the value looks like one.
const PERHAPS: &[&str] = &[
    "AUTH",
    "HMAC",
    "JWT",
    "KEY",
    "KEYS",
    "PASSWORDS",
    "PEPPER",
    "SALT",
    "SECRETS",
    "TOKENS",
];

/// A name that ends so tells something about a secret: where it is, how long it lasts.
const ABOUT: &[&str] = &[
    "AGE",
    "ALG",
    "ALGORITHM",
    "ALIAS",
    "ARN",
    "ARNS",
    "ATTEMPTS",
    "AUDIENCE",
    "BACKEND",
    "BUCKET",
    "CLASS",
    "COOKIE",
    "COUNT",
    "DAYS",
    "DIR",
    "DIRECTORY",
    "DISABLED",
    "DRIVER",
    "DURATION",
    "EMAIL",
    "ENABLED",
    "ENDPOINT",
    "EXPIRATION",
    "EXPIRE",
    "EXPIRED",
    "EXPIRES",
    "EXPIRY",
    "FIELD",
    "FILE",
    "FILENAME",
    "FILES",
    "FORMAT",
    "HEADER",
    "HOST",
    "HOSTNAME",
    "HOURS",
    "ID",
    "IDS",
    "IN",
    "INTERVAL",
    "ISSUER",
    "LEN",
    "LENGTH",
    "LEVEL",
    "LIFETIME",
    "LIMIT",
    "LOCATION",
    "MANAGER",
    "MAX",
    "METHOD",
    "MILLIS",
    "MIN",
    "MINUTES",
    "MODE",
    "MS",
    "NAME",
    "NAMES",
    "NAMESPACE",
    "PARAM",
    "PARAMETER",
    "PATH",
    "POLICY",
    "PORT",
    "PREFIX",
    "PROFILE",
    "PROVIDER",
    "REF",
    "REFERENCE",
    "REGION",
    "REQUIRED",
    "RETRIES",
    "ROLE",
    "ROTATION",
    "SCOPE",
    "SCOPES",
    "SECONDS",
    "SECS",
    "SERVICE",
    "SIZE",
    "SOURCE",
    "STDIN",
    "STORE",
    "STRATEGY",
    "SUFFIX",
    "TABLE",
    "THRESHOLD",
    "TIMEOUT",
    "TTL",
    "TYPE",
    "URI",
    "URL",
    "URLS",
    "USER",
    "USERNAME",
    "VALIDITY",
    "VERSION",
    "WINDOW",
];

/// A name that begins so is a switch or a limit.
const SWITCHES: &[&str] = &[
    "ALLOW", "DISABLE", "DISABLED", "ENABLE", "HAS", "IS", "MAX", "MIN", "NO", "NUM", "REQUIRE",
    "SKIP", "USE", "VALIDATE",
];

/// Meant to be seen.
const SHOWN: &[&str] = &["PUBLIC", "PUBLISHABLE"];

/// Every word that says something holds one of these, of which three letters are looked for: `sec` would find
/// every number of seconds.
pub(super) const STEMS: &[&str] = &[
    "auth",
    "credential",
    "hmac",
    "jwt",
    "key",
    "pass",
    "pepper",
    "pwd",
    "salt",
    "cret",
    "token",
];

/// What a name says. Case, and how words are joined (`DB_PASSWORD`, `db-password`, `dbPassword`),
/// do not matter.
pub(in crate::catalogue) fn hint(name: &str) -> Hint {
    if !may_name(name) {
        return Hint::No;
    }
    let words = words(name);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (Some(first), Some(last)) = (words.first(), words.last()) else {
        return Hint::No;
    };
    if ALWAYS.contains(&words.join("_").as_str()) {
        return Hint::Surely;
    }
    let named = words
        .iter()
        .any(|word| ENDINGS.iter().any(|ending| word.ends_with(ending)));
    let key = words
        .windows(2)
        .any(|pair| matches!(pair, [of, "KEY"] if KEY_OF.contains(of)));
    // `PWD` alone is the working directory.
    let short = words.len() > 1 && matches!(*last, "PASS" | "PWD");
    let hint = if named || key || short {
        Hint::Surely
    } else if words.iter().any(|word| PERHAPS.contains(word)) {
        Hint::Perhaps
    } else {
        return Hint::No;
    };
    let is_about = ABOUT.contains(last)
        || SWITCHES.contains(first)
        || words.iter().any(|word| SHOWN.contains(word));
    if is_about { Hint::No } else { hint }
}

/// The words of a name in upper case, without the numbers behind them (`PASSWORD2`).
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut after_lower = false;
    for character in name.chars() {
        let starts = character.is_uppercase() && after_lower;
        after_lower = character.is_lowercase();
        if starts || !character.is_alphanumeric() {
            words.push(String::new());
        }
        if let (true, Some(word)) = (character.is_alphanumeric(), words.last_mut()) {
            word.push(character.to_ascii_uppercase());
        }
    }
    words
        .iter()
        .map(|word| word.trim_end_matches(|c: char| c.is_ascii_digit()))
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_that_says_something_is_without_a_stem() {
        let keys = KEY_OF.iter().map(|of| format!("{of}_KEY"));
        let words = [ALWAYS, ENDINGS, PERHAPS, &["DB_PASS", "DB_PWD"]].concat();
        for word in keys.chain(words.into_iter().map(str::to_owned)) {
            assert!(may_name(&word), "{word}");
            assert!(may_name(&format!("the-{}", word.to_lowercase())), "{word}");
        }
        assert!(!may_name("DATABASE_HOST") && !may_name(""));
    }

    #[test]
    fn a_name_is_read_by_its_words() {
        for (names, expected) in [
            (
                &[
                    "AWS_ACCESS_KEY_ID",
                    "aws_access_key_id",
                    "AWS_SECRET_ACCESS_KEY",
                    "AWS_SESSION_TOKEN",
                    "ECS_ENGINE_AUTH_DATA",
                    "PASSWORD",
                    "DB_PASSWORD",
                    "db-password",
                    "dbPassword",
                    "PGPASSWORD",
                    "MYSQL_ROOT_PASSWORD",
                    "PASSWORD2",
                    "PASSWORD_PROD",
                    "SMTP_PASS",
                    "DB_PWD",
                    "REDIS_PASSWD",
                    "CLIENT_SECRET",
                    "clientsecret",
                    "SECRET",
                    "SECRET_KEY_BASE",
                    "GITHUB_TOKEN",
                    "splunk-token",
                    "API_KEY",
                    "apikey",
                    "DD_API_KEY",
                    "Apikey",
                    "PRIVATE_KEY",
                    "NEW_RELIC_LICENSE_KEY",
                    "ENCRYPTION_KEY",
                    "GOOGLE_APPLICATION_CREDENTIALS",
                    "requirepass",
                    "-Djavax.net.ssl.keyStorePassword",
                ][..],
                Hint::Surely,
            ),
            (
                &[
                    "APP_KEY",
                    "PASSWORD_SALT",
                    "BASIC_AUTH",
                    "JWT",
                    "API_TOKENS",
                ],
                Hint::Surely,
            ),
            (
                &[
                    "DB_PASSWORD_FILE",
                    "DB_SECRET_ARN",
                    "SECRET_NAME",
                    "TOKEN_URL",
                    "TOKEN_TYPE",
                    "SECRET_PATH",
                    "SECRET_VERSION",
                    "TOKEN_TTL",
                    "TOKEN_EXPIRY",
                    "TOKEN_EXPIRES_IN",
                    "PASSWORD_MIN_LENGTH",
                    "ENABLE_PASSWORD",
                    "MAX_TOKEN",
                    "password-stdin",
                    "SECRET_ID",
                    "PUBLIC_KEY",
                    "STRIPE_PUBLISHABLE_KEY",
                    "TOKENIZER",
                    "SECRETARY",
                    "SECRETSMANAGER_ENDPOINT",
                    "BYPASS",
                    "COMPASS",
                    "PWD",
                    "OLDPWD",
                    "PASS",
                    "PATH",
                    "",
                    "_",
                    "no-password",
                    "LOG_LEVEL",
                    "KEYBOARD",
                    "AUTHOR",
                    "dbPasswordFile",
                ],
                Hint::No,
            ),
        ] {
            for name in names {
                let perhaps = ["APP_KEY", "BASIC_AUTH", "JWT", "API_TOKENS"].contains(name);
                let expected = if perhaps { Hint::Perhaps } else { expected };
                assert_eq!(hint(name), expected, "{name}");
            }
        }
    }
}
