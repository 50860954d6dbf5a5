//! The token buckets of an account, as far as AWS publishes them (ECS Developer Guide, "Request
//! throttling"; ECR User Guide, "Service quotas"). The functions share them with everybody else's calls,
//! so that none may ever run dry by theirs.

use std::collections::BTreeMap;

use tokio::time::Instant;

/// How much a bucket holds, how much flows in a second, and the operations that draw on it.
const BUCKETS: [(f64, f64, &[&str]); 9] = [
    (
        20.0,
        1.0,
        &["DeregisterTaskDefinition", "RegisterTaskDefinition"],
    ),
    (
        50.0,
        20.0,
        &["DescribeTaskDefinition", "ListTaskDefinitions"],
    ),
    (100.0, 20.0, &["DescribeTasks", "ListTasks"]),
    // Clusters have a bucket of their own, which is not published; no read of ECS has a smaller one.
    (50.0, 20.0, &["DescribeClusters", "ListClusters"]),
    (100.0, 20.0, &["DescribeServices", "ListServices"]),
    (50.0, 20.0, &["DescribeServiceRevisions"]),
    (50.0, 5.0, &["StopServiceDeployment", "UpdateService"]),
    (100.0, 40.0, &["StopTask"]),
    (10.0, 10.0, &["PutImage"]),
];

/// What is left in each bucket.
#[derive(Debug, Default)]
pub(in super::super) struct Buckets {
    left: BTreeMap<usize, (f64, Instant)>,
    /// The least that was ever left, by the first operation of the bucket.
    least: BTreeMap<&'static str, f64>,
}

impl Buckets {
    /// Takes a token for a call; whether there was one.
    pub(in super::super) fn take(&mut self, operation: &str) -> bool {
        let place = BUCKETS
            .iter()
            .position(|(_, _, operations)| operations.contains(&operation));
        let Some(place) = place else {
            return true;
        };
        let (size, refill, operations) = BUCKETS[place];
        let now = Instant::now();
        let (left, since) = self.left.get(&place).copied().unwrap_or((size, now));
        let flown = (now - since).as_secs_f64() * refill;
        let left = (left + flown).min(size) - 1.0;
        self.left.insert(place, (left, now));
        let least = self.least.entry(operations[0]).or_insert(size);
        *least = least.min(left);
        left >= 0.0
    }

    /// For each bucket that was drawn on, the least that was left and how much it holds.
    pub(in super::super) fn least(&self) -> Vec<(&'static str, f64, f64)> {
        let size = |name: &str| BUCKETS.iter().find(|it| it.2[0] == name).unwrap().0;
        let least = self.least.iter();
        least
            .map(|(name, left)| (*name, *left, size(name)))
            .collect()
    }
}
