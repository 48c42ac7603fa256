//! `weir workspace`: workspaces and their members.

use clap::Subcommand;
use reqwest::Method;
use serde_json::{Value, json};
use weir_base::Role;

use super::{Context, page};
use crate::boot::Purpose;
use crate::client::Client;
use crate::failure::Exit;
use crate::output::{self, field};

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum WorkspaceCommand {
    /// List the workspaces one is a member of
    List {
        #[command(flatten)]
        page: page::PageArgs,
    },
    /// Make a workspace
    Create {
        /// What it is called
        name: String,
    },
    /// List the members of a workspace
    Members {
        /// The workspace's id
        workspace: String,
        #[command(flatten)]
        page: page::PageArgs,
    },
    /// Invite somebody into a workspace
    Invite {
        /// The workspace's id
        workspace: String,
        /// Their e-mail address
        email: String,
        /// What they shall be there: admin, developer, analyst or viewer
        #[arg(long, default_value = "developer", value_parser = role)]
        role: Role,
    },
    /// Remove a member from a workspace
    Remove {
        /// The workspace's id
        workspace: String,
        /// The user's id
        user: String,
    },
}

pub(crate) async fn run(context: &Context, command: WorkspaceCommand) -> anyhow::Result<Exit> {
    let client = Client::find(context, Purpose::Look).await?;
    let done = match command {
        WorkspaceCommand::List { page } => {
            let head = ["id", "name", "role", "made"];
            let row = page::fields(["id", "name", "role", "created_at"]);
            page::show(context, &client, &["workspaces"], page, &[], head, row).await
        }
        WorkspaceCommand::Create { name } => {
            let answer = client.post(&["workspaces"], &json!({"name": name})).await?;
            Ok(page::tell(context, &answer, |made| format!("made {} ({})", field(made, "name"), field(made, "id"))))
        }
        WorkspaceCommand::Members { workspace, page } => {
            let head = ["user", "e-mail", "name", "role"];
            let row = page::fields(["user_id", "email", "name", "role"]);
            page::show(context, &client, &["workspaces", &workspace, "members"], page, &[], head, row).await
        }
        WorkspaceCommand::Invite { workspace, email, role } => invite(context, &client, &workspace, &email, role).await,
        WorkspaceCommand::Remove { workspace, user } => {
            let path = ["workspaces", &workspace, "members", &user];
            client.json(client.request(Method::DELETE, &path)).await?;
            Ok(page::tell(context, &json!({"removed": user}), |_| "removed".to_owned()))
        }
    };
    client.close().await?;
    done
}

async fn invite(context: &Context, client: &Client, workspace: &str, email: &str, role: Role) -> anyhow::Result<Exit> {
    let body = json!({"email": email, "role": role.as_str()});
    let answer = client.post(&["workspaces", workspace, "invitations"], &body).await?;
    // Without a mail server the link is answered instead of sent.
    if let (false, Some(url)) = (context.json, answer["url"].as_str()) {
        output::note("no mail server is set up: pass this link on yourself");
        output::line(url);
        return Ok(Exit::Done);
    }
    Ok(page::tell(context, &answer, |_: &Value| format!("sent an invitation to {email}")))
}

fn role(word: &str) -> Result<Role, weir_base::UnknownRole> {
    word.parse()
}
