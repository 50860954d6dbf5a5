//! Tells alerts to channels, each once: takes them from a queue in batches, and what was kept for later on
//! a schedule.

mod delivery;
mod noting;
mod sending;
mod settings;
mod waiting;

use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde_json::value::RawValue;
use tidewaiter_lambda::{Batch, end, log_as_json};

use crate::{delivery::Delivery, settings::Settings};

fn main() -> Result<(), lambda_runtime::Error> {
    log_as_json();
    let settings = Settings::from_environment().inspect_err(|error| {
        tracing::error!(function = "notify", %error, "cannot start");
    })?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let delivery = &Delivery::new(settings);
        lambda_runtime::run(service_fn(async |event: LambdaEvent<Box<RawValue>>| {
            let (payload, context) = (event.payload.get(), &event.context);
            let Some(batch) = Batch::read(payload) else {
                // Anything else is the schedule: what it carries says nothing.
                delivery.tell_kept(&context.request_id, end(context)).await;
                return Ok(None);
            };
            let failures = delivery.handle(&batch, &context.request_id, end(context));
            Ok::<_, Diagnostic>(Some(failures.await))
        }))
        .await
    })
}

#[cfg(test)]
mod tests;
