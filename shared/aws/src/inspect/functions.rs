//! Functions of Lambda, and what belongs to them.

use serde_json::Value;

use super::{Inspector, answer, document, found};
use crate::CallError;

const MISSING: &[&str] = &["ResourceNotFoundException"];

impl Inspector<'_> {
    /// A function, as `GetFunctionConfiguration` has it; `None` where there is none.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn function(&self, name: &str) -> Result<Option<Value>, CallError> {
        let call = self.lambda.get_function_configuration().function_name(name);
        found(answer!("GetFunctionConfiguration", call), MISSING)
    }

    /// The concurrent executions that are reserved for a function; `None` where none are.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn concurrency(&self, name: &str) -> Result<Option<u64>, CallError> {
        let call = self.lambda.get_function_concurrency().function_name(name);
        let answer = found(answer!("GetFunctionConcurrency", call), MISSING)?;
        Ok(answer.and_then(|answer| answer.get("ReservedConcurrentExecutions")?.as_u64()))
    }

    /// Who may invoke a function: its resource policy; `None` where it has none.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn invokers(&self, name: &str) -> Result<Option<Value>, CallError> {
        let call = self.lambda.get_policy().function_name(name);
        let answer = found(answer!("GetPolicy", call), MISSING)?;
        Ok(answer.and_then(|answer| Some(document(answer.get("Policy")?.as_str()?))))
    }

    /// How often and how long Lambda tries an event of a version of a function, as `GetFunctionEventInvokeConfig` has it; `None` where it is as
    /// for every function.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn invoke_config(
        &self,
        name: &str,
        qualifier: &str,
    ) -> Result<Option<Value>, CallError> {
        let call = self.lambda.get_function_event_invoke_config();
        let call = call.function_name(name).qualifier(qualifier);
        found(answer!("GetFunctionEventInvokeConfig", call), MISSING)
    }

    /// What takes messages from queues to a function, as `ListEventSourceMappings` has it.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn source_mappings(&self, function: &str) -> Result<Vec<Value>, CallError> {
        let call = self.lambda.list_event_source_mappings();
        let call = call.function_name(function);
        let answer = found(answer!("ListEventSourceMappings", call), MISSING)?;
        let listed =
            answer.and_then(|mut answer| Some(answer.get_mut("EventSourceMappings")?.take()));
        Ok(match listed {
            Some(Value::Array(listed)) => listed,
            _ => Vec::new(),
        })
    }

    /// The SHA-256 of what is in a version of a layer, in Base64; `None` where there is no such version.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn layer_sha256(&self, arn: &str) -> Result<Option<String>, CallError> {
        let call = self.lambda.get_layer_version_by_arn().arn(arn);
        let answer = found(answer!("GetLayerVersionByArn", call), MISSING)?;
        let hash = |answer: Value| {
            answer
                .pointer("/Content/CodeSha256")?
                .as_str()
                .map(str::to_owned)
        };
        Ok(answer.and_then(hash))
    }
}
