//! Trails of CloudTrail.

use serde_json::Value;

use super::{Inspector, answer};
use crate::CallError;

impl Inspector<'_> {
    /// The trails that log this Region, as `DescribeTrails` has them: those of other Regions and of the organization
    /// too.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn trails(&self) -> Result<Vec<Value>, CallError> {
        let call = self.cloudtrail.describe_trails();
        let call = call.include_shadow_trails(true);
        let mut answer = answer!("DescribeTrails", call)?;
        Ok(match answer.get_mut("trailList").map(Value::take) {
            Some(Value::Array(trails)) => trails,
            _ => Vec::new(),
        })
    }

    /// Whether a trail logs, as `GetTrailStatus` has it.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn trail_status(&self, arn: &str) -> Result<Value, CallError> {
        answer!(
            "GetTrailStatus",
            self.cloudtrail.get_trail_status().name(arn)
        )
    }

    /// What a trail logs, as `GetEventSelectors` has it.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn event_selectors(&self, arn: &str) -> Result<Value, CallError> {
        answer!(
            "GetEventSelectors",
            self.cloudtrail.get_event_selectors().trail_name(arn)
        )
    }
}
