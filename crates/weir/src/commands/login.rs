//! `weir login` and `weir logout`: a key for a server, kept for later commands.

use std::io::{BufRead as _, IsTerminal as _, Read as _, Write as _};

use anyhow::Context as _;
use clap::Args;
use reqwest::Method;
use serde_json::{Value, json};
use url::Url;

use super::Context;
use crate::client::{Client, Proof};
use crate::failure::{Exit, Failure};
use crate::logins::{Login, Logins};
use crate::output::{self, field};

/// How long the key of a login lasts, in days.
const LASTS: u32 = 90;

/// The longest password that is read, in bytes.
const LONGEST_PASSWORD: u64 = 4096;

/// Who signs in, and how.
#[derive(Debug, Args)]
pub(crate) struct LoginArgs {
    /// The e-mail address to sign in with; asked for when it is left out
    #[arg(long)]
    email: Option<String>,
    /// Keep the API key of --key or WEIR_KEY instead of signing in with a password
    #[arg(long, conflicts_with = "email")]
    with_key: bool,
}

pub(crate) async fn login(context: &Context, args: LoginArgs) -> anyhow::Result<Exit> {
    let server = server(context)?;
    let login = if args.with_key {
        let key = context.key.clone().ok_or_else(|| Failure::invalid("there is no key: set WEIR_KEY"))?;
        Login { key_id: None, key }
    } else {
        by_password(context, &server, args.email).await?
    };
    let client = Client::remote(server.clone(), Proof::of(Some(login.key.clone()), context.workspace))?;
    let me = client.get(&["auth", "me"]).await?;
    Logins::open()?.set(&server, Some(login))?;
    let name = field(&me["user"], "email");
    Ok(super::page::tell(context, &me, |_| format!("signed in at {server} as {name}")))
}

pub(crate) async fn logout(context: &Context) -> anyhow::Result<Exit> {
    let server = server(context)?;
    let mut logins = Logins::open()?;
    let Some(login) = logins.of(&server).cloned() else {
        output::note(&format!("not signed in at {server}"));
        return Ok(Exit::Done);
    };
    if let Some(id) = &login.key_id {
        let client = Client::remote(server.clone(), Proof::of(Some(login.key.clone()), context.workspace))?;
        let revoked = client.json(client.request(Method::DELETE, &["api-keys", id])).await;
        // The key may have been revoked or have expired before; it is forgotten in any case.
        if let Err(error) = revoked {
            output::note(&format!("the key could not be revoked: {error:#}"));
        }
    }
    logins.set(&server, None)?;
    Ok(super::page::tell(context, &json!({"server": server}), |_| format!("signed out of {server}")))
}

/// Signs in for as long as it takes to make a key.
async fn by_password(context: &Context, server: &Url, email: Option<String>) -> anyhow::Result<Login> {
    let email = match email {
        Some(email) => email,
        None => ask("e-mail: ")?,
    };
    let password = password("password: ")?;
    let anonymous = Client::remote(server.clone(), Proof::default())?;
    let tokens = anonymous.post(&["auth", "login"], &json!({"email": email, "password": password})).await?;
    let token = tokens["access_token"].as_str().context("the server gave no token")?.to_owned();
    let client = Client::remote(server.clone(), Proof::of(Some(token), context.workspace))?;
    if tokens["must_change_password"] == true {
        output::note("this password was for one sign-in: choose your own, of at least 12 characters");
        let new = self::password("new password: ")?;
        client.post(&["auth", "password"], &json!({"current_password": password, "new_password": new})).await?;
    }
    let me = client.get(&["auth", "me"]).await?;
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let key = client
        .post(
            &["api-keys"],
            &json!({"name": format!("weir on {host}"), "scopes": me["permissions"], "expires_in_days": LASTS}),
        )
        .await;
    // Whatever came of the key: the password's session is not needed any more.
    let ended = client.post(&["auth", "logout"], &Value::Null).await;
    let key = key?;
    ended?;
    let secret = key["key"].as_str().context("the server gave no key")?.to_owned();
    Ok(Login { key_id: Some(field(&key, "id")), key: secret })
}

fn server(context: &Context) -> anyhow::Result<Url> {
    let server = context.server.clone();
    server.ok_or_else(|| Failure::invalid("name the server with --server or WEIR_SERVER").into())
}

fn ask(question: &str) -> anyhow::Result<String> {
    let mut terminal = std::io::stderr();
    terminal.write_all(question.as_bytes()).and_then(|()| terminal.flush()).context("cannot ask")?;
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).context("cannot read the answer")?;
    Ok(line.trim().to_owned())
}

/// A password, typed unseen, or a line of standard input when that is no terminal.
fn password(question: &str) -> anyhow::Result<String> {
    let typed = if std::io::stdin().is_terminal() {
        rpassword::prompt_password(question).context("cannot read the password")?
    } else {
        let mut line = String::new();
        let stdin = std::io::stdin().lock();
        stdin.take(LONGEST_PASSWORD).read_line(&mut line).context("cannot read the password")?;
        line
    };
    let typed = typed.trim_end_matches(['\r', '\n']).to_owned();
    if typed.is_empty() { Err(Failure::invalid("the password is empty").into()) } else { Ok(typed) }
}
