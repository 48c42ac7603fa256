//! The guides' commands, run as they stand against the real server.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::Place;
use crate::server::{local_key, serve};

const EMAIL: &str = "ann@example.com";
const PASSWORD: &str = "a long walk by the sea";

/// What each line of expected output begins with.
const SHOWN: &str = "# -> ";

/// A line that ends the output of a block.
const END: &str = "-- end of block --";

/// The ```sh blocks of a guide.
fn blocks(guide: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut open: Option<String> = None;
    for line in guide.lines() {
        match (&mut open, line) {
            (None, "```sh") => open = Some(String::new()),
            (Some(_), "```") => blocks.extend(open.take()),
            (Some(block), line) => {
                block.push_str(line);
                block.push('\n');
            }
            (None, _) => {}
        }
    }
    assert!(open.is_none(), "the last block is not closed");
    blocks
}

/// Runs a guide's blocks in one shell, as a reader would, and holds what they print against what the guide shows.
fn follow(name: &str, with_key: bool) {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name);
    let blocks = blocks(&std::fs::read_to_string(guide).unwrap());
    assert!(!blocks.is_empty(), "{name} shows no commands");
    let place = Place::new().with("WEIR_ADMIN_EMAIL", EMAIL).with("WEIR_ADMIN_PASSWORD", PASSWORD);
    let (server, url) = serve(&place, &[]);

    let script: String = blocks.iter().map(|block| format!("{block}\necho '{END}'\n")).collect();
    let binary = Path::new(env!("CARGO_BIN_EXE_weir")).parent().unwrap();
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
    let mut shell = Command::new("sh");
    for (variable, _) in std::env::vars() {
        if variable.starts_with("WEIR_") {
            shell.env_remove(variable);
        }
    }
    shell.args(["-euc", &script]).current_dir(place.path()).stdin(Stdio::null()).env("PATH", path);
    shell.env("XDG_CONFIG_HOME", place.path()).env("WEIR_SERVER", &url);
    shell.env("EMAIL", EMAIL).env("PASSWORD", PASSWORD);
    if with_key {
        shell.env("WEIR_KEY", local_key(&place));
    }
    let ran = crate::ended(shell.output().unwrap());
    assert_eq!(ran.code, 0, "{name} broke off:\n{}\n{}", ran.out, ran.err);
    for (block, printed) in blocks.iter().zip(ran.out.split(END)) {
        for shown in block.lines().filter_map(|line| line.strip_prefix(SHOWN)) {
            assert!(printed.contains(shown), "{name}: no {shown:?} in {printed:?} of\n{block}");
        }
    }
    drop(server);
}

#[test]
fn the_guide_to_signing_in_is_true() {
    follow("sign-in.md", false);
}

#[test]
fn the_guide_to_triggers_is_true() {
    follow("triggers.md", true);
}

#[test]
fn the_guide_to_editing_together_is_true() {
    follow("collaboration.md", false);
}

#[test]
fn the_guide_to_credentials_is_true() {
    follow("credentials.md", true);
}
