//! Which queues and which messages somebody wants.

use globset::{GlobBuilder, GlobMatcher};
use tidewaiter_aws::inspect::StackResource;
use tidewaiter_rules::names::quoted;

use super::{
    letter::Told,
    ways::{SUFFIX, Way},
};
use crate::account::arguments::RedriveArguments;

/// A dead-letter queue of the stack.
pub(super) struct DeadLetters {
    pub(super) name: String,
    pub(super) url: String,
    pub(super) way: Option<Way>,
}

impl DeadLetters {
    pub(super) fn of(name: &str, resource: &StackResource) -> Option<Self> {
        let is_one = resource.kind == "AWS::SQS::Queue" && name.ends_with(SUFFIX);
        (is_one && !resource.physical.is_empty()).then(|| Self {
            way: Way::of(name),
            name: name.to_owned(),
            url: resource.physical.clone(),
        })
    }

    /// Whether somebody means it by its name in the template or in SQS, its URL or its ARN.
    fn is_named(&self, name: &str) -> bool {
        let last = name.rsplit(['/', ':']).next().unwrap_or_default();
        let own = self.url.rsplit('/').next().unwrap_or_default();
        self.name.eq_ignore_ascii_case(name) || last == own
    }
}

/// Which messages somebody wants.
pub(super) struct Wanted<'a> {
    only: Option<&'a str>,
    kind: Option<GlobMatcher>,
}

impl<'a> Wanted<'a> {
    pub(super) fn of(arguments: &'a RedriveArguments) -> Result<Self, String> {
        let kind = arguments.kind.as_deref().map(|kind| {
            let glob = GlobBuilder::new(kind).case_insensitive(true).build();
            let glob = glob.map_err(|error| format!("{} is no glob: {error}", quoted(kind)))?;
            Ok::<_, String>(glob.compile_matcher())
        });
        Ok(Self {
            only: arguments.only.as_deref(),
            kind: kind.transpose()?,
        })
    }

    pub(super) fn is_met_by(&self, told: &Told) -> bool {
        self.only.is_none_or(|id| told.is_named(id))
            && (self.kind.as_ref()).is_none_or(|kind| kind.is_match(&told.kind))
    }
}

/// The queues that somebody names, each once.
pub(super) fn chosen<'a>(
    queues: &'a [DeadLetters],
    arguments: &RedriveArguments,
) -> Result<Vec<&'a DeadLetters>, String> {
    for name in &arguments.queues {
        if !queues.iter().any(|queue| queue.is_named(name)) {
            let names: Vec<&str> = queues.iter().map(|queue| queue.name.as_str()).collect();
            return Err(format!(
                "the stack has no dead-letter queue {}: it has {}",
                quoted(name),
                names.join(", ")
            ));
        }
    }
    let is_chosen = |queue: &&DeadLetters| {
        arguments.all || arguments.queues.iter().any(|name| queue.is_named(name))
    };
    Ok(queues.iter().filter(is_chosen).collect())
}
