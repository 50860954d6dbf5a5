use super::super::{
    Answer, Applies, Check, Context, References, Rule,
    build_step::{packages, steps},
};
use crate::{Severity, facts::Dockerfile};

pub(in crate::catalogue) const RULE: Rule = Rule {
    id: "dockerfile-dist-upgrade",
    summary: "a build step upgrades the distribution",
    severity: Severity::Low,
    applies: Applies::EVERYWHERE,
    help: "build on a newer base image; for fixes that it does not have yet, `apt-get upgrade` stays within the release",
    references: References {
        guidance: "build on base images of a known version",
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
        let mut commands = pipelines.iter().flatten();
        let upgrades = commands.any(|command| {
            let is_tool = command
                .run()
                .is_some_and(|(name, _)| name == "do-release-upgrade");
            is_tool
                || packages(command).is_some_and(|packages| {
                    matches!(
                        (packages.manager, packages.verb),
                        ("apt", "dist-upgrade" | "full-upgrade")
                            | ("yum", "system-upgrade" | "distro-sync")
                            | ("zypper", "dup" | "dist-upgrade")
                    )
                })
        });
        if upgrades {
            answers.push(Answer::fail(
                format!("/instructions/{index}"),
                "a step upgrades the distribution: what the base image is no longer says what is in the image",
            ));
        }
    }
    answers
}
