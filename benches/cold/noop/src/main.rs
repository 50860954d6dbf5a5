//! Does nothing, on the runtime and the executor of the guards: their cold start is measured
//! against this one.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, value::RawValue};

fn main() -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(lambda_runtime::run(service_fn(
        async |_: LambdaEvent<Box<RawValue>>| Ok::<_, Error>(Value::Null),
    )))
}
