//! Files beside the policy in which suppliers say what does not affect an image.

#[cfg(feature = "schema")]
use serde_json::{Map, Value as Json, json};

use super::{
    Policy,
    form::{Form, text},
    mistake::{Mistake, Mistakes},
    yaml::Node,
};
use crate::{names::quoted, openvex::Vex};

/// How many such files a policy may name.
pub const MOST_VEX_FILES: usize = 32;

/// A path beside the policy: relative, with `/`, and never out of the policy's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BesidePolicy(pub(super) String);

impl Form for BesidePolicy {
    const EXAMPLE: &'static str = "vex/base-image.json";

    fn read(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<Self> {
        let written = text(
            node,
            "a path",
            "one that begins in the policy's folder, for example `vex/base-image.json`",
            mistakes,
        )?;
        let is_part = |part: &str| !matches!(part, "" | "." | "..");
        let is_beside = written.split('/').all(is_part) && !written.contains(['\\', ':', '\0']);
        if is_beside {
            return Some(Self(written.to_owned()));
        }
        let message = format!("{} is no path in the policy's folder", quoted(written));
        mistakes.add(Mistake::new(node.span, message).help(
            "put the file beside the policy, and write its path from there: `vex/base-image.json`",
        ));
        None
    }

    #[cfg(feature = "schema")]
    fn schema(_: &mut Map<String, Json>) -> Json {
        json!({ "type": "string" })
    }
}

impl Policy {
    /// The OpenVEX documents that it names, as paths in its folder. They are the caller's to read.
    pub fn vex_files(&self) -> &[String] {
        &self.vex
    }

    /// The same policy with what these documents say.
    #[must_use]
    pub fn with_vex(mut self, vex: Vex) -> Self {
        self.parameters.image.suppressions.extend(vex.suppressions);
        self
    }

    /// The same policy where the documents cannot be read. What they say is not known: findings
    /// count that they might suppress, and because they might, no image is acted on.
    #[must_use]
    pub fn without_vex(mut self) -> Self {
        self.lacks_vex = !self.vex.is_empty();
        self
    }
}
