use super::super::{
    Answer, Applies, Check, Context, PodSecurity, References, Rule,
    base_image::{self, DefaultUser, Root, shown},
    task_definition::root_user::Identity,
};
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
    id: "dockerfile-root-user",
    summary: "the image runs as root, or nothing says that it does not",
    severity: Severity::High,
    applies: Applies::EVERYWHERE,
    help: "end the last stage with `USER` and a numeric uid other than 0, for example `USER 10001:10001`, and give that uid the files it writes with `COPY --chown`",
    references: References {
        guidance: "run containers as a non-root user",
        aws_config: &[],
        security_hub: &[],
        control_tower: &[],
        cis_docker: &["4.1"],
        pod_security: Some(PodSecurity::Restricted),
    },
    check: Check::Dockerfile(check),
};

fn check(dockerfile: &Dockerfile, _: &Context<'_>) -> Vec<Answer> {
    let Some(last) = dockerfile.stages.len().checked_sub(1) else {
        return Vec::new();
    };
    let user = dockerfile.lineage().find_map(|(_, stage)| {
        let mut operations = dockerfile.of_stage(stage).rev();
        operations.find_map(|(index, operation)| match operation {
            Operation::User(user) => Some((index, user)),
            _ => None,
        })
    });
    let answer = match user {
        Some((index, user)) => judge(format!("/instructions/{index}"), user),
        None => of_base(dockerfile, format!("/stages/{last}/user")),
    };
    answer.into_iter().collect()
}

fn judge(pointer: String, user: &Text) -> Option<Answer> {
    let value = match &user.value {
        Field::Known(value) => value.trim(),
        Field::Absent => "",
        Field::Unknown(reason) => {
            let what = format!("the user {}", quoted(&user.written));
            return Some(Answer::unreadable(pointer, &what, reason));
        }
    };
    let shown = shown(user);
    match Identity::of(value) {
        Identity::Root => Some(Answer::fail(
            pointer,
            format!("the image runs as root: the last `USER` is {shown}"),
        )),
        Identity::Image => Some(Answer::unknown(
            pointer,
            format!("`USER` is {shown}, which names no user"),
        )),
        Identity::Name if value.eq_ignore_ascii_case("ContainerAdministrator") => {
            Some(Answer::fail(
                pointer,
                format!("the image runs as the administrator: the last `USER` is {shown}"),
            ))
        }
        Identity::Name if value.eq_ignore_ascii_case("ContainerUser") => None,
        // As for a task definition's `user`: hardly ever root, and no proof.
        Identity::Name => Some(
            Answer::unknown(
                pointer,
                format!("the image runs as {shown}: which uid that name has is decided by the base image and the build"),
            )
            .severity(Severity::Low)
            .help("name the user by its numeric uid, which nothing in the image can turn into root, and which Kubernetes and scanners can tell from root"),
        ),
        Identity::Uid => None,
    }
}

/// Nothing in the file sets a user.
fn of_base(dockerfile: &Dockerfile, pointer: String) -> Option<Answer> {
    match base_image::root(dockerfile)? {
        Root::Scratch => Some(Answer::fail(
            pointer,
            "the image runs as root: it is built on `scratch` and sets no `USER`",
        )),
        Root::Image(image) => {
            let name = quoted(&format!("{}/{}", image.host, image.repository));
            match base_image::default_user(&image) {
                DefaultUser::Root => Some(Answer::fail(
                    pointer,
                    format!(
                        "the image runs as root: it sets no `USER`, and neither does its base image {name}"
                    ),
                )),
                DefaultUser::Other => None,
                DefaultUser::Unknown => Some(Answer::unknown(
                    pointer,
                    format!(
                        "the image sets no `USER`: its base image {name} decides, and an image that names none runs as root"
                    ),
                )),
            }
        }
        Root::Unknown(reason) => Some(Answer::unreadable(
            pointer,
            "the image sets no `USER`, and that of its base image",
            &reason,
        )),
    }
}
