use super::super::{
    Answer, Applies, Check, Context, References, Rule,
    build_step::steps,
    shell::{Command, Pipeline, SHELLS, Word},
};
use crate::{Severity, facts::Dockerfile, names::quoted};

pub(in crate::catalogue) const RULE: Rule = Rule {
    id: "dockerfile-curl-pipe-shell",
    summary: "a build step runs what it downloads in the same breath",
    severity: Severity::Medium,
    applies: Applies::EVERYWHERE,
    help: "download it to a file, compare it with a checksum that stands in the Dockerfile (`sha256sum -c`), then run it; or install the package of the distribution",
    references: References {
        guidance: "verify what a build downloads",
        aws_config: &[],
        security_hub: &[],
        control_tower: &[],
        cis_docker: &[],
        pod_security: None,
    },
    check: Check::Dockerfile(check),
};

/// What fetches from elsewhere and writes to standard output, or can.
const FETCHERS: &[&str] = &[
    "aria2c",
    "curl",
    "fetch",
    "http",
    "https",
    "invoke-restmethod",
    "invoke-webrequest",
    "irm",
    "iwr",
    "lwp-download",
    "wget",
    "wget2",
];

/// What runs the program that it reads.
const INTERPRETERS: &[&str] = &["node", "perl", "php", "pwsh", "python", "ruby"];

fn check(dockerfile: &Dockerfile, _: &Context<'_>) -> Vec<Answer> {
    let mut answers = Vec::new();
    for (index, pipelines) in steps(dockerfile) {
        let found = pipelines.iter().find_map(runs_what_it_fetches);
        if let Some((fetcher, interpreter)) = found.or_else(|| of_powershell(&pipelines)) {
            answers.push(Answer::fail(
                format!("/instructions/{index}"),
                format!(
                    "{} runs what {} downloads, and nothing verifies it",
                    quoted(interpreter),
                    quoted(fetcher)
                ),
            ));
        }
    }
    answers
}

/// `iex ((New-Object System.Net.WebClient).DownloadString('https://…'))`, in which words and
/// groups are not a shell's.
fn of_powershell(pipelines: &[Pipeline]) -> Option<(&'static str, &'static str)> {
    let mut words = pipelines
        .iter()
        .flatten()
        .flat_map(|command| &command.words)
        .map(|word| word.text.to_ascii_lowercase());
    let (mut runs, mut fetches) = (false, false);
    for word in words.by_ref() {
        runs |= word
            .split(|c: char| !c.is_alphanumeric() && c != '-')
            .any(is_invocation);
        fetches |= word.contains("downloadstring");
    }
    (runs && fetches).then_some(("DownloadString", "Invoke-Expression"))
}

fn is_invocation(name: &str) -> bool {
    matches!(name, "iex" | "invoke-expression")
}

fn runs_what_it_fetches(pipeline: &Pipeline) -> Option<(&str, &str)> {
    let mut fetched = None;
    for command in pipeline {
        let name = command.run().map(|(name, _)| name);
        if let (Some(fetcher), Some(interpreter)) = (fetched, reads_program(command)) {
            return Some((fetcher, interpreter));
        }
        if let Some(found) = name.and_then(|interpreter| Some((of_words(command)?, interpreter))) {
            return Some(found);
        }
        fetched = fetched.or_else(|| fetches(command));
    }
    None
}

/// The fetcher in a command or group, if its output goes on.
fn fetches(command: &Command) -> Option<&str> {
    if command.writes_to.is_some() {
        return None;
    }
    if let Some((name, _)) = command.run() {
        let name = name.to_ascii_lowercase();
        let name = FETCHERS.iter().find(|fetcher| **fetcher == name)?;
        return Some(name);
    }
    command.group.iter().flatten().find_map(fetches)
}

/// The interpreter of a command that takes its program from standard input: one without a file and
/// without a program in its arguments.
fn reads_program(command: &Command) -> Option<&str> {
    let Some((name, arguments)) = command.run() else {
        return command.group.iter().flatten().find_map(reads_program);
    };
    let mut arguments = arguments.iter().map(|word| word.text.as_str());
    let reads = if SHELLS.contains(&name) {
        let mut reads = true;
        while let Some(argument) = arguments.next() {
            let options = argument.strip_prefix(['-', '+']);
            match options {
                // `sh -s -- arguments` and `sh -`.
                Some("" | "-") => break,
                Some(options) if !options.starts_with('-') && options.contains('s') => break,
                Some(options) if !options.starts_with('-') && options.contains('c') => {
                    reads = false;
                }
                Some("o") => {
                    arguments.next();
                }
                Some(_) => {}
                None if name == "busybox" && SHELLS.contains(&argument) => {}
                None => {
                    reads = argument == "/dev/stdin";
                    break;
                }
            }
        }
        reads
    } else if is_interpreter(name) {
        match arguments.next() {
            None | Some("-" | "--" | "/dev/stdin") => true,
            // Of `python3 -u -` the last word counts; `-c`, `-m`, `-e` and `-n` bring the program.
            Some(first) => {
                first.starts_with('-')
                    && !first.starts_with("--")
                    && !first.contains(['c', 'e', 'm', 'n', 'r', 'p'])
                    && arguments.next().is_none_or(|second| second == "-")
            }
        }
    } else {
        is_invocation(&name.to_ascii_lowercase())
    };
    reads.then_some(name)
}

fn is_interpreter(name: &str) -> bool {
    // `python3.13` is python.
    let plain = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    INTERPRETERS.contains(&plain)
}

/// The fetcher in the words of a command that runs them: `bash <(curl …)`, `sh -c "$(curl …)"`,
/// `eval "$(curl …)"`.
fn of_words(command: &Command) -> Option<&str> {
    let (name, arguments) = command.run()?;
    let in_list =
        |list: &'_ [Pipeline]| -> bool { list.iter().flatten().any(|c| fetches(c).is_some()) };
    let fetcher = |list: &'_ [Pipeline]| {
        let mut names = list.iter().flatten().filter_map(fetches);
        names
            .next()
            .and_then(|name| FETCHERS.iter().find(|known| **known == name))
    };
    let is_shell = SHELLS.contains(&name);
    if is_shell || is_interpreter(name) || matches!(name, "source" | ".") {
        let program: Option<&Word> = arguments.iter().find(|word| in_list(&word.files));
        if let Some(program) = program {
            return fetcher(&program.files).copied();
        }
    }
    let takes_text = is_shell || is_interpreter(name);
    let text = if name == "eval" {
        arguments.iter().find(|word| in_list(&word.substituted))
    } else if takes_text {
        let mut arguments = arguments.iter();
        arguments
            .find(|word| {
                let options = word.text.strip_prefix('-');
                options.is_some_and(|o| !o.starts_with('-') && o.ends_with(['c', 'e']))
            })
            .and_then(|_| arguments.next())
            // As the program, not as an argument of it: `sh -c "echo $(curl …)"`.
            .filter(|word| word.text.trim().is_empty() && in_list(&word.substituted))
    } else {
        None
    };
    fetcher(&text?.substituted).copied()
}
