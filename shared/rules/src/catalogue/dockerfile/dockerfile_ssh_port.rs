use super::super::{Answer, Applies, Check, Context, References, Rule};
use crate::{
    Severity,
    facts::{
        Dockerfile,
        dockerfile::{Operation, Text},
    },
    field::Field,
    names::quoted,
};

pub(in crate::catalogue) const RULE: Rule = Rule {
    id: "dockerfile-ssh-port",
    summary: "the image exposes the port of SSH",
    severity: Severity::Medium,
    applies: Applies::EVERYWHERE,
    help: "run no SSH server beside the process; ECS Exec opens a shell in a running container, by IAM and with a trail",
    references: References {
        guidance: "run one process in a container",
        aws_config: &[],
        security_hub: &[],
        control_tower: &[],
        cis_docker: &["5.7"],
        pod_security: None,
    },
    check: Check::Dockerfile(check),
};

fn check(dockerfile: &Dockerfile, _: &Context<'_>) -> Vec<Answer> {
    let mut answers = Vec::new();
    for (_, stage) in dockerfile.lineage() {
        for (index, operation) in dockerfile.of_stage(stage) {
            if let Operation::Expose(ports) = operation {
                answers.extend(ports.iter().filter_map(|port| judge(index, port)));
            }
        }
    }
    answers
}

fn judge(index: usize, port: &Text) -> Option<Answer> {
    let pointer = format!("/instructions/{index}");
    match &port.value {
        // What a variable holds may be several ports.
        Field::Known(value) => value.split_whitespace().any(is_ssh).then(|| {
            Answer::fail(
                pointer,
                format!("`EXPOSE` {} is the port of SSH", quoted(&port.written)),
            )
        }),
        Field::Unknown(reason) => {
            let what = format!("the exposed port {}", quoted(&port.written));
            Some(Answer::unreadable(pointer, &what, reason).severity(Severity::Low))
        }
        Field::Absent => None,
    }
}

/// `22`, `22/tcp`, `20-30`.
fn is_ssh(port: &str) -> bool {
    let (range, protocol) = port.split_once('/').unwrap_or((port, "tcp"));
    let (from, to) = range.split_once('-').unwrap_or((range, range));
    let (Ok(from), Ok(to)) = (from.parse::<u32>(), to.parse::<u32>()) else {
        return false;
    };
    protocol.eq_ignore_ascii_case("tcp") && (from..=to).contains(&22)
}
