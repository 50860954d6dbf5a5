//! A stack as CloudFormation describes it and as AWS has it, for whoever asks whether the two agree.
//! Nothing here writes.

mod stack;

pub use stack::{Stack, StackResource};

use aws_types::SdkConfig;

use crate::Clients;

/// Reads what stands behind a stack.
#[derive(Debug)]
pub struct Inspector<'a> {
    pub(crate) clients: &'a Clients,
    pub(crate) cloudformation: aws_sdk_cloudformation::Client,
}

impl<'a> Inspector<'a> {
    /// One that reads as the configuration says.
    pub(crate) fn of(clients: &'a Clients, config: &SdkConfig) -> Self {
        Self {
            clients,
            cloudformation: aws_sdk_cloudformation::Client::new(config),
        }
    }
}
