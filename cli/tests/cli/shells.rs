//! `tidewaiter completions` and `tidewaiter man`.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::{Command, Stdio},
};

use super::{folder, tidewaiter};

fn script(shell: &str) -> String {
    let output = tidewaiter(Path::new("."), &["completions", shell]);
    assert!(output.status.success(), "{shell}");
    assert!(output.stderr.is_empty(), "{shell}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_shell_has_a_script_that_knows_commands_options_and_rules() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = script(shell);
        for word in ["replay", "max-task-cpu", "privileged-container"] {
            // For elvish and PowerShell the generator writes no values.
            let is_value = word == "privileged-container";
            if is_value && matches!(shell, "elvish" | "powershell") {
                continue;
            }
            assert!(script.contains(word), "{word} in the script for {shell}");
        }
    }
    let refused = tidewaiter(Path::new("."), &["completions", "csh"]);
    assert_eq!(refused.status.code(), Some(2));
}

/// What bash offers for the last word.
fn offered(words: &[&str]) -> BTreeSet<String> {
    const ASK: &str = r#"
        source "$1"; shift
        COMP_WORDS=("$@") COMP_CWORD=$(( $# - 1 ))
        _tidewaiter tidewaiter "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let folder = folder(&[("script", script("bash").as_bytes())]);
    let output = Command::new("bash")
        .args(["--norc", "--noprofile", "-e", "-c", ASK, "bash"])
        .arg(folder.path().join("script"))
        .args(words)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && error.is_empty(), "{error}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes() {
    let set = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let wanted: BTreeSet<String> = set(&["redrive", "replay", "resume", "rules"]);
    assert_eq!(offered(&["tidewaiter", "r"]), wanted);
    let wanted: BTreeSet<String> = set(&["privilege-escalation", "privileged-container"]);
    assert_eq!(offered(&["tidewaiter", "explain", "privileg"]), wanted);
    let wanted: BTreeSet<String> = set(&["iam", "scp"]);
    assert_eq!(offered(&["tidewaiter", "scp", "--kind", ""]), wanted);
}

#[test]
fn every_command_has_a_manual_page() {
    let folder = folder(&[]);
    let pages = folder.path().join("man/man1");
    let output = tidewaiter(folder.path(), &["man", "man/man1"]);
    assert!(output.status.success() && output.stdout.is_empty());
    let names: BTreeSet<String> = fs::read_dir(&pages)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let help = tidewaiter(folder.path(), &["--help"]);
    let help = String::from_utf8(help.stdout).unwrap();
    let commands = help
        .split("Commands:\n")
        .nth(1)
        .unwrap()
        .split("\n\n")
        .next()
        .unwrap();
    let commands = commands.lines().filter(|line| !line.starts_with("     "));
    let commands = commands.map(|line| line.split_whitespace().next().unwrap());
    for command in commands.filter(|command| *command != "help") {
        assert!(
            names.contains(&format!("tidewaiter-{command}.1")),
            "{command}"
        );
    }
    assert!(names.contains("tidewaiter-policy-validate.1"));
    for name in &names {
        let page = fs::read_to_string(pages.join(name)).unwrap();
        let title = name.trim_end_matches(".1");
        assert!(page.contains(&format!(".TH {title} 1")), "{name}: {page}");
    }
    let printed = tidewaiter(folder.path(), &["man"]);
    let page = fs::read_to_string(pages.join("tidewaiter.1")).unwrap();
    let printed = String::from_utf8(printed.stdout).unwrap();
    assert!(printed.starts_with(page.split(".SH NAME").next().unwrap()));
    fs::write(folder.path().join("file"), "").unwrap();
    let refused = tidewaiter(folder.path(), &["man", "file"]);
    assert_eq!(refused.status.code(), Some(2));
}
