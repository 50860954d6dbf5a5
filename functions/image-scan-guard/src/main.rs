//! Judges each image as its scan ends; archives what the policy denies.

use tidewaiter_lambda::{Function, run};
use tidewaiter_rules::facts::SubjectKind;

fn main() -> Result<(), lambda_runtime::Error> {
    run(Function {
        name: "image-scan-guard",
        subject: SubjectKind::Image,
    })
}
