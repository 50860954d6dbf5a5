use super::super::{
    Answer, Applies, Check, Context, References, Rule, build_step::steps, shell::Command,
};
use crate::{Severity, facts::Dockerfile};

pub(in crate::catalogue) const RULE: Rule = Rule {
    id: "dockerfile-chpasswd",
    summary: "a build step sets a password of a user",
    severity: Severity::Medium,
    applies: Applies::EVERYWHERE,
    help: "leave the account without a password: nobody logs in to a container, and `USER` needs none",
    references: References {
        guidance: "keep credentials out of images",
        aws_config: &[],
        security_hub: &[],
        control_tower: &[],
        cis_docker: &["4.10"],
        pod_security: None,
    },
    check: Check::Dockerfile(check),
};

fn check(dockerfile: &Dockerfile, _: &Context<'_>) -> Vec<Answer> {
    let mut answers = Vec::new();
    for (index, pipelines) in steps(dockerfile) {
        if let Some(how) = pipelines.iter().flatten().find_map(sets_password) {
            answers.push(Answer::fail(
                format!("/instructions/{index}"),
                format!("`{how}` sets a password, which everyone knows who can read the image or this file"),
            ));
        }
    }
    answers
}

fn sets_password(command: &Command) -> Option<&'static str> {
    let (name, arguments) = command.run()?;
    let has = |options: &[&str]| {
        arguments.iter().any(|word| {
            let text = word.text.as_str();
            options.iter().any(|option| {
                text == *option
                    || option.starts_with("--")
                        && text
                            .strip_prefix(option)
                            .is_some_and(|rest| rest.starts_with('='))
            })
        })
    };
    match name {
        "chpasswd" => Some("chpasswd"),
        "passwd" if has(&["--stdin"]) => Some("passwd --stdin"),
        "useradd" if has(&["-p", "--password"]) => Some("useradd --password"),
        "usermod" if has(&["-p", "--password"]) => Some("usermod --password"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{super::super::shell, *};

    #[test]
    fn an_option_is_what_it_is_alone_or_before_its_value() {
        for (step, how) in [
            ("echo a:b | chpasswd", Some("chpasswd")),
            ("passwd --stdin a", Some("passwd --stdin")),
            ("passwd a", None),
            ("passwd --stdin=a a", Some("passwd --stdin")),
            ("useradd -p x a", Some("useradd --password")),
            ("useradd --password=x a", Some("useradd --password")),
            ("useradd --password x a", Some("useradd --password")),
            ("usermod --password=x a", Some("usermod --password")),
            ("usermod -p=x a", None),
            ("useradd --passwords a", None),
            ("useradd -m a", None),
            ("groupadd -p x a", None),
        ] {
            let mut commands = shell::pipelines(shell::parse(step)).into_iter().flatten();
            let found = commands.find_map(|command| sets_password(&command));
            assert_eq!(found, how, "{step}");
        }
    }
}
