//! `serve`, and commands that find the server.

use std::io::{BufRead as _, BufReader};

use serde_json::json;

use crate::{GREETING, Place, Running};

/// Starts a server; what it prints when it is ready, and its address.
pub(crate) fn serve(place: &Place, args: &[&str]) -> (Running, String) {
    let mut server = place.start(&[&["serve", "--port", "0"], args].concat());
    let mut line = String::new();
    BufReader::new(server.process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let url = line.trim().strip_prefix("Weir is ready at ").expect("the line that says it is ready").to_owned();
    (server, url)
}

/// The key that a server leaves beside its database, for its owner.
pub(crate) fn local_key(place: &Place) -> String {
    let file = place.path().join("weir-data/weir.db.address");
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let running: serde_json::Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    running["key"].as_str().unwrap().to_owned()
}

#[test]
fn commands_talk_to_the_server_that_has_the_data_directory() {
    let place = Place::new();
    place.write("greeting.yaml", GREETING);
    let (server, url) = serve(&place, &[]);
    let ran = place.run(&["run", "greeting.yaml", "--json", "--input", "{\"who\": \"Ann\"}"]);
    assert_eq!((ran.code, &ran.json()["output"]), (0, &json!({"text": "Hello Ann"})), "{ran:?}");
    let far = Place::new();
    let ran = far.run(&["execution", "list", "--server", &url]);
    assert!(ran.code == 1 && ran.err.contains("sign in"), "{ran:?}");
    let key = local_key(&place);
    let far = far.with("WEIR_KEY", &key);
    let list = far.run(&["execution", "list", "--json", "--server", &url]).json();
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    assert!(!far.path().join("weir-data").exists());
    far.write("greeting.yaml", GREETING);
    let ran = far.run(&["run", "greeting.yaml", "--server", &url]);
    assert!(ran.code == 2 && ran.err.contains("\"who\" is a required property"), "{ran:?}");

    let ran = place.run(&["serve", "--port", "0"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.err.contains("another process uses this database"), "{}", ran.err);
    server.signal("-TERM");
    assert_eq!(server.end().code, 0);
    let ran = far.run(&["execution", "list", "--server", &url]);
    assert!(ran.code == 1 && ran.err.contains("error: no answer from http://127.0.0.1:"), "{ran:?}");
    assert_eq!(place.run(&["execution", "list", "--json"]).json()["items"].as_array().unwrap().len(), 1);
}

#[test]
fn a_port_in_use_is_told_with_a_way_out() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let place = Place::new();
    let ran = place.run(&["serve", "--port", &port]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.err.contains(&format!("127.0.0.1:{port} is in use by another program")), "{}", ran.err);
    assert!(ran.err.contains("choose another port with --port or PORT"), "{}", ran.err);
    assert!(!place.path().join("weir-data").exists());
}

#[test]
fn a_host_that_is_no_address_is_told() {
    let place = Place::new();
    let ran = place.run(&["serve", "--host", "no such host", "--port", "0"]);
    assert!(ran.code == 2 && ran.err.contains("is no address of this machine"), "{ran:?}");
}

#[test]
fn examples_are_loaded_once_and_a_broken_one_is_left_out() {
    let place = Place::new();
    place.write("examples/greeting/workflow.yaml", GREETING);
    place.write("examples/broken/workflow.yaml", "name: Broken\nnodes: []\n");
    for _ in 0..2 {
        let (server, url) = serve(&place, &["--load-examples", "examples"]);
        let list = place.run(&["workflow", "list", "--json", "--search", "Greeting"]).json();
        assert!(url.starts_with("http://127.0.0.1:"), "{url}");
        let found: Vec<_> = list["items"].as_array().unwrap().iter().map(|item| item["status"].clone()).collect();
        assert_eq!(found, ["active"]);
        server.signal("-INT");
        let ended = server.end();
        assert_eq!(ended.code, 0);
        assert!(!place.path().join("weir-data/weir.db.address").exists());
    }
}
