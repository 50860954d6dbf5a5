//! `tidewaiter quarantine add`: the plan of the functions, carried out because a person says so.

use tidewaiter_aws::{
    ImageNow, apply,
    ledger::{Because, Quarantined, QuarantinedImage},
};
use tidewaiter_rules::{
    Action, Effect, Plan, Step, Withheld,
    facts::Image,
    names::{Digest, Repository, quoted},
    plan_quarantine,
    policy::InUse,
};

use super::{
    Session,
    arguments::AddArguments,
    console::{Consent, Console},
    image, named, show, state_of, text,
};
use crate::Status;

/// Puts an image into quarantine.
pub(super) async fn add(
    session: &Session<'_>,
    arguments: &AddArguments,
    console: &Console,
) -> Result<Status, String> {
    let name = image::read(&arguments.image, session.clients.home())?;
    let reading = console.progress("reading ECR, the ledger, and what runs the image");
    let found = image::find(session, &name).await?;
    let found = found.ok_or_else(|| format!("there is no image {}", quoted(&name.shown())))?;
    let listed = session.listed(&name.repository).await?;
    let image = show::surroundings(session, &name.repository, &found).await?;
    drop(reading);
    let in_use = if arguments.even_in_use {
        InUse::Quarantine
    } else {
        InUse::Alert
    };
    let plan = plan_quarantine(&image, in_use, session.clients.home());
    let entry = listed.iter().find(|one| one.digest == found.digest);
    let is_held = entry.is_some_and(|one| matches!(one.state, Quarantined::Held { .. }));
    match plan.withheld {
        Some(Withheld::AlreadyDone) if is_held => {
            console.say(&format!(
                "{} is in quarantine already",
                named(&name.repository, &found.digest)
            ))?;
            console.say(&format!("  {}", entry.map(state_of).unwrap_or_default()))?;
            return Ok(Status::Allowed);
        }
        // Archived by hand: what is missing is that it is known.
        None | Some(Withheld::AlreadyDone) => {}
        Some(withheld) => {
            refuse(&name.repository, &found, &image, withheld, console)?;
            return Ok(Status::Denied);
        }
    }
    let adding = Adding {
        session,
        console,
        repository: &name.repository,
        subject: &found.digest,
        arguments,
        listed: &listed,
    };
    adding.tell(&plan, &image)?;
    session.tell_pause(console).await?;
    match console.consent(arguments.consent)? {
        Consent::Given => adding.carry_out(&plan).await,
        Consent::NotWanted => Ok(Status::Allowed),
        Consent::Refused => Ok(Status::Denied),
    }
}

fn refuse(
    repository: &Repository,
    found: &ImageNow,
    image: &Image,
    withheld: Withheld,
    console: &Console,
) -> Result<(), String> {
    console.say(&format!(
        "{} is left as it is",
        named(repository, &found.digest)
    ))?;
    // The functions' advice is about the policy; a person has a switch of their own.
    let reason = match withheld {
        Withheld::InUse => {
            "it runs: what runs it could not start again without it; update that first, or say `--even-in-use`"
        }
        Withheld::UsageUnknown => {
            "it may be running, which could not be found out; look, or say `--even-in-use`"
        }
        other => other.reason(),
    };
    console.say(&format!("  {reason}"))?;
    for line in show::runs(&image.surroundings) {
        console.say(&format!("  runs: {line}"))?;
    }
    Ok(())
}

struct Adding<'a> {
    session: &'a Session<'a>,
    console: &'a Console,
    repository: &'a Repository,
    /// The image that the person named.
    subject: &'a Digest,
    arguments: &'a AddArguments,
    listed: &'a [QuarantinedImage],
}

impl Adding<'_> {
    fn tell(&self, plan: &Plan, image: &Image) -> Result<(), String> {
        let say = |line: &str| self.console.say(line);
        say(&format!(
            "put {} into quarantine:",
            named(self.repository, self.subject)
        ))?;
        for step in &plan.steps {
            if let Some((_, digest)) = step.action.quarantines() {
                say(&format!("  archive {}", named(self.repository, digest)))?;
                if let Some(released) = self.released(digest) {
                    say(&format!(
                        "    which ends its release: {}",
                        state_of(released)
                    ))?;
                }
            }
        }
        if plan.steps.is_empty() {
            say("  it is in the archive already: write down that it is to stay there")?;
            if let Some(released) = self.released(self.subject) {
                say(&format!(
                    "    which ends its release: {}",
                    state_of(released)
                ))?;
            }
        }
        for kept in &plan.kept {
            say(&format!(
                "  keep {} ({}): {}",
                quoted(&kept.digest),
                quoted(&kept.platform),
                quoted(&kept.reason)
            ))?;
        }
        for line in show::runs(&image.surroundings) {
            say(&format!("  runs: {line}"))?;
        }
        Ok(())
    }

    fn released(&self, digest: &Digest) -> Option<&QuarantinedImage> {
        let mut listed = self.listed.iter();
        listed.find(|one| one.digest == *digest && matches!(one.state, Quarantined::Released(_)))
    }

    async fn carry_out(&self, plan: &Plan) -> Result<Status, String> {
        let mut status = Status::Allowed;
        if plan.steps.is_empty() {
            let action = Action::ArchiveImage(self.repository.clone(), self.subject.clone());
            let (step, digest) = (Step::of(action), self.subject);
            return if self.hold(&step, digest).await? {
                self.console.say("done: it stays in the archive")?;
                Ok(Status::Allowed)
            } else {
                Ok(Status::Denied)
            };
        }
        // After a step that fails the others are tried, as the functions do.
        for step in &plan.steps {
            let took = self.take(step).await?;
            status = status.or(took);
        }
        Ok(status)
    }

    async fn take(&self, step: &Step) -> Result<Status, String> {
        let (ledger, writer) = (self.session.ledger(), self.session.writer());
        ledger.begin(step, writer).await.map_err(text)?;
        if let Some((_, digest)) = step.action.quarantines()
            && !self.hold(step, digest).await?
        {
            return Ok(Status::Denied);
        }
        let effect = apply(self.session.clients, &step.action).await;
        let finished = ledger.finish(step, &effect, writer).await;
        let what = format!("{} {}", step.action.name(), step.action.target());
        let status = match &effect {
            Effect::Done => {
                self.console.say(&format!("done: {what}"))?;
                Status::Allowed
            }
            Effect::Gone => {
                self.console.say(&format!("gone: {what}"))?;
                Status::Allowed
            }
            Effect::Failed { error, .. } => {
                self.console.say(&format!("failed: {what}: {error}"))?;
                Status::Unusable
            }
            Effect::NotApplied => Status::Denied,
        };
        finished.map_err(text)?;
        Ok(status)
    }

    /// Writes down that an image is in quarantine; `false` where somebody releases it at this moment.
    async fn hold(&self, step: &Step, digest: &Digest) -> Result<bool, String> {
        let (ledger, writer) = (self.session.ledger(), self.session.writer());
        let image = (self.repository, digest);
        if self.released(digest).is_some() {
            ledger.end_release(image, writer).await.map_err(text)?;
        }
        let because = Because {
            subject: Some(self.subject),
            reason: &self.arguments.reason,
            ticket: self.arguments.ticket.as_deref(),
        };
        let release = ledger
            .quarantine(image, (step, None), because, writer)
            .await;
        let Some(release) = release.map_err(text)? else {
            return Ok(true);
        };
        self.console.say(&format!(
            "left: {} has been released by {} meanwhile, until {}",
            named(self.repository, digest),
            quoted(&release.by),
            release.until
        ))?;
        Ok(false)
    }
}
