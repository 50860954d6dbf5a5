use super::super::{
    Answer, Applies, Check, Context, References, Rule,
    build_step::{packages, steps},
    shell::{Command, Pipeline},
};
use crate::{Severity, facts::Dockerfile};

pub(in crate::catalogue) const RULE: Rule = Rule {
    id: "dockerfile-update-alone",
    summary: "a build step updates the package index and installs nothing",
    severity: Severity::Low,
    applies: Applies::EVERYWHERE,
    help: "update and install in one step: `RUN apt-get update && apt-get install -y --no-install-recommends … && rm -rf /var/lib/apt/lists/*`",
    references: References {
        guidance: "build images from current packages",
        aws_config: &[],
        security_hub: &[],
        control_tower: &[],
        cis_docker: &["4.7"],
        pod_security: None,
    },
    check: Check::Dockerfile(check),
};

fn check(dockerfile: &Dockerfile, _: &Context<'_>) -> Vec<Answer> {
    let mut answers = Vec::new();
    for (index, pipelines) in steps(dockerfile) {
        if let Some(tool) = updates_alone(&pipelines) {
            answers.push(Answer::fail(
                format!("/instructions/{index}"),
                format!("`{tool}` stands in a step of its own: the cache keeps the old index for every later build"),
            ));
        }
    }
    answers
}

fn updates_alone(pipelines: &[Pipeline]) -> Option<&'static str> {
    let mut updates = None;
    for command in pipelines.iter().flatten() {
        match packages(command) {
            Some(packages) => match (packages.manager, packages.verb) {
                ("apt", "update") => updates = updates.or(Some("apt-get update")),
                ("apk", "update") => updates = updates.or(Some("apk update")),
                ("zypper", "ref" | "refresh") => updates = updates.or(Some("zypper refresh")),
                ("apt", "clean" | "autoclean" | "autoremove" | "remove" | "purge") => {}
                _ => return None,
            },
            // A script may install what the index is for.
            None if !is_plain(command) => return None,
            None => {}
        }
    }
    updates
}

/// Whether a command surely installs nothing.
fn is_plain(command: &Command) -> bool {
    command.run().is_none_or(|(name, _)| {
        matches!(
            name,
            "cat"
                | "chmod"
                | "chown"
                | "cp"
                | "curl"
                | "date"
                | "echo"
                | "export"
                | "false"
                | "ln"
                | "ls"
                | "mkdir"
                | "mv"
                | "printf"
                | "rm"
                | "sed"
                | "set"
                | "sleep"
                | "tee"
                | "touch"
                | "true"
                | "wget"
        )
    })
}
