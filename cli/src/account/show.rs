//! `tidewaiter quarantine show`.

use std::fmt::Write as _;

use serde::Serialize;
use tidewaiter_aws::{
    ImageNow, gather_surroundings,
    ledger::{QuarantinedImage, Recorded},
};
use tidewaiter_rules::{
    Action, Facts, Subject,
    facts::{Image, Run, Scan, ScanState, Scanner, Surroundings},
    names::{Repository, quoted},
    policy::Running,
};

use super::{
    Session, arguments::ShowArguments, console::Console, image, list::Listed, named, state_of,
    text, time,
};
use crate::{Status, arguments::Format};

/// Everything that is known of an image.
struct Known {
    repository: Repository,
    image: Option<ImageNow>,
    entry: Option<QuarantinedImage>,
    /// The others that the same quarantine took.
    with: Vec<QuarantinedImage>,
    actions: Vec<(Action, Recorded)>,
    around: Surroundings,
}

#[derive(Serialize)]
struct Shown {
    version: u8,
    repository: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ecr_status: Option<String>,
    tags: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ledger: Option<Listed>,
    taken_with: Vec<Listed>,
    actions: Vec<ShownAction>,
    runs: Vec<ShownRun>,
    #[serde(skip_serializing_if = "Option::is_none")]
    runs_unknown: Option<String>,
}

#[derive(Serialize)]
struct ShownAction {
    id: String,
    state: String,
    by: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    undo: String,
}

#[derive(Serialize)]
struct ShownRun {
    cluster: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<String>,
    task_definition: String,
    digest: String,
    tasks: u64,
    owners: Vec<String>,
}

/// An image with what it belongs with and what runs it, as the functions gather it.
pub(super) async fn surroundings(
    session: &Session<'_>,
    repository: &Repository,
    image: &ImageNow,
) -> Result<Image, String> {
    let state = if image.is_archived() {
        ScanState::Archived
    } else {
        ScanState::NotFound
    };
    let mut facts = Facts {
        place: Some(repository.place().clone()),
        observed_at: Some(session.now),
        subject: Subject::Image(Box::new(Image {
            repository: repository.clone(),
            digest: Some(image.digest.clone()),
            tags: image.tags.clone(),
            pushed_at: image.pushed_at,
            is_restored: false,
            quarantine: None,
            scan: Scan::counted(Scanner::Basic, state, std::collections::BTreeMap::new()),
            surroundings: Surroundings::default(),
        })),
    };
    // What a person does is about the image alone.
    let running = Running::default();
    let (clients, ledger) = (session.clients, session.ledger());
    gather_surroundings(clients, ledger, session.now, &mut facts, running)
        .await
        .map_err(text)?;
    match facts.subject {
        Subject::Image(image) => Ok(*image),
        _ => Err("the facts are of something else".to_owned()),
    }
}

/// Shows an image.
pub(super) async fn show(
    session: &Session<'_>,
    arguments: &ShowArguments,
    console: &Console,
) -> Result<Status, String> {
    let name = image::read(&arguments.image, session.clients.home())?;
    let reading = console.progress("reading ECR, the ledger, and what runs the image");
    let found = image::find(session, &name).await?;
    let digest = match (&found, &name.reference) {
        (Some(found), _) => found.digest.clone(),
        // Deleted since, and the ledger still knows it.
        (None, tidewaiter_aws::Reference::Digest(digest)) => digest.clone(),
        (None, _) => return Err(format!("there is no image {}", quoted(&name.shown()))),
    };
    let listed = session.listed(&name.repository).await?;
    let entry = listed.iter().find(|one| one.digest == digest).cloned();
    let with = entry.as_ref().map_or(Vec::new(), |entry| {
        let others = super::release::taken_together(&listed, entry).into_iter();
        others.filter(|one| one.digest != digest).collect()
    });
    let action = Action::ArchiveImage(name.repository.clone(), digest.clone());
    let recorded = session.ledger().action(&action, session.now).await;
    let actions = recorded.map_err(text)?.map(|recorded| (action, recorded));
    let around = match &found {
        Some(found) => {
            surroundings(session, &name.repository, found)
                .await?
                .surroundings
        }
        None => Surroundings::default(),
    };
    drop(reading);
    if found.is_none() && entry.is_none() && actions.is_none() {
        return Err(format!(
            "there is no image {}, and the ledger knows nothing of it",
            quoted(&name.shown())
        ));
    }
    let known = Known {
        repository: name.repository,
        image: found,
        entry,
        with,
        actions: actions.into_iter().collect(),
        around,
    };
    match arguments.format {
        Format::Text => console.print(&known.written(&digest.to_string()))?,
        Format::Json => console.print(&crate::json::text(&known.shown(digest.to_string()))?)?,
    }
    Ok(Status::Allowed)
}

impl Known {
    fn written(&self, digest: &str) -> String {
        let mut out = format!("{}@{digest}\n", self.repository.name());
        let mut line = |name: &str, text: &str| {
            let _ = writeln!(out, "  {name:<10} {text}");
        };
        match &self.image {
            Some(image) => {
                line("ECR", status(&image.status));
                if !image.tags.is_empty() {
                    let tags: Vec<String> = image.tags.iter().map(|tag| quoted(tag)).collect();
                    line("tags", &tags.join(", "));
                }
            }
            None => line("ECR", "no such image: it was deleted"),
        }
        match &self.entry {
            Some(entry) => line("ledger", &state_of(entry)),
            None => line("ledger", "not in quarantine"),
        }
        if let Some(subject) = self.entry.as_ref().and_then(|entry| entry.subject.as_ref())
            && subject.as_str() != digest
        {
            line("taken for", &named(&self.repository, subject));
        }
        for other in &self.with {
            line("with it", &named(&self.repository, &other.digest));
        }
        for (action, recorded) in &self.actions {
            let id = action.id();
            line("action", &id);
            let by = quoted(&recorded.by);
            line(
                "",
                &format!("{} {} by {by}", quoted(&recorded.state), time(recorded.at)),
            );
            if !recorded.is_undone() {
                line("undo", &format!("tidewaiter undo '{id}'"));
            }
        }
        for text in runs(&self.around) {
            line("runs", &text);
        }
        out
    }

    fn shown(&self, digest: String) -> Shown {
        let image = self.image.as_ref();
        let usage = self.around.usage.as_ref();
        Shown {
            version: 1,
            repository: self.repository.arn(),
            digest: Some(digest),
            ecr_status: image.map(|image| image.status.clone()),
            tags: image.map(|image| image.tags.clone()).unwrap_or_default(),
            ledger: self.entry.as_ref().map(Listed::of),
            taken_with: self.with.iter().map(Listed::of).collect(),
            actions: self.actions.iter().map(shown_action).collect(),
            runs: usage.map_or(Vec::new(), |usage| {
                usage.runs.iter().map(shown_run).collect()
            }),
            runs_unknown: usage.and_then(|usage| usage.unknown.clone()),
        }
    }
}

fn shown_action((action, recorded): &(Action, Recorded)) -> ShownAction {
    ShownAction {
        id: action.id(),
        state: recorded.state.clone(),
        by: recorded.by.clone(),
        at: recorded.at.map(|at| at.to_string()),
        undo: recorded.undo.clone(),
    }
}

fn shown_run(run: &Run) -> ShownRun {
    ShownRun {
        cluster: run.cluster.clone(),
        service: run.service.clone(),
        task_definition: run.task_definition.clone(),
        digest: run.digest.to_string(),
        tasks: run.tasks,
        owners: run.owners.clone(),
    }
}

fn status(status: &str) -> &str {
    match status {
        "ACTIVE" => "ACTIVE: it can be pulled",
        "ARCHIVED" => "ARCHIVED: nobody can pull it",
        "ACTIVATING" => "ACTIVATING: it comes out of the archive, which takes up to 20 minutes",
        _ => "in a state that this program does not know",
    }
}

/// What runs an image, a line each.
pub(super) fn runs(around: &Surroundings) -> Vec<String> {
    let Some(usage) = &around.usage else {
        return Vec::new();
    };
    let mut lines: Vec<String> = usage.runs.iter().map(run).collect();
    match &usage.unknown {
        Some(reason) => lines.push(format!(
            "perhaps more, which could not be found out: {}",
            quoted(reason)
        )),
        None if lines.is_empty() => lines.push("nothing".to_owned()),
        None => {}
    }
    lines
}

fn run(run: &Run) -> String {
    let tasks = if run.tasks == 1 {
        "1 task".to_owned()
    } else {
        format!("{} tasks", run.tasks)
    };
    let whose = match &run.service {
        Some(service) => format!("service {}", quoted(service)),
        None => "started by itself".to_owned(),
    };
    let owners: Vec<String> = run.owners.iter().map(|owner| quoted(owner)).collect();
    let owners = if owners.is_empty() {
        String::new()
    } else {
        format!(", {}", owners.join(", "))
    };
    format!(
        "{tasks} of {} in cluster {}, {whose}{owners}",
        quoted(&run.task_definition),
        quoted(&run.cluster)
    )
}
