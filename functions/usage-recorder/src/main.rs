//! Writes down what tasks use, from the events of ECS, for accounts too large to be listed whenever an
//! image is judged.

fn main() -> Result<(), lambda_runtime::Error> {
    tidewaiter_lambda::record_usage("usage-recorder")
}
