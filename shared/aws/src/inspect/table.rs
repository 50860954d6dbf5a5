//! The table of the ledger.

use serde_json::{Value, json};

use super::{Inspector, answer, found};
use crate::CallError;

const MISSING: &[&str] = &["ResourceNotFoundException", "TableNotFoundException"];

impl Inspector<'_> {
    /// A table: `Table`, `ContinuousBackupsDescription` and `TimeToLiveDescription` as the three calls have them;
    /// `None` where there is no such table.
    ///
    /// # Errors
    /// When a call fails.
    pub async fn table(&self, name: &str) -> Result<Option<Value>, CallError> {
        let dynamodb = &self.clients.dynamodb;
        let call = dynamodb.describe_table().table_name(name);
        let Some(table) = found(answer!("DescribeTable", call), MISSING)? else {
            return Ok(None);
        };
        let call = dynamodb.describe_continuous_backups().table_name(name);
        let backups = answer!("DescribeContinuousBackups", call)?;
        let call = dynamodb.describe_time_to_live().table_name(name);
        let expiry = answer!("DescribeTimeToLive", call)?;
        Ok(Some(json!({
            "Table": table.get("Table"),
            "ContinuousBackupsDescription": backups.get("ContinuousBackupsDescription"),
            "TimeToLiveDescription": expiry.get("TimeToLiveDescription"),
        })))
    }
}
