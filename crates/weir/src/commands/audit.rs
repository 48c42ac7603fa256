//! `weir audit`: who did what, to which thing, when, from where.

use clap::Args;

use super::{Context, page};
use crate::boot::Purpose;
use crate::client::Client;
use crate::failure::Exit;

/// Which entries.
#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    /// Only what this one did, such as user:ID or operator
    #[arg(long)]
    actor: Option<String>,
    /// Only events of this kind, such as WorkflowPublished
    #[arg(long)]
    kind: Option<String>,
    /// Only what was done to this thing, such as workflow/ID
    #[arg(long)]
    subject: Option<String>,
    /// Only from this moment on, such as 2026-11-21T08:00:00Z
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only before this moment
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    #[command(flatten)]
    page: page::PageArgs,
}

pub(crate) async fn run(context: &Context, args: AuditArgs) -> anyhow::Result<Exit> {
    let client = Client::find(context, Purpose::Look).await?;
    let filter = [
        ("actor", args.actor),
        ("kind", args.kind),
        ("subject", args.subject),
        ("since", args.since),
        ("until", args.until),
    ];
    let head = ["time", "who", "what", "to what", "from"];
    let row = page::fields(["at", "actor", "kind", "subject", "address"]);
    let done = page::show(context, &client, &["audit"], args.page, &filter, head, row).await;
    client.close().await?;
    done
}
