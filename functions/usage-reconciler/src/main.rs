//! Lists what the account runs and sets the index of what uses images right: events may be lost.

fn main() -> Result<(), lambda_runtime::Error> {
    tidewaiter_lambda::reconcile_usage("usage-reconciler")
}
