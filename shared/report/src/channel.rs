//! What each channel shows of an alert, from its documented JSON. Each has its own module, with its
//! vendor's limits as constants and the way in which text from outside is kept from meaning
//! something to it. Nothing is sent from here.

pub mod amazon_q;
pub mod asff;
mod content;
mod cut;
pub(crate) mod email;
pub mod pagerduty;
pub mod slack;
pub mod teams;
pub mod webhook;

use std::fmt;

use jiff::Timestamp;

/// What a channel shows beside the alert.
#[derive(Debug, Clone, Copy)]
pub struct Setting<'a> {
    /// When it is shown, for times such as `3 min ago`.
    pub now: Timestamp,
    /// Where the pages of the rules are, if anywhere.
    pub rule_pages: Option<&'a RulePages>,
    /// What people call the account.
    pub account_name: Option<&'a str>,
}

/// Where the pages of the rules are: an HTTPS address with `{rule}` in place of a rule's id, such as
/// `https://git.example.com/security/tidewaiter/docs/rules/{rule}.md`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RulePages {
    before: String,
    after: String,
}

/// A text that is no address of pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidRulePages;

impl fmt::Display for InvalidRulePages {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(
            "the pages of the rules have to be an HTTPS address with `{rule}` in it, such as `https://git.example.com/docs/rules/{rule}.md`",
        )
    }
}

impl std::error::Error for InvalidRulePages {}

impl RulePages {
    /// Reads an address.
    ///
    /// # Errors
    /// When it is not HTTPS, has characters that do not belong into an address, is longer than 500
    /// of them, or does not have `{rule}` just once.
    pub fn parse(text: &str) -> Result<Self, InvalidRulePages> {
        let is_plain = |part: &str| {
            let mut bytes = part.bytes();
            bytes.all(|byte| byte.is_ascii_alphanumeric() || b":/?#=&._-%+~".contains(&byte))
        };
        match text.split_once("{rule}") {
            Some((before, after))
                if text.len() <= 500
                    && before.starts_with("https://")
                    && is_plain(before)
                    && is_plain(after) =>
            {
                Ok(Self {
                    before: before.to_owned(),
                    after: after.to_owned(),
                })
            }
            _ => Err(InvalidRulePages),
        }
    }

    /// The page of a rule; `None` where the text cannot be the id of one.
    fn page(&self, rule: &str) -> Option<String> {
        let is_id = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let is_rule = !rule.is_empty() && rule.len() <= 64 && rule.bytes().all(is_id);
        is_rule.then(|| format!("{}{rule}{}", self.before, self.after))
    }
}

#[cfg(test)]
pub(crate) mod tests;
