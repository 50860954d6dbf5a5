//! Judges each task definition as it is registered, and what is run in other ways; deregisters what the
//! policy denies.

use tidewaiter_lambda::{Function, run};
use tidewaiter_rules::facts::SubjectKind;

fn main() -> Result<(), lambda_runtime::Error> {
    run(Function {
        name: "task-definition-guard",
        subject: SubjectKind::TaskDefinition,
    })
}
