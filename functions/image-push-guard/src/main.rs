//! Judges each image as it is pushed, by what earlier scans found; archives what the policy denies.

use tidewaiter_lambda::{Function, run};
use tidewaiter_rules::facts::SubjectKind;

fn main() -> Result<(), lambda_runtime::Error> {
    run(Function {
        name: "image-push-guard",
        subject: SubjectKind::Image,
    })
}
