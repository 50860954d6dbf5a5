//! Judges each deployment of a service as it begins by what the ledger says of what it brings; stops what
//! the policy denies where it has deployments stopped.

use tidewaiter_lambda::{Function, run};
use tidewaiter_rules::facts::SubjectKind;

fn main() -> Result<(), lambda_runtime::Error> {
    run(Function {
        name: "deployment-guard",
        subject: SubjectKind::Deployment,
    })
}
