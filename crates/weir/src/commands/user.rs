//! `weir user`: the accounts of an installation.

use clap::Subcommand;
use reqwest::Method;
use serde_json::json;

use super::{Context, page};
use crate::boot::Purpose;
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::output::field;

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// List accounts
    List {
        /// Only the account with this e-mail address
        #[arg(long, value_name = "ADDRESS")]
        email: Option<String>,
        #[command(flatten)]
        page: page::PageArgs,
    },
    /// Let nobody sign in with an account any more; what it made stays
    Deactivate {
        /// The e-mail address, or the id
        user: String,
    },
    /// Let an account be used again
    Activate {
        /// The e-mail address, or the id
        user: String,
    },
    /// Make a password for one sign-in, which must be changed then, and show it once
    ResetPassword {
        /// The e-mail address, or the id
        user: String,
    },
}

pub(crate) async fn run(context: &Context, command: UserCommand) -> anyhow::Result<Exit> {
    let client = Client::find(context, Purpose::Look).await?;
    let done = match command {
        UserCommand::List { email, page } => {
            let head = ["id", "e-mail", "name", "active", "operator", "last login"];
            let row = page::fields(["id", "email", "name", "is_active", "is_operator", "last_login_at"]);
            page::show(context, &client, &["users"], page, &[("email", email)], head, row).await
        }
        UserCommand::Deactivate { user } => activate(context, &client, &user, false).await,
        UserCommand::Activate { user } => activate(context, &client, &user, true).await,
        UserCommand::ResetPassword { user } => {
            let id = id_of(&client, &user).await?;
            let answer = client.post(&["users", &id, "reset-password"], &json!({})).await?;
            Ok(page::tell(context, &answer, |answer| field(answer, "one_time_password")))
        }
    };
    client.close().await?;
    done
}

async fn activate(context: &Context, client: &Client, user: &str, active: bool) -> anyhow::Result<Exit> {
    let id = id_of(client, user).await?;
    let request = client.request(Method::PATCH, &["users", &id]).json(&json!({"is_active": active}));
    let answer = client.json(request).await?;
    let state = if active { "can sign in" } else { "cannot sign in any more" };
    Ok(page::tell(context, &answer, |user| format!("{} {state}", field(user, "email"))))
}

/// The id of the user with this id, or with exactly this e-mail address.
async fn id_of(client: &Client, email_or_id: &str) -> anyhow::Result<String> {
    if email_or_id.parse::<weir_base::UserId>().is_ok() {
        return Ok(email_or_id.to_owned());
    }
    let found = client.json(client.request(Method::GET, &["users"]).query(&[("email", email_or_id)])).await?;
    let nobody = || Failure::failed(format!("there is no account with the address {email_or_id:?}"));
    Ok(found["items"].get(0).map(|user| field(user, "id")).ok_or_else(nobody)?)
}
