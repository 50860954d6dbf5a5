use super::super::{
    Answer, Applies, Check, Context, PodSecurity, References, Rule,
    each::{containers, read},
};
use crate::{Edit, Severity, facts::TaskDefinition};

pub(in crate::catalogue) const RULE: Rule = Rule {
    id: "privileged-container",
    summary: "a container runs in privileged mode",
    severity: Severity::Critical,
    applies: Applies::EVERYWHERE,
    help: "remove `privileged`, and add only the capabilities that the container needs in `linuxParameters.capabilities.add`",
    references: References {
        guidance: "do not run containers as privileged",
        aws_config: &["ECS_CONTAINERS_NONPRIVILEGED"],
        security_hub: &["ECS.4"],
        control_tower: &["CT.ECS.PR.11"],
        cis_docker: &["5.4"],
        pod_security: Some(PodSecurity::Baseline),
    },
    check: Check::TaskDefinition(check),
};

fn check(definition: &TaskDefinition, _: &Context<'_>) -> Vec<Answer> {
    let what = |container: &str| format!("whether {container} is privileged");
    containers(definition, what, |container| {
        let privileged = read("privileged", &container.privileged)? == Some(&true);
        let message = "is privileged: it has the powers of root on its host";
        Ok(privileged.then(|| {
            let fix = Edit::remove("true");
            container.fails("privileged", message).fix(fix)
        }))
    })
}
