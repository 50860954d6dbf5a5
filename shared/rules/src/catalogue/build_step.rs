//! What the `RUN` instructions of a Dockerfile run.

use super::shell::{self, Command, Pipeline, SHELLS, Word};
use crate::facts::{
    Dockerfile,
    dockerfile::{Command as Written, Operation, Run},
};

/// Every pipeline of every `RUN`, by the index of the instruction; those behind `ONBUILD` too.
pub(super) fn steps(dockerfile: &Dockerfile) -> impl Iterator<Item = (usize, Vec<Pipeline>)> {
    dockerfile
        .operations()
        .filter_map(|(index, operation)| match operation {
            Operation::Run(run) => Some((index, pipelines(run))),
            _ => None,
        })
}

/// What a `RUN` runs. A here-document is a script where a shell reads it.
pub(super) fn pipelines(run: &Run) -> Vec<Pipeline> {
    let mut list = match &run.command {
        Written::Shell(text) => shell::parse(text),
        Written::Exec(words) => vec![vec![Command {
            words: words
                .iter()
                .map(|word| Word {
                    text: word.clone(),
                    ..Word::default()
                })
                .collect(),
            ..Command::default()
        }]],
    };
    let is_read_by_a_shell = list.is_empty()
        || list.iter().flatten().any(|command| {
            command
                .run()
                .is_some_and(|(name, _)| SHELLS.contains(&name))
        });
    if is_read_by_a_shell {
        for document in &run.here_documents {
            let first = document.text.lines().next().unwrap_or_default();
            let is_script = first
                .strip_prefix("#!")
                .is_none_or(|interpreter| interpreter.trim_end().ends_with("sh"));
            if is_script {
                list.extend(shell::parse(&document.text));
            }
        }
    }
    shell::pipelines(list)
}

/// Whether a step removes packages again. Whatever is named, or a variable or group stands for: who
/// removes packages in the step that installs some, removes these.
pub(super) fn removes_packages(pipelines: &[Pipeline]) -> bool {
    let mut commands = pipelines.iter().flatten().filter_map(packages);
    commands.any(|packages| {
        matches!(
            packages.verb,
            "del" | "remove" | "purge" | "erase" | "autoremove"
        ) && !packages.names.is_empty()
    })
}

/// What a package manager is told to do.
#[derive(Debug, PartialEq)]
pub(super) struct Packages<'a> {
    /// The manager's family: `apt` stands for all that read `sources.list`.
    pub(super) manager: &'static str,
    /// `install`, `update` and so on; the manager's own word.
    pub(super) verb: &'a str,
    /// What follows, without options.
    pub(super) names: Vec<&'a str>,
}

/// Reads a command of a package manager.
pub(super) fn packages(command: &Command) -> Option<Packages<'_>> {
    let (name, arguments) = command.run()?;
    let manager = match name {
        "apt-get" | "apt" | "aptitude" => "apt",
        "apk" => "apk",
        "yum" | "dnf" | "microdnf" | "tdnf" => "yum",
        "zypper" => "zypper",
        _ => return None,
    };
    let mut plain = Vec::new();
    let mut is_value = false;
    for word in arguments {
        let text = word.text.as_str();
        if std::mem::take(&mut is_value) {
            continue;
        }
        if text.starts_with('-') {
            is_value = matches!(
                (manager, text),
                ("apt", "-o" | "-t" | "-c" | "--target-release")
                    | (
                        "apk",
                        "-t" | "--virtual" | "-X" | "--repository" | "-p" | "--root"
                    )
            );
        } else {
            plain.push(text);
        }
    }
    let (verb, names) = plain.split_first()?;
    Some(Packages {
        manager,
        verb,
        names: names.to_vec(),
    })
}
