use super::super::{
    Answer, Applies, Check, Context, References, Rule,
    base_image::{self, Root},
    build_step::pipelines,
    shell::{Command, Pipeline},
};
use crate::{
    Severity,
    facts::{
        Dockerfile,
        dockerfile::{Operation, Transfer},
    },
    names::quoted,
};

pub(in crate::catalogue) const RULE: Rule = Rule {
    id: "dockerfile-setuid-kept",
    summary: "programs that run as their owner stay in the image",
    severity: Severity::Low,
    applies: Applies::EVERYWHERE,
    help: "strip the bits in the last stage, before `USER`: `RUN find / -xdev -perm /6000 -type f -exec chmod a-s {} +`; or build on an image without such programs",
    references: References {
        guidance: "remove setuid programs from images",
        aws_config: &[],
        security_hub: &[],
        control_tower: &[],
        cis_docker: &["4.8"],
        pod_security: None,
    },
    check: Check::Dockerfile(check),
};

fn check(dockerfile: &Dockerfile, _: &Context<'_>) -> Vec<Answer> {
    let Some(last) = dockerfile.stages.len().checked_sub(1) else {
        return Vec::new();
    };
    let mut answers = Vec::new();
    let mut strips = false;
    for (_, stage) in dockerfile.lineage() {
        for (index, operation) in dockerfile.of_stage(stage) {
            let sets = match operation {
                Operation::Run(run) => {
                    let pipelines = pipelines(run);
                    strips |= pipelines.iter().any(strips_bits);
                    pipelines.iter().flatten().any(sets_bit)
                }
                Operation::Copy(transfer) | Operation::Add(transfer) => {
                    is_copied_with_bit(transfer)
                }
                _ => false,
            };
            if sets {
                let answer = Answer::fail(
                    format!("/instructions/{index}"),
                    "a step sets the setuid bit: whoever starts the program runs it as its owner",
                );
                answers.push(answer.severity(Severity::Medium));
            }
        }
    }
    if strips {
        return answers;
    }
    let pointer = format!("/stages/{last}/setuid");
    answers.extend(match base_image::root(dockerfile) {
        None | Some(Root::Scratch) => None,
        Some(Root::Image(image)) => {
            let name = quoted(&format!("{}/{}", image.host, image.repository));
            match base_image::has_setuid_programs(&image) {
                Some(true) => Some(Answer::fail(
                    pointer,
                    format!("no step strips the setuid bits of what the base image {name} brings, such as `su` and `mount`"),
                )),
                Some(false) => None,
                None => Some(
                    Answer::unknown(
                        pointer,
                        format!("no step strips setuid bits, and nobody can say whether the base image {name} has programs with them"),
                    )
                    .severity(Severity::Info),
                ),
            }
        }
        Some(Root::Unknown(reason)) => Some(
            Answer::unreadable(
                pointer,
                "no step strips setuid bits, and what the base image brings",
                &reason,
            )
            .severity(Severity::Info),
        ),
    });
    answers
}

/// `find … -perm … | xargs chmod …`, `find … -exec chmod a-s {} +`, `find … -delete`.
fn strips_bits(pipeline: &Pipeline) -> bool {
    let mut finds = false;
    let mut takes_away = false;
    for command in pipeline {
        let words = || command.words.iter().map(|word| word.text.as_str());
        if command.run().is_some_and(|(name, _)| name == "find") {
            let values = words().zip(words().skip(1));
            finds |= values
                .filter(|(option, _)| *option == "-perm")
                .any(|(_, mode)| mode.contains("000") || mode.contains('s'));
            takes_away |= words().any(|word| word == "-delete");
        }
        let is_chmod = words().any(|word| word.ends_with("chmod"));
        takes_away |= is_chmod && words().any(is_without_bit);
        takes_away |= words().any(|word| word == "rm" || word.ends_with("/rm"));
    }
    finds && takes_away
}

/// `a-s`, `ug-s`, `-s`, `u-s`, `0755`.
fn is_without_bit(mode: &str) -> bool {
    let symbolic = mode.split(',').any(|part| {
        part.split_once('-').is_some_and(|(who, what)| {
            who.chars().all(|c| "augo".contains(c)) && what.starts_with('s')
        })
    });
    symbolic || is_octal(mode) && !has_bit(mode)
}

fn sets_bit(command: &Command) -> bool {
    let Some((name, arguments)) = command.run() else {
        return false;
    };
    let modes = || arguments.iter().map(|word| word.text.as_str());
    match name {
        "chmod" => modes()
            .find(|word| !word.starts_with('-') || word.starts_with("-s"))
            .is_some_and(has_bit),
        "install" => modes()
            .zip(modes().skip(1))
            .any(|(option, mode)| option == "-m" && has_bit(mode)),
        _ => false,
    }
}

fn is_octal(mode: &str) -> bool {
    (3..=5).contains(&mode.len()) && mode.bytes().all(|byte| (b'0'..=b'7').contains(&byte))
}

/// Whether a mode sets the setuid bit: `4755`, `u+s`, `+s`.
fn has_bit(mode: &str) -> bool {
    if is_octal(mode) {
        let bits = u32::from_str_radix(mode, 8).unwrap_or_default();
        return bits & 0o4000 != 0;
    }
    mode.split(',').any(|part| {
        part.split_once(['+', '=']).is_some_and(|(who, what)| {
            what.contains('s')
                && what.chars().all(|c| "rwxXst".contains(c))
                && who.chars().all(|c| "augo".contains(c))
                && (who.is_empty() || who.contains(['u', 'a']))
        })
    })
}

fn is_copied_with_bit(transfer: &Transfer) -> bool {
    let mode = transfer.chmod.as_ref().and_then(|mode| mode.value.known());
    mode.is_some_and(|mode| has_bit(mode))
}
