//! A new master key, and every stored secret sealed under it.

use std::sync::Arc;

use anyhow::Context as _;
use weir_base::{Clock, Principal, SystemClock, WorkspaceId};
use weir_db::Db;
use weir_events::Webhooks;
use weir_identity::Credentials;
use weir_outbound::Outbound;

use super::{keyring, migrate};
use crate::config::Config;
use crate::failure::Failure;

/// Makes a new master key and seals all secrets under it; the old keys stay, so that a running server reads on. With
/// configured keys the last of them is the new one. Answers how many secrets were sealed anew.
pub(crate) async fn rotate_master_key(config: &Config) -> anyhow::Result<u64> {
    let db = Db::connect(&config.database_url).await.context("cannot open the database")?;
    migrate(&db, config).await?;
    let keyring = Arc::new(keyring(config)?);
    if config.master_key.is_none() {
        keyring.rotate().context("cannot make a new master key")?;
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let outbound = Outbound::new(config.http.clone())?;
    let credentials = Credentials::new(db.clone(), Arc::clone(&keyring), outbound.clone(), Arc::clone(&clock));
    let webhooks = Webhooks::new(db.clone(), keyring, outbound, clock);
    let resealed = credentials.reseal_all(&Principal::operator(WorkspaceId::FIRST)).await;
    let resealed = resealed.context("cannot seal the secrets anew; run the command again")?;
    let of_webhooks =
        webhooks.reseal().await.context("cannot seal the webhooks' secrets anew; run the command again")?;
    db.close().await;
    if resealed.unreadable > 0 {
        let message = format!("{} secrets are sealed under a key that is not there", resealed.unreadable);
        return Err(Failure::failed(message).into());
    }
    Ok(resealed.changed + of_webhooks)
}
