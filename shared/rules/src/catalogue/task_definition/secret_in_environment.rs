use std::collections::BTreeMap;

use super::super::{
    Answer, Applies, Check, Context, References, Rule,
    secrets::{self, Glance, Hint},
};
use crate::{
    Severity,
    facts::{PlacedContainer, REDACTED, Scalar, TaskDefinition, Variable},
    field::Field,
    names::quoted,
    policy::matches,
};

pub(in crate::catalogue) const RULE: Rule = Rule {
    id: "secret-in-environment",
    summary: "a password, key or token stands in the definition in clear",
    severity: Severity::High,
    applies: Applies::EVERY_FORM,
    help: "move it to Secrets Manager or Parameter Store, name it in `secrets` (or `logConfiguration.secretOptions`) with `valueFrom`, and replace the secret itself: everyone who may describe this revision has read it, and so has the trail",
    references: References {
        guidance: "pass secrets by reference, not as environment variables",
        aws_config: &["ECS_NO_ENVIRONMENT_SECRETS"],
        security_hub: &["ECS.8"],
        control_tower: &["CT.ECS.PR.12"],
        cis_docker: &[],
        pod_security: None,
    },
    check: Check::TaskDefinition(check),
};

fn check(definition: &TaskDefinition, context: &Context<'_>) -> Vec<Answer> {
    let mut answers = Vec::new();
    for container in definition.containers() {
        let mut found = Found {
            container: &container,
            globs: &context.parameters.secret_in_environment.names,
            answers: Vec::new(),
        };
        match &container.environment {
            Field::Known(variables) => found.variables(variables),
            Field::Unknown(reason) => found.unreadable("environment", "the environment", reason),
            Field::Absent => {}
        }
        found.arguments("command", &container.command);
        found.arguments("entryPoint", &container.entry_point);
        match &container.health_check {
            Field::Known(check) => found.arguments("healthCheck/command", &check.command),
            Field::Unknown(reason) => found.unreadable("healthCheck", "the health check", reason),
            Field::Absent => {}
        }
        found.texts("dockerLabels", "label", &container.docker_labels);
        match &container.log_configuration {
            Field::Known(log) => found.texts(
                "logConfiguration/options",
                "option of the log driver",
                &log.options,
            ),
            Field::Unknown(reason) => {
                found.unreadable("logConfiguration", "the log configuration", reason);
            }
            Field::Absent => {}
        }
        let found = found.answers.into_iter();
        answers.extend(found.map(|answer| answer.in_container(&container)));
    }
    answers
}

/// What is found in one container. No message has any part of a value in it: alerts travel further
/// than the definition does.
struct Found<'a> {
    container: &'a PlacedContainer<'a>,
    globs: &'a [String],
    answers: Vec<Answer>,
}

impl Found<'_> {
    fn variables(&mut self, variables: &[Variable]) {
        let mut hidden: Option<&str> = None;
        for (index, variable) in variables.iter().enumerate() {
            let pointer = || format!("environment/{index}/value");
            let name = match &variable.name {
                Field::Known(name) => name.as_str(),
                Field::Absent => "",
                Field::Unknown(_) => "?",
            };
            match readable(&variable.value) {
                Ok(Some(value)) => {
                    let said = self.answers.len();
                    self.named("variable", name, value, pointer);
                    // By another name it would be one.
                    let may_be = || self.answers.len() == said && secrets::is_secret(value);
                    hidden = hidden.or(variable.name.unknown().filter(|_| may_be()));
                }
                Ok(None) => {}
                Err(reason) if self.hint(name) == Hint::Surely => {
                    self.uncertain(&pointer(), "variable", name, reason);
                }
                Err(reason) => hidden = hidden.or(Some(reason)),
            }
        }
        // One word for all of them: none has a name that asks for more.
        if let Some(reason) = hidden {
            self.unreadable("environment", "a part of the environment", reason);
        }
    }

    fn texts(&mut self, path: &str, what: &str, texts: &Field<BTreeMap<String, Field<Scalar>>>) {
        let texts = match texts {
            Field::Known(texts) => texts,
            Field::Unknown(reason) => return self.unreadable(path, &format!("`{path}`"), reason),
            Field::Absent => return,
        };
        for (name, value) in texts {
            let pointer = || member(path, name);
            match readable(value) {
                Ok(Some(value)) => self.named(what, name, value, pointer),
                Ok(None) => {}
                Err(reason) => self.uncertain(&pointer(), what, name, reason),
            }
        }
    }

    fn arguments(&mut self, path: &str, arguments: &Field<Vec<Field<String>>>) {
        let arguments = match arguments {
            Field::Known(arguments) => arguments,
            Field::Unknown(reason) => return self.unreadable(path, &format!("`{path}`"), reason),
            Field::Absent => return,
        };
        let mut flag = false;
        for (index, argument) in arguments.iter().enumerate() {
            let pointer = || format!("{path}/{index}");
            let after_flag = std::mem::take(&mut flag);
            match argument {
                Field::Known(text) => {
                    flag = secrets::is_flag(text.trim());
                    let value = after_flag && !text.starts_with(['-', '$']);
                    let glance = Glance::of(text);
                    if let Some(kind) = glance.kind() {
                        self.formed(&format!("an argument in `{path}`"), kind, &pointer());
                    } else if value && secrets::is_secret(text) || glance.assigns() {
                        let message = format!(
                            "`{path}` of {} gives a password, key or token in clear",
                            self.container.shown()
                        );
                        self.fail(&pointer(), message, Severity::High);
                    }
                }
                Field::Unknown(reason) => {
                    self.unreadable(&pointer(), &format!("an argument in `{path}`"), reason);
                }
                Field::Absent => {}
            }
        }
    }

    fn named(&mut self, what: &str, name: &str, value: &str, pointer: impl Fn() -> String) {
        let hint = self.hint(name);
        let shown = || format!("{what} {}", quoted(name));
        let glance = Glance::of(value);
        if let Some(kind) = glance.kind() {
            self.formed(&shown(), kind, &pointer());
        } else if hint != Hint::No && secrets::looks_random(value) {
            self.formed(&shown(), "a generated key", &pointer());
        } else if hint == Hint::Surely && secrets::is_secret(value) && value != name {
            let message = format!(
                "{} of {} has a secret's name and a value in clear",
                shown(),
                self.container.shown()
            );
            self.fail(&pointer(), message, Severity::High);
        } else if glance.assigns() {
            let message = format!(
                "{} of {} has a password, key or token in clear in it",
                shown(),
                self.container.shown()
            );
            self.fail(&pointer(), message, Severity::High);
        }
    }

    fn hint(&self, name: &str) -> Hint {
        let upper = |text: &str| text.to_ascii_uppercase();
        let mut globs = self.globs.iter();
        if globs.any(|glob| matches(&upper(glob), &upper(name))) {
            return Hint::Surely;
        }
        secrets::hint(name)
    }

    fn formed(&mut self, what: &str, kind: &str, pointer: &str) {
        let message = format!("{what} of {} looks like {kind}", self.container.shown());
        self.fail(pointer, message, Severity::Critical);
    }

    fn fail(&mut self, pointer: &str, message: String, severity: Severity) {
        let answer = Answer::fail(self.container.pointer(pointer), message).severity(severity);
        self.answers.push(answer);
    }

    fn unreadable(&mut self, pointer: &str, what: &str, reason: &str) {
        let what = format!("{what} of {}", self.container.shown());
        self.hidden(pointer, &what, reason);
    }

    fn uncertain(&mut self, pointer: &str, what: &str, name: &str, reason: &str) {
        let (name, container) = (quoted(name), self.container.shown());
        let what = format!("whether {what} {name} of {container} is a secret");
        self.hidden(pointer, &what, reason);
    }

    /// Low: nearly every definition holds something that is not shown, and hardly any a secret.
    fn hidden(&mut self, pointer: &str, what: &str, reason: &str) {
        let answer = Answer::unreadable(self.container.pointer(pointer), what, reason);
        self.answers.push(answer.severity(Severity::Low));
    }
}

/// The text of a value, or why it cannot be read.
fn readable(value: &Field<Scalar>) -> Result<Option<&str>, &str> {
    match value {
        Field::Known(Scalar(text)) if text == REDACTED => Err("CloudTrail does not show it"),
        Field::Known(Scalar(text)) => Ok(Some(text)),
        Field::Unknown(reason) => Err(reason),
        Field::Absent => Ok(None),
    }
}

/// The pointer to a member with a name from outside, or to its parent where the name is not one to
/// repeat.
fn member(path: &str, name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/~:@ ".contains(c);
    if name.len() > 100 || !name.chars().all(plain) || secrets::kind(name).is_some() {
        return path.to_owned();
    }
    format!("{path}/{}", name.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::{
        catalogue::tests::{judge, judge_container, judge_with, unreadable},
        decide::Outcome,
        policy::Parameters,
    };

    /// Outcome, severity and pointer within the only container of what is found in it.
    fn found(container: &serde_json::Value) -> Vec<(Outcome, Severity, String)> {
        let definition = json!({"containerDefinitions": [container]}).to_string();
        let answers = judge(&RULE, &definition).into_iter();
        let short = |pointer: &str| pointer.replace("/containerDefinitions/0/", "");
        answers
            .map(|a| (a.outcome, a.severity.unwrap(), short(&a.pointer)))
            .collect()
    }

    #[test]
    fn a_variable_without_a_known_name_may_be_a_secret_where_its_value_may_be_one() {
        let key = key_id();
        for (value, expected) in [
            (
                "hunter2",
                Some((Outcome::Unknown, "/containerDefinitions/0/environment")),
            ),
            ("true", None),
            (
                key.as_str(),
                Some((Outcome::Fail, "/containerDefinitions/0/environment/0/value")),
            ),
        ] {
            let container = crate::facts::Container {
                environment: vec![crate::facts::Variable {
                    name: unreadable(),
                    value: Scalar(value.to_owned()).into(),
                }]
                .into(),
                ..Default::default()
            };
            let answers = judge_container(&RULE, container);
            let found: Vec<(Outcome, &str)> = answers
                .iter()
                .map(|a| (a.outcome, a.pointer.as_str()))
                .collect();
            assert_eq!(found, Vec::from_iter(expected), "{value}");
        }
    }

    fn key_id() -> String {
        format!("AKIA{}", "7Q2Z9R4V1N8W5H3J")
    }

    #[test]
    fn a_name_that_is_not_to_be_repeated_is_left_out_of_the_pointer() {
        let long = "a".repeat(100);
        for (name, pointer) in [
            ("db.host", "dockerLabels/db.host".to_owned()),
            ("a/b~c", "dockerLabels/a~1b~0c".to_owned()),
            (long.as_str(), format!("dockerLabels/{long}")),
            (&"a".repeat(101), "dockerLabels".to_owned()),
            ("a\nb", "dockerLabels".to_owned()),
            ("AKIAQYLPMN5HHHFPZAM2", "dockerLabels".to_owned()),
        ] {
            assert_eq!(member("dockerLabels", name), pointer, "{name}");
        }
    }

    #[test]
    fn every_place_that_can_hold_a_secret_is_read() {
        let fail = |severity, pointer: &str| vec![(Outcome::Fail, severity, pointer.to_owned())];
        let (high, critical) = (Severity::High, Severity::Critical);
        for (container, expected) in [
            (
                json!({"environment": [{"name": "A", "value": "b"}, {"name": "DB_PASSWORD", "value": "hunter2"}]}),
                fail(high, "environment/1/value"),
            ),
            (
                json!({"environment": [{"name": "A", "value": key_id()}]}),
                fail(critical, "environment/0/value"),
            ),
            (
                json!({"environment": [{"name": "APP_KEY", "value": "9f86d081884c7d659a2feaa0c55ad015"}]}),
                fail(critical, "environment/0/value"),
            ),
            (
                json!({"environment": [{"name": "DSN", "value": "Server=db;Password=hunter2"}]}),
                fail(high, "environment/0/value"),
            ),
            (
                json!({"command": ["run", "--password=hunter2"]}),
                fail(high, "command/1"),
            ),
            (
                json!({"command": ["run", "--password", "hunter2"]}),
                fail(high, "command/2"),
            ),
            (
                json!({"entryPoint": ["sh", "-c", format!("KEY={} run", key_id())]}),
                fail(critical, "entryPoint/2"),
            ),
            (
                json!({"healthCheck": {"command": ["CMD-SHELL", "curl http://a:hunter2@localhost"]}}),
                fail(critical, "healthCheck/command/1"),
            ),
            (
                json!({"dockerLabels": {"com.example/api-key": "hunter2"}}),
                fail(high, "dockerLabels/com.example~1api-key"),
            ),
            (
                json!({"logConfiguration": {"logDriver": "splunk", "options": {"splunk-token": "hunter2"}}}),
                fail(high, "logConfiguration/options/splunk-token"),
            ),
            (
                json!({"logConfiguration": {"logDriver": "awsfirelens", "options": {"Name": "datadog", "apikey": "hunter2"}}}),
                fail(high, "logConfiguration/options/apikey"),
            ),
        ] {
            assert_eq!(found(&container), expected, "{container}");
        }
    }

    #[test]
    fn what_is_no_secret_passes() {
        for container in [
            json!({"environment": [{"name": "DB_PASSWORD", "value": ""}, {"name": "DB_PASSWORD"}]}),
            json!({"environment": [{"name": "DB_PASSWORD_FILE", "value": "/run/secrets/db"}]}),
            json!({"environment": [{"name": "DB_PASSWORD", "value": "DB_PASSWORD"}]}),
            json!({"environment": [{"name": "TOKEN_TYPE", "value": "bearer"}, {"name": "APP_KEY", "value": "orders"}]}),
            json!({"environment": [{"name": "DB_SECRET", "value": "arn:aws:secretsmanager:eu-west-1:111122223333:secret:db"}]}),
            json!({"environment": [{"name": "CHECKSUM", "value": "9f86d081884c7d659a2feaa0c55ad015"}]}),
            json!({"command": ["run", "--password-file", "/run/x"]}),
            json!({"command": ["run", "--password", "$DB_PASSWORD"]}),
            json!({"command": ["run", "--password", "--verbose"]}),
            json!({"logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "/ecs/token"}}}),
            json!({"secrets": [{"name": "DB_PASSWORD", "valueFrom": "arn:aws:ssm:eu-west-1:111122223333:parameter/db"}]}),
        ] {
            assert_eq!(found(&container), [], "{container}");
        }
    }

    #[test]
    fn what_is_hidden_is_unknown_and_quiet() {
        for (container, pointer) in [
            (json!({"environment": REDACTED}), "environment"),
            (
                json!({"environment": [{"name": "A", "value": REDACTED}, {"name": "B", "value": REDACTED}]}),
                "environment",
            ),
            (
                json!({"environment": [{"name": "API_KEY", "value": REDACTED}]}),
                "environment/0/value",
            ),
        ] {
            let expected = vec![(Outcome::Unknown, Severity::Low, pointer.to_owned())];
            assert_eq!(found(&container), expected, "{container}");
        }
    }

    #[test]
    fn a_policy_may_name_more() {
        let mut parameters = Parameters::default();
        parameters.secret_in_environment.names = vec!["*_pin".to_owned()];
        let json =
            r#"{"containerDefinitions":[{"environment":[{"name":"CARD_PIN","value":"x7"}]}]}"#;
        assert_eq!(judge(&RULE, json), []);
        assert_eq!(judge_with(&RULE, json, &parameters).len(), 1);
    }

    proptest! {
        #[test]
        fn no_message_has_a_value_in_it(
            secret in "Zq[A-Za-z0-9+/=!@#%^&*-]{6,60}",
            form in prop::sample::select(vec!["{}", "--password={}", "postgres://a:{}@db/x", "ghp_{}", "AKIA7Q2Z9R4V1N8W5H3J{}",
                "Password={};", "-----BEGIN PRIVATE KEY-----{}", "Bearer eyJ{}.eyJ{}.{}", "https://hooks.slack.com/services/{}"]),
            name in prop::sample::select(vec!["DB_PASSWORD", "APP_KEY", "PLAIN", "AWS_SECRET_ACCESS_KEY", "splunk-token"]),
        ) {
            let planted = form.replace("{}", &secret);
            let json = json!({"containerDefinitions": [{
                "name": "app",
                "environment": [{"name": name, "value": planted}],
                "command": [planted, "--password", planted],
                "entryPoint": [planted],
                "dockerLabels": {name: planted},
                "logConfiguration": {"logDriver": "splunk", "options": {name: planted}},
                "healthCheck": {"command": [planted]},
            }]});
            for answer in judge(&RULE, &json.to_string()) {
                for text in [Some(answer.message), Some(answer.pointer), answer.help.map(std::borrow::Cow::into_owned)].into_iter().flatten() {
                    prop_assert!(!text.contains("Zq"), "{text}");
                }
            }
        }
    }
}
