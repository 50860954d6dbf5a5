use super::super::{
    Answer, Applies, Check, Context, References, Rule,
    build_step::{removes_packages, steps},
};
use crate::{Severity, facts::Dockerfile};

pub(in crate::catalogue) const RULE: Rule = Rule {
    id: "dockerfile-sudo",
    summary: "a build step uses `sudo`, or lets a user become root without a password",
    severity: Severity::Medium,
    applies: Applies::EVERYWHERE,
    help: "switch with `USER root` for the steps that need it and back to a numeric uid behind them; a process that has to change its user on start uses `setpriv`, `gosu` or `su-exec`",
    references: References {
        guidance: "run containers as a non-root user",
        aws_config: &[],
        security_hub: &[],
        control_tower: &[],
        cis_docker: &[],
        pod_security: None,
    },
    check: Check::Dockerfile(check),
};

fn check(dockerfile: &Dockerfile, _: &Context<'_>) -> Vec<Answer> {
    let mut answers = Vec::new();
    for (index, pipelines) in steps(dockerfile) {
        let pointer = format!("/instructions/{index}");
        let commands = || pipelines.iter().flatten();
        let grants = commands().any(|command| {
            let mut words = command.words.iter();
            words.any(|word| word.text.contains("NOPASSWD"))
        });
        if grants {
            answers.push(Answer::fail(
                pointer,
                "`NOPASSWD` lets whoever takes over the process become root",
            ));
        } else if !removes_packages(&pipelines)
            && commands().any(|command| command.is_run_by("sudo"))
        {
            answers.push(Answer::fail(
                pointer,
                "a step runs `sudo`: it stays in the image, with a user who may become root by it",
            ));
        }
    }
    answers
}
