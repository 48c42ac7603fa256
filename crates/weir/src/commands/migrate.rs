//! `weir migrate`: brings the tables up to date, or tells what is pending.

use anyhow::Context as _;
use clap::Args;
use serde_json::{Value, json};
use weir_db::Db;

use super::Context;
use crate::failure::Exit;
use crate::{boot, output};

/// How.
#[derive(Debug, Args)]
pub(crate) struct MigrateArgs {
    /// Change nothing; exit with 1 if something is pending
    #[arg(long)]
    check: bool,
}

pub(crate) async fn run(context: &Context, args: MigrateArgs) -> anyhow::Result<Exit> {
    let config = &context.loaded.config;
    let db = Db::connect(&config.database_url).await.context("cannot open the database")?;
    let pending: Vec<(&str, u32, &str)> = boot::pending(&db)
        .await?
        .into_iter()
        .flat_map(|(context, migrations)| migrations.iter().map(move |each| (context, each.version, each.name)))
        .collect();
    if !args.check {
        boot::migrate(&db, config).await?;
    }
    db.close().await;
    if context.json {
        let list: Vec<Value> = pending
            .iter()
            .map(|(context, version, name)| json!({"context": context, "version": version, "name": name}))
            .collect();
        output::json(&json!({"applied": !args.check, "migrations": list}));
    } else if pending.is_empty() {
        output::line("the tables are up to date");
    } else {
        let verb = if args.check { "pending" } else { "applied" };
        for (context, version, name) in &pending {
            output::line(&format!("{verb}: {context} {version} ({name})"));
        }
    }
    Ok(if args.check && !pending.is_empty() { Exit::Failed } else { Exit::Done })
}
