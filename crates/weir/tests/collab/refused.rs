//! What is refused, is refused to the one who sent it; the others notice nothing.

use serde_json::json;
use tokio_tungstenite::tungstenite::{Bytes, Message};

use crate::clients::{Clients, url};
use crate::socket::Socket;
use crate::weir::Weir;

const MALFORMED: u16 = 1003;
const NOT_ALLOWED: u16 = 1008;
const TOO_BIG: u16 = 1009;

/// More than a frame may have.
const MUCH: usize = 1024 * 1024 + 1;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_that_cannot_be_taken_end_their_connection_and_nothing_else() {
    let (weir, workflow, _data) = start().await;
    let mut yjs = Clients::start();
    yjs.join(&["ann"], &weir, &workflow).await;

    let hostile: [&[u8]; 8] = [
        &[],
        &[0],
        // A part of an unknown sort, one that is cut off, one with something behind it.
        &[0, 9, 1, 0],
        &[0, 2, 200, 1, 1],
        &[0, 2, 3, 0, 0, 1],
        // More edits than anybody can have; an edit that builds upon nothing that can be.
        &[0, 2, 5, 0xff, 0xff, 0xff, 0xff, 0x0f],
        &[0, 2, 9, 1, 1, 7, 0xff, 0xff, 0xff, 0xff, 0x0f, 0],
        &[1, 200, 1, 2, 3],
    ];
    for (number, frame) in hostile.into_iter().enumerate() {
        let mut socket = Socket::open(&weir, &workflow, &weir.token).await;
        socket.send_raw(Message::binary(Bytes::from_static(frame))).await;
        // An empty frame says nothing, which is not malformed.
        socket.send_raw(Message::text("{")).await;
        let (_, code) = socket.closed().await;
        assert_eq!(code, MALFORMED, "{frame:?}");
        yjs.run("ann", &format!("meta.set('name', 'still here {number}')")).await;
    }
    for frame in [Message::binary(vec![0; MUCH]), Message::text("x".repeat(MUCH))] {
        let mut socket = Socket::open(&weir, &workflow, &weir.token).await;
        socket.send_raw(frame).await;
        assert_eq!(socket.closed().await.1, TOO_BIG);
    }
    let state = yjs.settled(&["ann"], &weir, &workflow).await;
    assert_eq!(state["meta"]["name"], "still here 7");
    assert_eq!(yjs.run("ann", "return closes").await, json!([]), "nobody else was disconnected");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_make_no_sense_are_answered_and_the_connection_goes_on() {
    let (weir, workflow, _data) = start().await;
    let (mut program, _) = Socket::connect(&weir, &workflow, &weir.token).await;
    let requests = [
        json!({ "type": "dance", "id": 1 }),
        json!({ "type": "update", "id": 1, "operation": "dance" }),
        json!({ "type": "update", "id": 1, "operation": "add_node", "payload": { "node": 7 } }),
        json!({ "type": "update", "id": 1, "operation": "move_node" }),
    ];
    for request in requests {
        program.send(&request).await;
        let answer = program.told(|frame| frame["id"] == 1).await;
        assert_eq!(answer["type"], "error", "{request} was answered with {answer}");
        assert!(answer["payload"]["message"].is_string());
    }
    program.update("2", "set_meta", json!({ "changes": { "name": "Goes on" } })).await;
    assert_eq!(weir.draft(&workflow).await["meta"]["name"], "Goes on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_only_look_sees_everything_and_changes_nothing() {
    let (weir, workflow, _data) = start().await;
    let viewer = weir.viewer().await;
    let mut yjs = Clients::start();
    yjs.join(&["ann"], &weir, &workflow).await;
    yjs.order(json!({ "join": ["viewer"], "url": url(&weir.address, &workflow), "token": viewer, "params": {} })).await;
    yjs.run("ann", "meta.set('description', 'For all to see')").await;
    let before = yjs.settled(&["ann", "viewer"], &weir, &workflow).await;

    yjs.run("viewer", "meta.set('description', 'Mine')").await;
    let (mut program, welcome) = Socket::connect(&weir, &workflow, &viewer).await;
    assert_eq!(welcome["payload"]["can_write"], false);
    program.send(&json!({ "type": "update", "id": 1, "operation": "remove_node", "payload": { "id": "start" } })).await;
    let answer = program.told(|frame| frame["id"] == 1).await;
    assert_eq!((&answer["type"], &answer["payload"]["code"]), (&json!("error"), &json!("forbidden")));

    // An update by hand, to see the answer: { "description": "Mine" } in `meta`.
    let mut update = vec![0, 2, 31, 1, 1, 7, 0, 0x28, 1, 4];
    update.extend(b"meta\x0bdescription\x01\x77\x04Mine\x00");
    let mut socket = Socket::open(&weir, &workflow, &viewer).await;
    socket.send_raw(Message::binary(update)).await;
    let (frames, code) = socket.closed().await;
    assert_eq!(code, NOT_ALLOWED);
    let denied = |frame: &Message| matches!(frame, Message::Binary(frame) if frame.starts_with(&[2, 0]));
    assert!(frames.iter().any(denied), "it is told why: {frames:?}");

    let after = yjs.settled(&["ann"], &weir, &workflow).await;
    assert_eq!(after, before);
    let closes = yjs.run("viewer", "provider.disconnect(); return closes").await;
    assert_eq!(closes[0], NOT_ALLOWED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_who_is_let_in_gets_in() {
    let (weir, workflow, _data) = start().await;
    let other = weir.workflow().await;
    let refused = async |workflow: &str, query: &str, token: &str| {
        Socket::try_open(&weir, workflow, query, token).await.err().expect("nobody was let in")
    };
    assert_eq!(refused(&workflow, "", "").await, 401);
    assert_eq!(refused(&workflow, "", "wrong").await, 401);
    assert_eq!(refused(&workflow, "?ticket=wrong", "").await, 401);
    assert_eq!(refused("00000000-0000-7000-8000-000000000000", "", &weir.token).await, 404);
    let ticket = format!("?ticket={}", weir.ticket(&workflow).await);
    assert!([401, 403, 404].contains(&refused(&other, &ticket, "").await), "a ticket is for one workflow");
    assert!(Socket::try_open(&weir, &workflow, &ticket, "").await.is_ok());
}

async fn start() -> (Weir, String, tempfile::TempDir) {
    let data = tempfile::tempdir().unwrap();
    let database = format!("sqlite:{}", data.path().join("weir.db").display());
    let weir = Weir::start(data.path(), &database).await;
    let workflow = weir.workflow().await;
    (weir, workflow, data)
}
