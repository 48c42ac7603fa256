//! `weir key`: API keys.

use clap::Subcommand;
use reqwest::Method;
use serde_json::json;
use weir_base::Permission;

use super::{Context, page};
use crate::boot::Purpose;
use crate::client::Client;
use crate::failure::Exit;
use crate::output::{self, field};

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// List one's API keys
    List {
        #[command(flatten)]
        page: page::PageArgs,
    },
    /// Make an API key, and show it once
    Create {
        /// What it is for
        name: String,
        /// What it allows, such as execution:run; can be repeated
        #[arg(long = "scope", required = true, value_parser = permission)]
        scopes: Vec<Permission>,
        /// How long it lasts, in days; for ever without it
        #[arg(long, value_name = "DAYS")]
        expires_in_days: Option<u32>,
    },
    /// End an API key
    Revoke {
        /// The key's id
        id: String,
    },
}

pub(crate) async fn run(context: &Context, command: KeyCommand) -> anyhow::Result<Exit> {
    let client = Client::find(context, Purpose::Look).await?;
    let done = match command {
        KeyCommand::List { page } => {
            let head = ["id", "name", "key", "scopes", "expires", "last used"];
            let row = page::fields(["id", "name", "prefix", "scopes", "expires_at", "last_used_at"]);
            page::show(context, &client, &["api-keys"], page, &[], head, row).await
        }
        KeyCommand::Create { name, scopes, expires_in_days } => {
            let scopes: Vec<&str> = scopes.iter().map(|scope| scope.as_str()).collect();
            let body = json!({"name": name, "scopes": scopes, "expires_in_days": expires_in_days});
            let answer = client.post(&["api-keys"], &body).await?;
            if !context.json {
                output::note("this is the only time the key is shown");
            }
            Ok(page::tell(context, &answer, |key| field(key, "key")))
        }
        KeyCommand::Revoke { id } => {
            client.json(client.request(Method::DELETE, &["api-keys", &id])).await?;
            Ok(page::tell(context, &json!({"revoked": id}), |_| format!("revoked {id}")))
        }
    };
    client.close().await?;
    done
}

fn permission(word: &str) -> Result<Permission, weir_base::UnknownPermission> {
    word.parse()
}
