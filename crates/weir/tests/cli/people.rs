//! Signing in, and looking after people, keys and secrets.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::server::{local_key, serve};
use crate::{Place, Ran, ended};

const PASSWORD: &str = "a long walk by the sea";

/// A server whose admin has chosen a password already.
fn place() -> Place {
    Place::new().with("WEIR_ADMIN_EMAIL", "ann@example.com").with("WEIR_ADMIN_PASSWORD", PASSWORD)
}

/// A command that is given this on standard input.
fn told(place: &Place, args: &[&str], input: &str) -> Ran {
    let mut command = place.command(args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = command.spawn().unwrap();
    process.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    ended(process.wait_with_output().unwrap())
}

#[test]
fn the_first_start_makes_an_admin_with_a_password_that_is_told_once() {
    let place = Place::new();
    for first in [true, false] {
        let mut server = place.start(&["serve", "--port", "0", "--json"]);
        let mut text = String::new();
        let mut out = BufReader::new(server.process.stdout.take().unwrap());
        while serde_json::from_str::<Value>(&text).is_err() {
            assert!(out.read_line(&mut text).unwrap() > 0, "{text}");
        }
        let ready: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(ready["status"], "ready");
        if first {
            assert_eq!(ready["first_admin"]["email"], "admin@weir.local");
            let password = ready["first_admin"]["one_time_password"].as_str().unwrap();
            let url = ready["url"].as_str().unwrap();
            let login = ["login", "--server", url, "--email", "admin@weir.local"];
            let ran = told(&place, &login, &format!("{password}\ntoo short\n"));
            assert!(ran.code == 2 && ran.err.contains("12"), "{ran:?}");
            let ran = told(&place, &login, &format!("{password}\n{PASSWORD}\n"));
            assert!(ran.code == 0 && ran.err.contains("choose your own"), "{ran:?}");
        } else {
            assert_eq!(ready["first_admin"], Value::Null);
        }
        server.signal("-TERM");
        // Its end is awaited, so that the next one finds the data directory free.
        out.read_to_string(&mut text).unwrap();
    }
}

#[test]
fn a_login_is_kept_for_later_commands_and_ended_by_logout() {
    let place = place();
    let (server, url) = serve(&place, &[]);
    let far = Place::new();
    let ran = told(&far, &["login", "--server", &url, "--email", "ann@example.com"], "wrong password\n");
    assert!(ran.code == 1 && ran.err.contains("e-mail address or password is wrong"), "{ran:?}");
    let ran = told(&far, &["login", "--server", &url, "--email", "ann@example.com"], PASSWORD);
    assert!(ran.code == 0 && ran.out.contains("as ann@example.com"), "{ran:?}");
    let list = far.run(&["workspace", "list", "--server", &url, "--json"]).json();
    assert_eq!(list["items"][0]["role"], "admin");
    let keys = far.run(&["key", "list", "--server", &url, "--json"]).json();
    assert_eq!(keys["items"].as_array().unwrap().len(), 1, "{keys}");

    assert_eq!(far.run(&["logout", "--server", &url]).code, 0);
    let ran = far.run(&["workspace", "list", "--server", &url]);
    assert!(ran.code == 1 && ran.err.contains("sign in"), "{ran:?}");
    drop(server);
}

#[test]
fn a_key_does_what_its_scopes_allow_and_no_more() {
    let place = place();
    let (server, url) = serve(&place, &[]);
    let ann = Place::new();
    assert_eq!(told(&ann, &["login", "--server", &url, "--email", "ann@example.com"], PASSWORD).code, 0);
    let made = ann.run(&["key", "create", "reader", "--scope", "workflow:read", "--server", &url]);
    assert!(made.code == 0 && made.err.contains("only time the key is shown"), "{made:?}");
    let key = made.out.trim();
    let program = Place::new().with("WEIR_KEY", key).with("WEIR_SERVER", &url);
    assert_eq!(program.run(&["workflow", "list"]).code, 0);
    let ran = program.run(&["execution", "list"]);
    assert!(ran.code == 1 && ran.err.contains("execution:read"), "{ran:?}");
    let id = ann.run(&["key", "list", "--server", &url, "--json"]).json()["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|item| item["name"] == "reader")
        .unwrap()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(ann.run(&["key", "revoke", &id, "--server", &url]).code, 0);
    assert_eq!(program.run(&["workflow", "list"]).code, 1);
    let ran = ann.run(&["key", "create", "flyer", "--scope", "workflow:fly", "--server", &url]);
    assert!(ran.code == 2 && ran.err.contains("no permission"), "{ran:?}");
    drop(server);
}

#[test]
fn secrets_are_kept_without_being_shown_and_outlive_a_new_master_key() {
    let place = place();
    place.write("token.txt", "s3cret-of-the-partner\n");
    let create = ["credential", "create", "partner", "--type", "bearer", "--field", "token=@token.txt"];
    let ran = place.run(&create);
    assert!(ran.code == 0 && ran.out.contains("kept partner"), "{ran:?}");
    assert_eq!(place.run(&create).code, 1, "the name is taken");
    let list = place.run(&["credential", "list", "--json"]);
    assert!(list.out.contains("bearer") && !list.out.contains("s3cret"), "{list:?}");
    let before = std::fs::read(place.path().join("weir-data/master.key")).unwrap();
    let ran = place.run(&["credential", "rotate"]);
    assert!(ran.code == 0 && ran.out.contains("under a new master key"), "{ran:?}");
    assert_ne!(std::fs::read(place.path().join("weir-data/master.key")).unwrap(), before);
    assert_eq!(place.run(&["credential", "delete", "partner"]).code, 0);
    let none = place.run(&["credential", "list", "--json"]).json();
    assert_eq!(none["items"], json!([]));
    let wrong = place.run(&["credential", "create", "other", "--type", "pigeon"]);
    assert_eq!(wrong.code, 2, "{wrong:?}");
}

#[test]
fn the_audit_log_tells_who_did_what() {
    let place = place();
    let (server, url) = serve(&place, &[]);
    place.write("greeting.yaml", crate::GREETING);
    assert_eq!(place.run(&["workflow", "import", "greeting.yaml", "--publish"]).code, 0);
    let ann = Place::new();
    let ran = told(&ann, &["login", "--server", &url, "--email", "ann@example.com"], PASSWORD);
    assert_eq!(ran.code, 0, "{ran:?}");
    let kinds = |list: &Value| -> Vec<String> {
        list["items"].as_array().unwrap().iter().map(|item| item["kind"].as_str().unwrap().to_owned()).collect()
    };
    // Events reach the log a moment after what they tell of.
    let mut told = Vec::new();
    for _ in 0..100 {
        told = kinds(&ann.run(&["audit", "--server", &url, "--json"]).json());
        if told.iter().any(|kind| kind == "ApiKeyCreated") && told.iter().any(|kind| kind == "WorkflowPublished") {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    for kind in ["WorkflowCreated", "WorkflowPublished", "UserLoggedIn", "ApiKeyCreated"] {
        assert!(told.iter().any(|found| found == kind), "{kind} is missing: {told:?}");
    }
    let only = ann.run(&["audit", "--kind", "UserLoggedIn", "--server", &url, "--json"]).json();
    assert_eq!(kinds(&only), ["UserLoggedIn"]);
    assert!(!local_key(&place).is_empty());
    drop(server);
}

#[test]
fn people_are_invited_found_and_shut_out() {
    let place = place();
    let (server, url) = serve(&place, &[]);
    let list = place.run(&["workspace", "list", "--json"]).json();
    let id = list["items"][0]["id"].as_str().unwrap();
    let ran = place.run(&["workspace", "invite", id, "bob@example.com", "--role", "viewer"]);
    assert!(ran.code == 0 && ran.out.contains("/invitation?token="), "{ran:?}");
    let ran = place.run(&["user", "reset-password", "ann@example.com", "--json"]);
    let password = ran.json()["one_time_password"].as_str().unwrap().to_owned();
    assert!(password.len() >= 12);
    let ran = place.run(&["user", "deactivate", "nobody@example.com"]);
    assert!(ran.code == 1 && ran.err.contains("no account with the address"), "{ran:?}");
    let users = place.run(&["user", "list", "--json"]).json();
    assert_eq!(users["items"].as_array().unwrap().len(), 1, "{users} at {url}");
    drop(server);
}
