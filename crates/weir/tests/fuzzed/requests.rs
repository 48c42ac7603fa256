//! Schemathesis, which makes up requests from an OpenAPI document and judges the answers.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Stdio;

use futures::StreamExt as _;

use crate::things::Things;

/// The same requests each time.
const SEED: &str = "3";

/// How many rounds run at the same time: each keeps a core busy.
const AT_ONCE: usize = 2;

/// What an answer has to be.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance";

/// Requests of one person.
pub(crate) struct Round<'a> {
    pub(crate) name: &'a str,
    pub(crate) token: Option<String>,
    pub(crate) asking: Asking,
    /// What is asked about, besides what is made up.
    pub(crate) things: Option<&'a Things>,
    /// How many requests for each operation.
    pub(crate) cases: u32,
    /// Whether the limits of each field are tried as well, one after the other.
    pub(crate) limits_of_fields: bool,
}

/// Operations by their ids.
pub(crate) enum Asking {
    AllBut(Vec<&'static str>),
    Only(Vec<&'static str>),
}

/// Asks all of these, and fails with what was told of the ones that found something.
pub(crate) async fn ask(url: &str, rounds: Vec<Round<'_>>) {
    let asked = futures::stream::iter(rounds.iter().map(|round| one(url, round)));
    let told: Vec<_> = asked.buffer_unordered(AT_ONCE).filter_map(async |told| told).collect().await;
    assert!(told.is_empty(), "{}", told.join("\n\n"));
}

/// What was found, if anything.
async fn one(url: &str, round: &Round<'_>) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("schemathesis.toml");
    std::fs::write(&settings, settings_of(round)).unwrap();
    let output = command(url, round, &settings).current_dir(folder.path()).output().await.unwrap();
    if output.status.success() {
        return None;
    }
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Some(format!("asked as {}:\n{out}\n{err}", round.name))
}

fn command(url: &str, round: &Round<'_>, settings: &Path) -> tokio::process::Command {
    let mut command = tokio::process::Command::new(weir_testkit::python());
    command.args(["-m", "schemathesis.cli", "--config-file"]).arg(settings);
    command.arg("run").arg(format!("{url}/api/openapi.json"));
    if let Some(token) = &round.token {
        command.arg("--header").arg(format!("Authorization: Bearer {token}"));
    }
    let phases = if round.limits_of_fields { "coverage,fuzzing" } else { "fuzzing" };
    command.args(["--phases", phases, "--checks", CHECKS, "--seed", SEED, "--workers", "1", "--request-timeout", "20"]);
    command.args(["--no-color", "--no-shrink", "--continue-on-failure", "--warnings", "off"]);
    command.args(["--generation-database", "none", "--max-examples", &round.cases.to_string()]);
    let (option, operations) = match &round.asking {
        Asking::AllBut(operations) => ("--exclude-operation-id", operations),
        Asking::Only(operations) => ("--include-operation-id", operations),
    };
    command.args(operations.iter().flat_map(|operation| [option, operation]));
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// The settings there are no options for.
fn settings_of(round: &Round<'_>) -> String {
    // That other methods are refused is the same everywhere, and has its own test.
    let mut settings = "[phases.coverage]\nunexpected-methods = []\n".to_owned();
    let mut by_path = BTreeMap::<_, Vec<_>>::new();
    for (path, name, value) in round.things.into_iter().flatten() {
        by_path.entry(path).or_default().push((name, value));
    }
    for (path, values) in by_path {
        // What is deleted cannot be asked about any more.
        let _ = write!(settings, "\n[[operations]]\ninclude-path-regex = \"^{path}\"\nexclude-method = \"DELETE\"\n");
        settings.push_str("[operations.parameters]\n");
        for (name, value) in values {
            let _ = writeln!(settings, "\"path.{name}\" = \"{value}\"");
        }
    }
    settings
}
