//! Commands that set something right. What is written into them comes from AWS: it is quoted for a shell, and what
//! has invisible characters in it gets into none.

use serde_json::{Map, Value};
use tidewaiter_rules::names::is_inert;

use super::compare::known;
use crate::account::arguments::AccountArguments;

/// Makes commands for one account.
#[derive(Debug, Clone, Default)]
pub(super) struct Commands {
    /// Region, profile and endpoint, as the doctor was told them.
    place: Vec<(&'static str, String)>,
    stack: String,
    /// The mode of the stack.
    mode: String,
}

impl Commands {
    pub(super) fn of(arguments: &AccountArguments, region: &str, mode: &str) -> Self {
        let mut place = vec![("region", region.to_owned())];
        let profile = arguments.profile.iter();
        place.extend(profile.map(|profile| ("profile", profile.clone())));
        let endpoint = arguments.endpoint_url.iter();
        place.extend(endpoint.map(|endpoint| ("endpoint-url", endpoint.clone())));
        Self {
            place,
            stack: arguments.stack.clone(),
            mode: mode.to_owned(),
        }
    }

    /// Deploys the stack.
    pub(super) fn deploy(&self) -> Option<String> {
        let mode = shell(&self.mode)?;
        Some(format!("make deploy MODE={mode}{}", self.variables()))
    }

    /// The same place, for `make`.
    fn variables(&self) -> String {
        let mut text = String::new();
        let all = [("stack", &self.stack)].into_iter();
        let place = self.place.iter().map(|(name, value)| (*name, value));
        for (name, value) in all.chain(place) {
            let variable = match name {
                "stack" => "STACK",
                "region" => "REGION",
                "profile" => "PROFILE",
                _ => continue,
            };
            if let Some(value) = shell(value) {
                text.extend([" ", variable, "=", &value]);
            }
        }
        text
    }

    /// `aws SERVICE OPERATION --NAME VALUE …`; `None` where a value cannot be written down.
    pub(super) fn aws(&self, operation: &str, options: &[(&str, &str)]) -> Option<String> {
        self.written(&format!("aws {operation}"), options)
    }

    /// `aws SERVICE OPERATION --cli-input-json …` with the properties of a resource, whose names are those of the API, but
    /// for some; `None` where one of them is not known.
    pub(super) fn input(
        &self,
        operation: &str,
        (name, value): (&str, &str),
        properties: &Value,
        without: &[&str],
    ) -> Option<String> {
        let mut input = Map::new();
        input.insert(name.to_owned(), value.into());
        for (name, value) in known(properties)?.as_object()? {
            if without.contains(&name.as_str()) {
                continue;
            }
            // A parameter of the stack is text even where the API wants a number; nothing that is a text there is one.
            let number = value.as_str().and_then(|text| text.parse::<i64>().ok());
            let value = number.map_or_else(|| value.clone(), Value::from);
            input.insert(name.clone(), value);
        }
        let input = Value::Object(input).to_string();
        self.aws(operation, &[("cli-input-json", &input)])
    }

    /// `tidewaiter COMMAND --NAME VALUE …`.
    pub(super) fn tidewaiter(&self, command: &str, options: &[(&str, &str)]) -> Option<String> {
        let mut all = options.to_vec();
        all.push(("stack", &self.stack));
        self.written(&format!("tidewaiter {command}"), &all)
    }

    fn written(&self, command: &str, options: &[(&str, &str)]) -> Option<String> {
        let mut text = command.to_owned();
        let place = self.place.iter();
        let place = place.map(|(name, value)| (*name, value.as_str()));
        for (name, value) in options.iter().copied().chain(place) {
            text.push_str(" --");
            text.push_str(name);
            if !value.is_empty() {
                text.push(' ');
                text.push_str(&shell(value)?);
            }
        }
        Some(text)
    }
}

/// A value as an option takes it: a text as it is, anything else as JSON.
pub(super) fn word(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// A word as a shell takes it.
fn shell(word: &str) -> Option<String> {
    if !word.chars().all(is_inert) {
        return None;
    }
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_./:=@%+-,".contains(&byte);
    if !word.is_empty() && word.bytes().all(is_plain) {
        return Some(word.to_owned());
    }
    Some(format!("'{}'", word.replace('\'', r"'\''")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_gets_out_of_its_word() {
        assert_eq!(shell("arn:aws:sns:a:1:b").unwrap(), "arn:aws:sns:a:1:b");
        assert_eq!(shell("$(reboot)").unwrap(), "'$(reboot)'");
        assert_eq!(shell("it's; `x`").unwrap(), r"'it'\''s; `x`'");
        assert_eq!(shell(""), Some("''".to_owned()));
        for word in ["a\nb", "a\u{1b}[2J", "a\u{202e}b"] {
            assert_eq!(shell(word), None);
        }
    }

    #[test]
    fn a_command_acts_where_the_doctor_looked() {
        let arguments = AccountArguments {
            profile: Some("ops team".to_owned()),
            stack: "guard".to_owned(),
            ..AccountArguments::default()
        };
        let commands = Commands::of(&arguments, "eu-west-1", "audit");
        assert_eq!(
            commands.aws("events enable-rule", &[("name", "a"), ("quiet", "")]),
            Some(
                "aws events enable-rule --name a --quiet --region eu-west-1 --profile 'ops team'"
                    .to_owned()
            )
        );
        assert_eq!(
            commands.tidewaiter("resume", &[]).unwrap(),
            "tidewaiter resume --stack guard --region eu-west-1 --profile 'ops team'"
        );
        assert_eq!(commands.aws("sns publish", &[("message", "a\nb")]), None);
        assert_eq!(
            commands.deploy().unwrap(),
            "make deploy MODE=audit STACK=guard REGION=eu-west-1 PROFILE='ops team'"
        );
    }
}
