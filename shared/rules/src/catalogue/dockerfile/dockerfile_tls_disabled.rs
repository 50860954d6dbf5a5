use super::super::{
    Answer, Applies, Check, Context, References, Rule, build_step::steps, shell::Command,
};
use crate::{
    Severity,
    facts::{
        Dockerfile,
        dockerfile::{Assignment, Operation},
    },
    field::Field,
    names::quoted,
};

pub(in crate::catalogue) const RULE: Rule = Rule {
    id: "dockerfile-tls-disabled",
    summary: "certificates or signatures are not verified",
    severity: Severity::Medium,
    applies: Applies::EVERYWHERE,
    help: "take the option or variable away; for an authority of your own, add its certificate to the trust store of the image (`update-ca-certificates`, `update-ca-trust`)",
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

fn check(dockerfile: &Dockerfile, _: &Context<'_>) -> Vec<Answer> {
    let mut answers = Vec::new();
    for (index, operation) in dockerfile.operations() {
        match operation {
            Operation::Env(variables) => {
                // It holds for the process that is run in the end, too.
                let severity = if dockerfile.is_in_image(index) {
                    Severity::High
                } else {
                    Severity::Medium
                };
                let found = variables
                    .iter()
                    .filter_map(|v| variable(index, "variable", v));
                answers.extend(found.map(|answer| answer.severity(severity)));
            }
            Operation::Arg(arguments) => {
                let arguments = arguments.iter();
                answers.extend(arguments.filter_map(|v| variable(index, "build argument", v)));
            }
            _ => {}
        }
    }
    for (index, pipelines) in steps(dockerfile) {
        let mut commands = pipelines.iter().flatten();
        if let Some(what) = commands.find_map(of_command) {
            answers.push(Answer::fail(
                format!("/instructions/{index}"),
                format!("a step turns verification off: {}", quoted(&what)),
            ));
        }
    }
    answers
}

fn variable(index: usize, what: &str, assignment: &Assignment) -> Option<Answer> {
    let pointer = format!("/instructions/{index}");
    let name = quoted(&assignment.name);
    match &assignment.value.as_ref()?.value {
        Field::Known(value) => disables(&assignment.name, value)
            .then(|| Answer::fail(pointer, format!("{what} {name} turns verification off"))),
        Field::Unknown(reason) if is_switch(&assignment.name) => Some(Answer::unreadable(
            pointer,
            &format!("{what} {name}"),
            reason,
        )),
        Field::Unknown(_) | Field::Absent => None,
    }
}

const SWITCHES: &[&str] = &[
    "GIT_SSL_NO_VERIFY",
    "GOINSECURE",
    "NODE_TLS_REJECT_UNAUTHORIZED",
    "NPM_CONFIG_STRICT_SSL",
    "PIP_TRUSTED_HOST",
    "PYTHONHTTPSVERIFY",
    "UV_INSECURE_HOST",
    "YARN_STRICT_SSL",
];

fn is_switch(name: &str) -> bool {
    SWITCHES.contains(&name.to_ascii_uppercase().as_str())
}

/// Whether a variable of this name and value turns verification off.
fn disables(name: &str, value: &str) -> bool {
    let value = value.trim().trim_matches(['"', '\'']).to_ascii_lowercase();
    match name.to_ascii_uppercase().as_str() {
        "NODE_TLS_REJECT_UNAUTHORIZED" | "PYTHONHTTPSVERIFY" => value == "0",
        "GIT_SSL_NO_VERIFY" => !matches!(value.as_str(), "" | "0" | "false" | "no" | "off"),
        "NPM_CONFIG_STRICT_SSL" | "YARN_STRICT_SSL" => matches!(value.as_str(), "false" | "0"),
        "GOINSECURE" | "PIP_TRUSTED_HOST" | "UV_INSECURE_HOST" => !value.is_empty(),
        _ => false,
    }
}

/// What in a command turns verification off.
fn of_command(command: &Command) -> Option<String> {
    let mut assignments = command.assignments();
    if let Some((name, _)) = assignments.find(|(name, value)| disables(name, value)) {
        return Some(name.to_owned());
    }
    // A repository that is trusted whatever its signature says.
    let mut words = command.words.iter();
    if words.any(|word| word.text.contains("[trusted=yes]")) {
        return Some("[trusted=yes]".to_owned());
    }
    let (name, arguments) = command.run()?;
    let texts: Vec<&str> = arguments.iter().map(|word| word.text.as_str()).collect();
    let has = |options: &[&str]| {
        let found = options.iter().find(|option| {
            texts.iter().any(|text| {
                text == *option
                    || text
                        .strip_prefix(**option)
                        .is_some_and(|rest| rest.starts_with('='))
            })
        });
        found.map(|option| format!("{name} {option}"))
    };
    let after = |key: &str, values: &[&str]| {
        let mut pairs = texts.windows(2);
        let found = pairs.any(|pair| {
            matches!(pair, [first, second] if first.eq_ignore_ascii_case(key) && values.contains(second))
        });
        let joined = texts.iter().any(|text| {
            text.split_once('=').is_some_and(|(name, value)| {
                let name = name.trim_start_matches('-');
                name.eq_ignore_ascii_case(key) && values.contains(&value)
            })
        });
        (found || joined).then(|| format!("{name} {key}"))
    };
    match name {
        "curl" | "wget" | "wget2" if is_local(&texts) => None,
        "curl" => has(&["--insecure", "--proxy-insecure"]).or_else(|| {
            texts
                .iter()
                .any(|text| is_curl_k(text))
                .then(|| "curl -k".to_owned())
        }),
        "wget" | "wget2" => has(&["--no-check-certificate"]),
        "apk" => has(&["--allow-untrusted"]),
        "apt-get" | "apt" | "aptitude" => has(&[
            "--allow-unauthenticated",
            "--allow-insecure-repositories",
            "--force-yes",
        ])
        .or_else(|| after("Acquire::https::Verify-Peer", &["false", "0"]))
        .or_else(|| after("APT::Get::AllowUnauthenticated", &["true", "1"])),
        "yum" | "dnf" | "microdnf" | "tdnf" => has(&[
            "--nogpgcheck",
            "--setopt=sslverify=0",
            "--setopt=sslverify=false",
        ]),
        "zypper" => has(&["--no-gpg-checks"]),
        "rpm" => has(&[
            "--nodigest",
            "--nosignature",
            "--noverify",
            "--nofiledigest",
        ]),
        "npm" | "pnpm" | "yarn" => {
            has(&["--no-strict-ssl"]).or_else(|| after("strict-ssl", &["false"]))
        }
        "git" => after("http.sslVerify", &["false", "0"]),
        "conda" | "mamba" => after("ssl_verify", &["false", "False", "no"]),
        "composer" => after("disable-tls", &["true", "1"]),
        "gem" | "bundle" => after("ssl_verify_mode", &["0"]),
        _ => {
            let is_pip = name.starts_with("pip") || texts.contains(&"pip") || name == "uv";
            is_pip
                .then(|| has(&["--trusted-host", "--allow-insecure-host"]))
                .flatten()
        }
    }
}

/// Whether all that is fetched is on this machine, where there is nobody in between.
fn is_local(texts: &[&str]) -> bool {
    let mut urls = texts.iter().filter(|text| text.contains("://")).peekable();
    urls.peek().is_some()
        && urls.all(|url| {
            ["://localhost", "://127.0.0.1", "://[::1]"]
                .iter()
                .any(|host| url.contains(host))
        })
}

/// `-k`, alone or among others: `-fsSLk`. What stands behind an option with a value is the value.
fn is_curl_k(text: &str) -> bool {
    let Some(options) = text.strip_prefix('-') else {
        return false;
    };
    let mut options = options
        .chars()
        .take_while(|c| !"-AbCcDdEeFHhKmoPQrTtUuwXxYyz".contains(*c));
    options.any(|option| option == 'k')
}
