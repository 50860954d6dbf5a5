use super::super::{
    Answer, Applies, Check, Context, References, Rule,
    secrets::{self, Glance, Hint},
};
use crate::{
    Severity,
    facts::{
        Dockerfile,
        dockerfile::{Assignment, Command, HereDocument, Operation, Text, Transfer},
    },
    field::Field,
    names::quoted,
    policy::matches,
};

pub(in crate::catalogue) const RULE: Rule = Rule {
    id: "dockerfile-secret",
    summary: "a password, key or token gets into the image or its history",
    severity: Severity::High,
    applies: Applies::EVERYWHERE,
    help: "give the build a secret by `RUN --mount=type=secret,id=…`, which stays in no layer, and the running task one by `secrets` of its definition; replace the secret itself, because whoever has the file or the image has it",
    references: References {
        guidance: "keep secrets out of images",
        aws_config: &[],
        security_hub: &[],
        control_tower: &[],
        cis_docker: &["4.10"],
        pod_security: None,
    },
    check: Check::Dockerfile(check),
};

fn check(dockerfile: &Dockerfile, context: &Context<'_>) -> Vec<Answer> {
    let mut found = Found {
        globs: &context.parameters.secret_in_environment.names,
        answers: Vec::new(),
    };
    for (index, operation) in dockerfile.operations() {
        let place = Place {
            pointer: format!("/instructions/{index}"),
            in_stage: dockerfile
                .stages
                .first()
                .is_some_and(|stage| stage.from < index),
            in_image: dockerfile.is_in_image(index),
        };
        match operation {
            Operation::Arg(arguments) => {
                for argument in arguments {
                    found.argument(&place, argument);
                }
            }
            Operation::Env(variables) => found.variables(&place, "variable", variables),
            Operation::Label(labels) => found.variables(&place, "label", labels),
            Operation::Run(run) => {
                found.command(&place, "the command", &run.command);
                found.here_documents(&place, &run.here_documents);
            }
            Operation::Cmd(command) => found.command(&place, "`CMD`", command),
            Operation::Entrypoint(command) => found.command(&place, "`ENTRYPOINT`", command),
            Operation::Healthcheck(Some(command)) => {
                found.command(&place, "`HEALTHCHECK`", command);
            }
            Operation::Copy(transfer) | Operation::Add(transfer) => {
                found.transfer(&place, transfer);
            }
            _ => {}
        }
    }
    found.answers
}

struct Place {
    pointer: String,
    /// Whether it is of a stage at all.
    in_stage: bool,
    /// Whether what stands there gets into the image itself.
    in_image: bool,
}

/// No message has any part of a value in it.
struct Found<'a> {
    globs: &'a [String],
    answers: Vec<Answer>,
}

impl Found<'_> {
    /// What a build is given is seen by whoever reads the history of the image.
    fn argument(&mut self, place: &Place, argument: &Assignment) {
        match argument.value.as_ref().map(|value| &value.value) {
            Some(Field::Known(value)) if !value.is_empty() => {
                self.named(place, "build argument", &argument.name, value);
            }
            // Before the first stage an argument gets into nothing; a stage has to ask for it.
            _ if place.in_stage && self.hint(&argument.name) == Hint::Surely => {
                let (what, severity) = if place.in_image {
                    ("the history of the image", Severity::Medium)
                } else {
                    ("the build cache", Severity::Low)
                };
                let message = format!(
                    "build argument {} has a secret's name, and what it is given stays in {what}",
                    quoted(&argument.name)
                );
                self.fail(place, message, severity);
            }
            _ => {}
        }
    }

    fn variables(&mut self, place: &Place, what: &str, variables: &[Assignment]) {
        for variable in variables {
            match variable.value.as_ref().map(|value| &value.value) {
                Some(Field::Known(value)) => self.named(place, what, &variable.name, value),
                Some(Field::Unknown(_)) if self.hint(&variable.name) == Hint::Surely => {
                    let message = format!(
                        "{what} {} has a secret's name, and keeps what the build puts into it",
                        quoted(&variable.name)
                    );
                    let severity = if place.in_image {
                        Severity::High
                    } else {
                        Severity::Low
                    };
                    self.fail(place, message, severity);
                }
                _ => {}
            }
        }
    }

    fn named(&mut self, place: &Place, what: &str, name: &str, value: &str) {
        let hint = self.hint(name);
        let shown = format!("{what} {}", quoted(name));
        let glance = Glance::of(value);
        if let Some(kind) = glance.kind() {
            self.formed(place, &shown, kind);
        } else if hint != Hint::No && secrets::looks_random(value) {
            self.formed(place, &shown, "a generated key");
        } else if hint == Hint::Surely && secrets::is_secret(value) && value != name {
            let message = format!("{shown} has a secret's name and a value in clear");
            self.fail(place, message, Severity::High);
        } else if glance.assigns() {
            let message = format!("{shown} has a password, key or token in clear in it");
            self.fail(place, message, Severity::High);
        }
    }

    fn hint(&self, name: &str) -> Hint {
        let upper = name.to_ascii_uppercase();
        let mut globs = self.globs.iter();
        if globs.any(|glob| matches(&glob.to_ascii_uppercase(), &upper)) {
            return Hint::Surely;
        }
        secrets::hint(name)
    }

    fn command(&mut self, place: &Place, what: &str, command: &Command) {
        match command {
            Command::Shell(text) => self.text(place, what, text),
            Command::Exec(words) => {
                let mut after_flag = false;
                for word in words {
                    let is_value = std::mem::take(&mut after_flag) && !word.starts_with(['-', '$']);
                    after_flag = secrets::is_flag(word.trim());
                    if is_value && secrets::is_secret(word) {
                        let message = format!("{what} gives a password, key or token in clear");
                        self.fail(place, message, Severity::High);
                    } else {
                        self.text(place, what, word);
                    }
                }
            }
        }
    }

    fn here_documents(&mut self, place: &Place, documents: &[HereDocument]) {
        for document in documents {
            self.text(place, "a here-document", &document.text);
        }
    }

    fn text(&mut self, place: &Place, what: &str, text: &str) {
        let glance = Glance::of(text);
        if let Some(kind) = glance.kind() {
            let message = format!("{what} has in it what looks like {kind}");
            self.fail(place, message, Severity::Critical);
        } else if glance.assigns() {
            let message = format!("{what} gives a password, key or token in clear");
            self.fail(place, message, Severity::High);
        }
    }

    fn transfer(&mut self, place: &Place, transfer: &Transfer) {
        self.here_documents(place, &transfer.here_documents);
        for source in &transfer.sources {
            let text = source.value.known().unwrap_or(&source.written);
            if let Some(kind) = secrets::kind(text) {
                self.formed(place, "a source", kind);
            }
        }
        if transfer.from.is_some() {
            return;
        }
        for source in &transfer.sources {
            let Some(file) = KeyFile::of(source) else {
                continue;
            };
            let (what, severity) = match (file, place.in_image) {
                (KeyFile::Surely, true) => ("holds secrets", Severity::High),
                (KeyFile::Surely, false) => ("holds secrets", Severity::Medium),
                (KeyFile::Perhaps, true) => ("often holds secrets", Severity::Medium),
                (KeyFile::Perhaps, false) => ("often holds secrets", Severity::Low),
            };
            let message = format!(
                "{} is copied from the build context: a file of that name {what}",
                quoted(&source.written)
            );
            self.fail(place, message, severity);
        }
    }

    fn formed(&mut self, place: &Place, what: &str, kind: &str) {
        self.fail(
            place,
            format!("{what} looks like {kind}"),
            Severity::Critical,
        );
    }

    fn fail(&mut self, place: &Place, message: String, severity: Severity) {
        let answer = Answer::fail(place.pointer.clone(), message).severity(severity);
        // One word about an instruction is enough where it says the same.
        let of_place = self.answers.iter().rev();
        let mut of_place = of_place.take_while(|other| other.pointer == answer.pointer);
        if !of_place.any(|other| *other == answer) {
            self.answers.push(answer);
        }
    }
}

/// A file by whose name one knows what is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KeyFile {
    Surely,
    Perhaps,
}

impl KeyFile {
    fn of(source: &Text) -> Option<Self> {
        let path = source.value.known().unwrap_or(&source.written);
        let path = path.trim_end_matches(['/', '*']).to_ascii_lowercase();
        let mut parts = path.rsplit(['/', '\\']);
        let name = parts.next().unwrap_or_default();
        let folder = parts.next().unwrap_or_default();
        let ending = name.rsplit_once('.').map(|(_, ending)| ending);
        let is_sample = ["dist", "example", "sample", "template", "tpl", "test", "ci"]
            .iter()
            .any(|kind| name.split(['.', '-', '_']).any(|part| part == *kind));
        if is_sample {
            return None;
        }
        let is_shown = [
            "ca",
            "cert",
            "certs",
            "bundle",
            "chain",
            "fullchain",
            "public",
            "pub",
            "root",
        ]
        .iter()
        .any(|kind| name.split(['.', '-', '_']).any(|part| part == *kind));
        match (folder, name) {
            (
                _,
                "id_rsa" | "id_dsa" | "id_ecdsa" | "id_ed25519" | ".netrc" | "_netrc" | ".pgpass"
                | ".my.cnf" | ".git-credentials" | ".dockercfg" | ".vault-token" | ".aws" | ".ssh"
                | ".gnupg" | ".kube" | "kubeconfig" | "terraform.tfstate" | ".env",
            )
            | (".aws", "credentials" | "config")
            | (".docker", "config.json")
            | (".kube", "config") => Some(Self::Surely),
            (
                _,
                ".npmrc" | ".pypirc" | ".yarnrc.yml" | ".htpasswd" | "terraform.tfvars"
                | "credentials.json",
            ) => Some(Self::Perhaps),
            _ if name.starts_with(".env.") => Some(Self::Perhaps),
            _ => match ending {
                Some("p12" | "pfx" | "ppk") => Some(Self::Surely),
                Some("pem" | "key") if !is_shown && !name.starts_with('*') => Some(Self::Perhaps),
                _ => None,
            },
        }
    }
}
