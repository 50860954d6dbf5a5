//! Names of AWS resources, checked when they are made. Only such names are put into commands and
//! links, so text from outside can never become a part of either.

mod running;
mod tag;

use std::fmt;

use serde::Serialize;
use thiserror::Error;

use crate::conceal;

pub use running::{ServiceArn, ServiceDeploymentArn, TaskArn};
pub use tag::ImageTag;

/// Text from outside that does not have the form AWS gives to a name of its kind.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{} is not a valid {kind}", quoted_value(.value))]
pub struct InvalidName {
    kind: &'static str,
    value: String,
}

impl InvalidName {
    fn new(kind: &'static str, value: &str) -> Self {
        Self {
            kind,
            value: value.to_owned(),
        }
    }
}

/// `name` in backticks for a message: control and other invisible characters escaped, cut after
/// 120 characters, so that outside text can neither forge lines nor flood them; and without what has
/// the form of a secret.
pub fn quoted(name: &str) -> String {
    in_backticks(&conceal::forms(name))
}

/// A value in backticks, as [`quoted`], and without what is random enough to be a secret.
pub fn quoted_value(value: &str) -> String {
    in_backticks(&conceal::values(value))
}

fn in_backticks(value: &str) -> String {
    const LIMIT: usize = 120;
    let mut text = String::with_capacity(value.len().min(LIMIT) + 2);
    text.push('`');
    for (index, character) in value.chars().enumerate() {
        if index == LIMIT {
            text.push('…');
            break;
        }
        if character == '`' {
            text.push('\'');
        } else if is_inert(character) {
            text.push(character);
        } else {
            text.extend(character.escape_unicode());
        }
    }
    text.push('`');
    text
}

/// Whether a character can be shown as it is: it neither moves the cursor, starts a line, changes
/// the direction of the text around it, nor hides itself.
pub fn is_inert(character: char) -> bool {
    !character.is_control()
        && !matches!(character,
            '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

fn is_made_of(text: &str, most: usize, allowed: impl Fn(u8) -> bool) -> bool {
    !text.is_empty() && text.len() <= most && text.bytes().all(allowed)
}

fn is_dashed(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'
}

/// An account in a region of a partition (`aws`, `aws-cn`, `aws-us-gov`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Place {
    partition: String,
    region: String,
    account: String,
}

impl Place {
    /// A place from its three names.
    ///
    /// # Errors
    /// When one of them does not look like a partition, a region or a 12-digit account id.
    pub fn new(partition: &str, region: &str, account: &str) -> Result<Self, InvalidName> {
        if !is_made_of(partition, 32, is_dashed) {
            return Err(InvalidName::new("partition", partition));
        }
        if !is_made_of(region, 32, is_dashed) {
            return Err(InvalidName::new("region", region));
        }
        if account.len() != 12 || !is_made_of(account, 12, |byte| byte.is_ascii_digit()) {
            return Err(InvalidName::new("account id", account));
        }
        Ok(Self {
            partition: partition.to_owned(),
            region: region.to_owned(),
            account: account.to_owned(),
        })
    }

    /// The place of an account and region whose partition follows from the region's name.
    ///
    /// # Errors
    /// As [`Place::new`].
    pub fn of_region(region: &str, account: &str) -> Result<Self, InvalidName> {
        let partition = if region.starts_with("cn-") {
            "aws-cn"
        } else if region.starts_with("us-gov-") {
            "aws-us-gov"
        } else {
            "aws"
        };
        Self::new(partition, region, account)
    }

    /// The partition, for example `aws`.
    pub fn partition(&self) -> &str {
        &self.partition
    }

    /// The region, for example `eu-west-1`.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The account id, 12 digits.
    pub fn account(&self) -> &str {
        &self.account
    }
}

/// Splits `arn:PARTITION:SERVICE:REGION:ACCOUNT:REST`.
fn split_arn<'a>(arn: &'a str, service: &str) -> Option<(&'a str, &'a str, &'a str, &'a str)> {
    let mut parts = arn.splitn(6, ':');
    let head = parts.next()?;
    let partition = parts.next()?;
    let found = parts.next()?;
    let region = parts.next()?;
    let account = parts.next()?;
    let rest = parts.next()?;
    (head == "arn" && found == service).then_some((partition, region, account, rest))
}

/// One revision of a task definition:
/// `arn:aws:ecs:REGION:ACCOUNT:task-definition/FAMILY:REVISION`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(into = "String")]
pub struct TaskDefinitionArn {
    place: Place,
    family: String,
    revision: u64,
}

impl TaskDefinitionArn {
    /// Reads an ARN with a revision.
    ///
    /// # Errors
    /// When the text is not the ARN of one revision of a task definition.
    pub fn parse(arn: &str) -> Result<Self, InvalidName> {
        let invalid = || InvalidName::new("task definition ARN", arn);
        let (partition, region, account, rest) = split_arn(arn, "ecs").ok_or_else(invalid)?;
        let (family, revision) = rest
            .strip_prefix("task-definition/")
            .and_then(|name| name.split_once(':'))
            .ok_or_else(invalid)?;
        if !is_family(family) || !is_made_of(revision, 19, |byte| byte.is_ascii_digit()) {
            return Err(invalid());
        }
        Ok(Self {
            place: Place::new(partition, region, account)?,
            family: family.to_owned(),
            revision: revision.parse().map_err(|_| invalid())?,
        })
    }

    /// Where the definition is registered.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The family, for example `web`.
    pub fn family(&self) -> &str {
        &self.family
    }

    /// The revision, counted from 1.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// `FAMILY:REVISION`, as people write it.
    pub fn short(&self) -> String {
        format!("{}:{}", self.family, self.revision)
    }
}

impl fmt::Display for TaskDefinitionArn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place {
            partition,
            region,
            account,
        } = &self.place;
        let Self {
            family, revision, ..
        } = self;
        write!(
            formatter,
            "arn:{partition}:ecs:{region}:{account}:task-definition/{family}:{revision}"
        )
    }
}

impl From<TaskDefinitionArn> for String {
    fn from(arn: TaskDefinitionArn) -> Self {
        arn.to_string()
    }
}

/// Whether the text can be a family: up to 255 letters, digits, `_` and `-`
/// (ECS API, `RegisterTaskDefinition`).
pub fn is_family(text: &str) -> bool {
    is_made_of(text, 255, |byte| {
        byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
    })
}

/// A repository of a private ECR registry: `arn:aws:ecr:REGION:ACCOUNT:repository/NAME`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Repository {
    place: Place,
    name: String,
}

impl Repository {
    /// A repository by its place and name.
    ///
    /// # Errors
    /// When the name has characters that ECR does not allow, or more than 256 of them.
    pub fn new(place: Place, name: &str) -> Result<Self, InvalidName> {
        let allowed = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-/".contains(&byte)
        };
        if !is_made_of(name, 256, allowed) {
            return Err(InvalidName::new("repository name", name));
        }
        Ok(Self {
            place,
            name: name.to_owned(),
        })
    }

    /// Reads a repository ARN. A digest that some senders append (`…/NAME/sha256:…`) is left out.
    ///
    /// # Errors
    /// When the text is not the ARN of a repository.
    pub fn parse_arn(arn: &str) -> Result<Self, InvalidName> {
        let invalid = || InvalidName::new("repository ARN", arn);
        let (partition, region, account, rest) = split_arn(arn, "ecr").ok_or_else(invalid)?;
        let name = rest.strip_prefix("repository/").ok_or_else(invalid)?;
        let name = name.split_once("/sha256:").map_or(name, |(name, _)| name);
        Self::new(Place::new(partition, region, account)?, name)
    }

    /// Where the registry is.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The name in the registry, for example `team/app`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The ARN.
    pub fn arn(&self) -> String {
        let Place {
            partition,
            region,
            account,
        } = &self.place;
        let name = &self.name;
        format!("arn:{partition}:ecr:{region}:{account}:repository/{name}")
    }
}

/// The digest of a manifest: `sha256:` and digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Digest(String);

impl Digest {
    /// Reads a digest. The digits are not held to 64 hexadecimal ones, because AWS's own samples are
    /// shorter and end in `EXAMPLE`; whether such an image exists is for ECR to say.
    ///
    /// # Errors
    /// When the text is not an algorithm, a colon and 32 to 128 letters and digits.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        if Self::is_one(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidName::new("image digest", text))
        }
    }

    /// Whether the text has the form of a digest, as [`Self::parse`] wants it.
    pub fn is_one(text: &str) -> bool {
        let digits = text
            .strip_prefix("sha256:")
            .or_else(|| text.strip_prefix("sha512:"));
        digits.is_some_and(|digits| {
            digits.len() >= 32 && is_made_of(digits, 128, |byte| byte.is_ascii_alphanumeric())
        })
    }

    /// The text, for example `sha256:9f86…`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_task_definition_arn_is_read_and_written() {
        let text = "arn:aws-us-gov:ecs:us-gov-west-1:111122223333:task-definition/my_web-1:42";
        let arn = TaskDefinitionArn::parse(text).unwrap();
        assert_eq!(arn.to_string(), text);
        assert_eq!(arn.short(), "my_web-1:42");
        assert_eq!((arn.family(), arn.revision()), ("my_web-1", 42));
        assert_eq!(String::from(arn.clone()), text);
        assert_eq!(arn.place().partition(), "aws-us-gov");
    }

    #[test]
    fn what_is_not_the_arn_of_one_revision_is_refused() {
        for text in [
            "",
            "web:3",
            "arn:aws:ecs:eu-west-1:111122223333:task-definition/web",
            "arn:aws:ecs:eu-west-1:111122223333:task-definition/web:",
            "arn:aws:ecs:eu-west-1:111122223333:task-definition/web:-1",
            "arn:aws:ecs:eu-west-1:111122223333:task-definition/we b:1",
            "arn:aws:ecs:eu-west-1:111122223333:task-definition/$(x):1",
            "arn:aws:ecs:eu-west-1:11112222333:task-definition/web:1",
            "arn:aws:ecr:eu-west-1:111122223333:task-definition/web:1",
            "arn:aws:ecs:eu-west-1:111122223333:daemon-task-definition/web:1",
            "arn:aws:ecs:eu-west-1;x:111122223333:task-definition/web:1",
            "arn:AWS:ecs:eu-west-1:111122223333:task-definition/web:1",
        ] {
            assert!(TaskDefinitionArn::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_repository_arn_may_carry_a_digest() {
        let arn = "arn:aws:ecr:us-east-1:111122223333:repository/team/app";
        let repository = Repository::parse_arn(&format!("{arn}/sha256:abcd")).unwrap();
        assert_eq!(repository.name(), "team/app");
        assert_eq!(repository.arn(), arn);
    }

    #[test]
    fn the_partition_follows_from_the_region() {
        let partition = |region| {
            let place = Place::of_region(region, "111122223333").unwrap();
            place.partition().to_owned()
        };
        assert_eq!(partition("cn-north-1"), "aws-cn");
        assert_eq!(partition("us-gov-east-1"), "aws-us-gov");
        assert_eq!(partition("eu-west-1"), "aws");
    }

    #[test]
    fn quoted_text_shows_what_would_hide() {
        assert_eq!(quoted("a\u{1b}[31m\nb`c"), r"`a\u{1b}[31m\u{a}b'c`");
        assert_eq!(quoted("\u{202e}gpj.exe"), r"`\u{202e}gpj.exe`");
        assert_eq!(quoted(&"x".repeat(500)).chars().count(), 123);
    }

    proptest! {
        #[test]
        fn quoted_text_is_one_inert_bounded_line(text in "\\PC*|[\\s\\S]*") {
            let shown = quoted(&text);
            prop_assert!(shown.chars().all(is_inert));
            prop_assert!(shown.chars().count() <= 120 * 10 + 3);
        }

        #[test]
        fn names_made_from_any_text_have_no_shell_or_markup_characters(
            partition in "aws|\\PC{1,9}", region in "eu-west-1|\\PC{1,9}", account in "111122223333|\\PC{12}", name in "[a-z]{1,9}|\\PC{1,9}",
            text in "[\\s\\S]*",
        ) {
            let plain = |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-/:".contains(&b));
            let arn = |service: &str, kind: &str| format!("arn:{partition}:{service}:{region}:{account}:{kind}/{name}");
            for text in [&format!("{}:7", arn("ecs", "task-definition")), &text] {
                if let Ok(arn) = TaskDefinitionArn::parse(text) { prop_assert!(plain(&arn.to_string())); }
            }
            for text in [&arn("ecr", "repository"), &text] {
                if let Ok(repository) = Repository::parse_arn(text) { prop_assert!(plain(&repository.arn())); }
            }
            if let Ok(digest) = Digest::parse(&text) { prop_assert!(plain(digest.as_str())); }
        }
    }
}
