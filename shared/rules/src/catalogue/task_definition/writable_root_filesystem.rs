use super::super::{
    Answer, Applies, Check, Context, References, Rule,
    each::{Judged, containers, log_router, read},
};
use crate::{
    Edit, Severity,
    facts::{PlacedContainer, TaskDefinition},
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
    containers(definition, what, |container| {
        // Fluent Bit as FireLens runs it fails to start on a read-only root (fluent/fluent-bit#7308,
        // aws/aws-for-fluent-bit#824), so its owner has nothing to do about it.
        let help = "a FireLens log router writes its configuration at start and does not run on a read-only root file system unless its image was built for it";
        log_router(container, judge(container), what, help)
    })
}

fn what(container: &str) -> String {
    format!("whether {container} has a read-only root file system")
}

fn judge<'a>(container: &'a PlacedContainer<'_>) -> Judged<'a> {
    let member = "readonlyRootFilesystem";
    let set = read(member, &container.readonly_root_filesystem)?;
    let message = match set {
        Some(true) => return Ok(None),
        Some(false) => "has a writable root file system",
        None => "has a writable root file system: `readonlyRootFilesystem` is not set",
    };
    let fix = Edit::set("true").instead_of(set.map(|_| "false"));
    Ok(Some(container.fails(member, message).fix(fix)))
}
