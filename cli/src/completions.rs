//! `tidewaiter completions` and `tidewaiter man`.

use std::{io, path::Path};

use clap::{Args, Command, CommandFactory, ValueEnum, builder::PossibleValuesParser};
use clap_complete::aot::{Shell, generate};
use clap_mangen::Man;
use tidewaiter_rules::catalogue::RULES;

use crate::{arguments::Arguments, input};

#[derive(Debug, Args)]
pub(crate) struct CompletionsArguments {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: ShellName,
}

#[derive(Debug, Args)]
pub(crate) struct ManArguments {
    /// Folder to write a page for each command into; without it, the page of the program is printed
    #[arg(value_name = "DIR")]
    pub(crate) folder: Option<std::path::PathBuf>,
}

/// The shells, with an order and names of our own: those of a library may change with it.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum ShellName {
    /// `tidewaiter completions bash > /etc/bash_completion.d/tidewaiter`
    Bash,
    /// `tidewaiter completions zsh > "${fpath[1]}/_tidewaiter"`
    Zsh,
    /// `tidewaiter completions fish > ~/.config/fish/completions/tidewaiter.fish`
    Fish,
    /// `tidewaiter completions elvish >> ~/.config/elvish/rc.elv`
    Elvish,
    /// `tidewaiter completions powershell >> $PROFILE`
    Powershell,
}

/// The script that completes the command line in a shell.
pub(crate) fn script(shell: ShellName) -> Vec<u8> {
    // As an argument a rule is any text, so that a slip of the pen is answered with the nearest name.
    let ids = PossibleValuesParser::new(RULES.iter().map(|rule| rule.id));
    let mut command = Arguments::command().mut_subcommand("explain", |explain| {
        explain.mut_arg("rule", |rule| rule.value_parser(ids))
    });
    let mut script = Vec::new();
    let name = command.get_name().to_owned();
    generate(Shell::from(shell), &mut command, name, &mut script);
    if let ShellName::Fish = shell {
        script.extend(fish_rules().into_bytes());
    }
    script
}

/// The generator writes no values of arguments without a name for fish.
fn fish_rules() -> String {
    let ids: Vec<&str> = RULES.iter().map(|rule| rule.id).collect();
    format!(
        "complete -c tidewaiter -n \"__fish_seen_subcommand_from explain\" -f -a \"{}\"\n",
        ids.join(" ")
    )
}

/// The manual page of the program.
pub(crate) fn page() -> Result<Vec<u8>, String> {
    render(Arguments::command()).map_err(|error| format!("cannot write the page: {error}"))
}

/// Writes the pages of the program and of its commands.
pub(crate) fn write_pages(folder: &Path) -> Result<(), String> {
    let cannot =
        |error: io::Error| format!("{}: cannot write a page: {error}", input::shown(folder));
    std::fs::create_dir_all(folder).map_err(cannot)?;
    let mut program = Arguments::command().disable_help_subcommand(true);
    program.build();
    write(&program, "tidewaiter", folder).map_err(cannot)
}

/// The page of a command, and those below it.
fn write(command: &Command, name: &str, folder: &Path) -> io::Result<()> {
    let page = render(command.clone())?;
    std::fs::write(folder.join(format!("{name}.1")), page)?;
    for below in command.get_subcommands() {
        write(below, &format!("{name}-{}", below.get_name()), folder)?;
    }
    Ok(())
}

fn render(command: Command) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    let source = concat!("tidewaiter ", env!("CARGO_PKG_VERSION"));
    Man::new(command).source(source).render(&mut page)?;
    Ok(page)
}

impl From<ShellName> for Shell {
    fn from(name: ShellName) -> Self {
        match name {
            ShellName::Bash => Self::Bash,
            ShellName::Zsh => Self::Zsh,
            ShellName::Fish => Self::Fish,
            ShellName::Elvish => Self::Elvish,
            ShellName::Powershell => Self::PowerShell,
        }
    }
}
