use super::super::{Answer, Applies, Check, Context, References, Rule};
use crate::{
    Severity,
    facts::{PlacedContainer, TaskDefinition},
    field::Field,
    names::quoted,
};

pub(in crate::catalogue) const RULE: Rule = Rule {
    id: "writable-root-filesystem",
    summary: "a container can write to its own image's files",
    severity: Severity::Medium,
    applies: Applies::LINUX,
    help: "set `\"readonlyRootFilesystem\": true` and mount a volume wherever the process writes, such as `/tmp`; ECS Exec also needs `/managed-agents`, `/var/lib/amazon/ssm` and `/var/log/amazon/ssm` writable",
    references: References {
        guidance: "use a read-only root file system",
        aws_config: &["ECS_CONTAINERS_READONLY_ACCESS"],
        security_hub: &["ECS.5"],
        control_tower: &["CT.ECS.PR.6"],
        cis_docker: &["5.12"],
        pod_security: None,
    },
    check: Check::TaskDefinition(check),
};

fn check(definition: &TaskDefinition, _: &Context<'_>) -> Vec<Answer> {
    definition
        .containers()
        .filter_map(|container| Some(judge(&container)?.in_container(&container)))
        .collect()
}

fn judge(container: &PlacedContainer<'_>) -> Option<Answer> {
    let pointer = container.pointer("readonlyRootFilesystem");
    let name = quoted(&container.label());
    let answer = match &container.readonly_root_filesystem {
        Field::Known(true) => return None,
        Field::Known(false) => Answer::fail(
            pointer,
            format!("container {name} has a writable root file system"),
        ),
        Field::Absent => Answer::fail(
            pointer,
            format!(
                "container {name} has a writable root file system: `readonlyRootFilesystem` is not set"
            ),
        ),
        Field::Unknown(reason) => Answer::unreadable(
            pointer,
            &format!("whether container {name} has a read-only root file system"),
            reason,
        ),
    };
    if container.firelens_configuration.known().is_none() {
        return Some(answer);
    }
    // Fluent Bit as FireLens runs it fails to start on a read-only root (fluent/fluent-bit#7308,
    // aws/aws-for-fluent-bit#824), so its owner has nothing to do about it.
    Some(
        answer
            .severity(Severity::Low)
            .help("a FireLens log router writes its configuration at start and does not run on a read-only root file system unless its image was built for it"),
    )
}
