//! `weir credential`: secrets that workflows use.

use std::path::Path;

use anyhow::Context as _;
use clap::Subcommand;
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::{Context, page};
use crate::boot::{self, Purpose};
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::output::field;

/// The longest secret that is read from a file, in bytes.
const LONGEST_SECRET: u64 = 64 * 1024;

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum CredentialCommand {
    /// List credentials; never what is in them
    List {
        #[command(flatten)]
        page: page::PageArgs,
    },
    /// Keep a secret under a name
    Create {
        /// What workflows call it
        name: String,
        /// bearer, basic, api_key, oauth2_client, smtp, database, slack, signing or custom
        #[arg(long = "type", value_name = "TYPE")]
        kind: String,
        /// A field, such as token=@FILE, password=- for standard input, username=ann; can be repeated
        #[arg(long = "field", value_name = "NAME=VALUE", value_parser = crate::cli::pair)]
        fields: Vec<(String, String)>,
    },
    /// Remove a credential for good
    Delete {
        /// The credential's name, or its id
        credential: String,
    },
    /// Seal every stored secret under a new master key; works on the data directory, also while the server runs
    Rotate,
}

pub(crate) async fn run(context: &Context, command: CredentialCommand) -> anyhow::Result<Exit> {
    if matches!(command, CredentialCommand::Rotate) {
        let resealed = boot::rotate_master_key(&context.loaded.config).await?;
        let answer = json!({"resealed": resealed});
        return Ok(page::tell(context, &answer, |_| format!("sealed {resealed} secrets under a new master key")));
    }
    let client = Client::find(context, Purpose::Look).await?;
    let done = match command {
        CredentialCommand::List { page } => {
            let head = ["id", "name", "type", "changed"];
            let row = page::fields(["id", "name", "type", "updated_at"]);
            page::show(context, &client, &["credentials"], page, &[], head, row).await
        }
        CredentialCommand::Create { name, kind, fields } => {
            let secret = secret(kind, fields)?;
            let answer = client.post(&["credentials"], &json!({"name": name, "secret": secret})).await?;
            Ok(page::tell(context, &answer, |made| format!("kept {} ({})", field(made, "name"), field(made, "id"))))
        }
        CredentialCommand::Delete { credential } => {
            let id = id_of(&client, &credential).await?;
            client.json(client.request(Method::DELETE, &["credentials", &id])).await?;
            Ok(page::tell(context, &json!({"deleted": id}), |_| format!("removed {credential}")))
        }
        CredentialCommand::Rotate => Ok(Exit::Done),
    };
    client.close().await?;
    done
}

/// The typed secret, with the values of its fields read from where they are.
fn secret(kind: String, fields: Vec<(String, String)>) -> anyhow::Result<Value> {
    let mut secret = Map::from_iter([("type".to_owned(), Value::String(kind.clone()))]);
    let mut custom = Map::new();
    for (name, value) in fields {
        let value = match value.strip_prefix('@').or_else(|| (value == "-").then_some("-")) {
            Some(path) => {
                let bytes = super::read(Path::new(path), LONGEST_SECRET)?;
                let text = String::from_utf8(bytes).with_context(|| format!("{name} is no UTF-8"))?;
                text.trim_end_matches(['\r', '\n']).to_owned()
            }
            None => value,
        };
        match (kind.as_str(), name.as_str()) {
            ("custom", _) => drop(custom.insert(name, value.into())),
            (_, "scopes") => {
                let scopes: Vec<&str> = value.split_whitespace().collect();
                secret.insert(name, json!(scopes));
            }
            _ => drop(secret.insert(name, value.into())),
        }
    }
    if kind == "custom" {
        secret.insert("fields".to_owned(), Value::Object(custom));
    }
    Ok(Value::Object(secret))
}

/// The id of the credential with this id, or with exactly this name.
async fn id_of(client: &Client, name_or_id: &str) -> anyhow::Result<String> {
    if name_or_id.parse::<weir_base::CredentialId>().is_ok() {
        return Ok(name_or_id.to_owned());
    }
    let mut cursor = None;
    loop {
        let mut query = vec![("limit", "200".to_owned())];
        query.extend(cursor.map(|cursor| ("cursor", cursor)));
        let found = client.json(client.request(Method::GET, &["credentials"]).query(&query)).await?;
        let items = found["items"].as_array().map(Vec::as_slice).unwrap_or_default();
        let is_meant = |item: &&Value| item["name"].as_str().is_some_and(|name| name.eq_ignore_ascii_case(name_or_id));
        if let Some(item) = items.iter().find(is_meant) {
            return Ok(field(item, "id"));
        }
        cursor = found["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            return Err(Failure::failed(format!("there is no credential named {name_or_id:?}")).into());
        }
    }
}
