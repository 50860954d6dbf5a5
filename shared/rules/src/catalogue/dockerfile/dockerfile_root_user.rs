use super::super::{
    Answer, Applies, Check, Context, PodSecurity, References, Rule,
    base_image::{self, DefaultUser, Root, shown},
    build_step::pipelines,
    shell::Command,
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
        Some((index, user)) => judge(dockerfile, format!("/instructions/{index}"), user),
        None => of_base(dockerfile, format!("/stages/{last}/user")),
    };
    answer.into_iter().collect()
}

fn judge(dockerfile: &Dockerfile, pointer: String, user: &Text) -> Option<Answer> {
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
        Identity::Name if is_made_here(dockerfile, value) => None,
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

/// Whether a step of the image makes a user of that name, and nowhere one with the uid of root.
fn is_made_here(dockerfile: &Dockerfile, user: &str) -> bool {
    let name = user.split(':').next().unwrap_or_default();
    let mut is_made = false;
    for (_, stage) in dockerfile.lineage() {
        for (_, operation) in dockerfile.of_stage(stage) {
            let Operation::Run(run) = operation else {
                continue;
            };
            for command in pipelines(run).iter().flatten() {
                match makes_user(command, name) {
                    Some(true) => is_made = true,
                    Some(false) => return false,
                    None => {}
                }
            }
        }
    }
    is_made
}

/// Whether a command that makes or changes a user of that name leaves it other than root; `None`
/// where it does neither.
fn makes_user(command: &Command, user: &str) -> Option<bool> {
    let (name, arguments) = command.run()?;
    if !matches!(name, "useradd" | "adduser" | "usermod") {
        return None;
    }
    let words: Vec<&str> = arguments.iter().map(|word| word.text.as_str()).collect();
    if !words.contains(&user) {
        return None;
    }
    let mut uid = None;
    for pair in words.windows(2) {
        if let [option, value] = pair
            && (*option == "--uid" || is_short_uid(option))
        {
            uid = Some(*value);
        }
    }
    let joined = words.iter().find_map(|word| word.strip_prefix("--uid="));
    match uid.or(joined) {
        // What a variable holds may be 0.
        Some(uid) => {
            let is_number = uid.bytes().all(|byte| byte.is_ascii_digit());
            Some(is_number && uid.bytes().any(|byte| byte != b'0'))
        }
        None => (name != "usermod").then_some(true),
    }
}

/// `-u`, alone or at the end of others: `-ru`.
fn is_short_uid(option: &str) -> bool {
    let letters = option.strip_prefix('-');
    letters.is_some_and(|letters| !letters.starts_with('-') && letters.ends_with('u'))
}

/// Whether anything says what a container of the image runs.
fn says_what_runs(dockerfile: &Dockerfile) -> bool {
    dockerfile.lineage().any(|(_, stage)| {
        let mut operations = dockerfile.of_stage(stage);
        operations
            .any(|(_, operation)| matches!(operation, Operation::Cmd(_) | Operation::Entrypoint(_)))
    })
}

/// Nothing in the file sets a user.
fn of_base(dockerfile: &Dockerfile, pointer: String) -> Option<Answer> {
    match base_image::root(dockerfile)? {
        // Files that a build hands out, more often than an image that is run.
        Root::Scratch if !says_what_runs(dockerfile) => Some(
            Answer::unknown(
                pointer,
                "the image is built on `scratch` and says neither what runs nor as whom: run by itself, it is root",
            )
            .severity(Severity::Low),
        ),
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
