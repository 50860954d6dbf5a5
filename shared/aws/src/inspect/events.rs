//! Rules of EventBridge, and the pipe.

use serde_json::Value;

use super::{Inspector, answer, found};
use crate::CallError;

const MISSING: &[&str] = &["ResourceNotFoundException"];

/// A rule may have five targets, and AWS raises that on request.
const MOST_TARGETS: i32 = 100;

impl Inspector<'_> {
    /// A rule of the default bus, as `DescribeRule` has it; `None` where there is none.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn rule(&self, name: &str) -> Result<Option<Value>, CallError> {
        let call = self.events.describe_rule().name(name);
        found(answer!("DescribeRule", call), MISSING)
    }

    /// The targets of a rule, as `ListTargetsByRule` has them.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn targets(&self, rule: &str) -> Result<Vec<Value>, CallError> {
        let call = self.events.list_targets_by_rule().rule(rule);
        let call = call.limit(MOST_TARGETS);
        let answer = found(answer!("ListTargetsByRule", call), MISSING)?;
        let targets = answer.and_then(|mut answer| Some(answer.get_mut("Targets")?.take()));
        Ok(match targets {
            Some(Value::Array(targets)) => targets,
            _ => Vec::new(),
        })
    }

    /// A pipe, as `DescribePipe` has it; `None` where there is none.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn pipe(&self, name: &str) -> Result<Option<Value>, CallError> {
        let call = self.pipes.describe_pipe().name(name);
        found(answer!("DescribePipe", call), &["NotFoundException"])
    }
}
