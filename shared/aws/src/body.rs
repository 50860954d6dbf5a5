//! An answer's own text, read by our types.
//!
//! The SDK's types drop members they do not know and would have to be copied member by member into
//! the facts; a member forgotten there is a weakness that passes unseen. So the text is taken as it
//! came, and the definition in an event, in a file and in an answer is read by the same code.

use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{Intercept, context::AfterDeserializationInterceptorContextRef},
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::config_bag::ConfigBag;
use serde::de::DeserializeOwned;

use crate::CallError;

/// Keeps the body of the last answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Body(Arc<Mutex<Vec<u8>>>);

impl Body {
    /// The answer, read as `T`.
    pub(crate) fn read<T: DeserializeOwned>(&self, call: &'static str) -> Result<T, CallError> {
        let body = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut deserializer = serde_json::Deserializer::from_slice(&body);
        serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
            CallError::permanent(call, format!("the answer cannot be read: {error}"))
        })
    }
}

impl Intercept for Body {
    fn name(&self) -> &'static str {
        "body"
    }

    // Before deserialization the body may still be on its way.
    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(body) = context.response().body().bytes() {
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            kept.clear();
            kept.extend_from_slice(body);
        }
        Ok(())
    }
}
