//! Tells alerts to channels, each once: takes them from a queue in batches, and what was kept for later on
//! a schedule.

mod delivery;
mod noting;
mod sending;
mod settings;
mod waiting;

use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde_json::value::RawValue;
use tidewaiter_lambda::{Batch, Journal, end, log_as_json};

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
        let journal = &Journal::from_environment("notify");
        lambda_runtime::run(service_fn(async |event: LambdaEvent<Box<RawValue>>| {
            let (payload, end) = (event.payload.get(), end(&event.context));
            let request_id = &event.context.request_id;
            let failures = if let Some(batch) = Batch::read(payload) {
                Some(delivery.handle(&batch, request_id, end).await)
            } else {
                // Anything else is the schedule: what it carries says nothing.
                delivery.tell_kept(request_id, end).await;
                None
            };
            journal.write(&delivery.take_metrics(), None, request_id);
            Ok::<_, Diagnostic>(failures)
        }))
        .await
    })
}

#[cfg(test)]
mod tests;
