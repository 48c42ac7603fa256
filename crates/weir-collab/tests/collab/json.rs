//! Programs without Yjs.

use serde_json::{Value, json};
use tokio::time::timeout;
use weir_base::WorkflowId;
use weir_collab::{Collab, ConnectionIn, ConnectionOut, Frame, Kind};

use crate::client::Client;
use crate::{PATIENCE, benches, member, node, writer};

struct Program(ConnectionIn, ConnectionOut);

impl Program {
    async fn join(collab: &Collab, workflow: WorkflowId, name: &str, can_write: bool) -> (Self, Value) {
        let (input, out) = collab.join(workflow, member(name, can_write, Kind::Json)).await.unwrap();
        let mut program = Self(input, out);
        program.send(&json!({"type": "connect", "id": 1}));
        let welcome = program.next_of("connect").await;
        (program, welcome)
    }

    fn send(&self, frame: &Value) {
        self.0.receive(Frame::Text(frame.to_string().into())).unwrap();
    }

    fn update(&self, id: u64, operation: &str, payload: &Value) {
        self.send(&json!({"type": "update", "id": id, "operation": operation, "payload": payload}));
    }

    async fn next_of(&mut self, kind: &str) -> Value {
        loop {
            let Ok(Some(Frame::Text(text))) = timeout(PATIENCE, self.1.next()).await else { panic!("in vain: {kind}") };
            let frame: Value = serde_json::from_str(&text).unwrap();
            if frame["type"] == kind {
                return frame;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_and_people_edit_the_same_document() {
    for bench in benches().await {
        let (collab, workflow) = (bench.collab(), bench.workflow());
        let mut person = Client::join(&collab, workflow, writer("ada")).await;
        let (mut program, welcome) = Program::join(&collab, workflow, "robot", true).await;
        assert_eq!(welcome["id"], 1);
        assert_eq!(welcome["workflow_id"], workflow.to_string());
        assert_eq!(welcome["payload"]["document"], crate::draft(), "{}", bench.name);
        assert_eq!(welcome["payload"]["members"].as_array().unwrap().len(), 2);
        let (mut other, _) = Program::join(&collab, workflow, "other", true).await;
        assert_eq!(program.next_of("user_joined").await["payload"]["name"], "other");

        program.update(2, "add_node", &json!({"node": {"id": "n", "type": "set", "position": {"x": 9, "y": 9}}}));
        let ack = program.next_of("ack").await;
        assert_eq!(ack["id"], 2);
        assert!(ack["vector_clock"]["log"].as_u64().unwrap() > 0);
        person.pump_until("the program's node", |person| person.field("n", "type") == "set").await;
        let told = other.next_of("broadcast").await;
        assert_eq!((&told["operation"], &told["payload"]["node"]["id"]), (&json!("add_node"), &json!("n")));
        assert_eq!(told["user_id"], ack["user_id"]);

        person.set("n", "note", "by a person");
        for program in [&mut program, &mut other] {
            let told = program.next_of("broadcast").await;
            assert_eq!(told["operation"], "update_node");
            assert_eq!(told["payload"], json!({"id": "n", "changes": {"note": "by a person"}}));
        }
        program.update(3, "move_node", &json!({"id": "n", "position": {"x": 1, "y": 2}}));
        program.update(4, "remove_node", &json!({"id": "code"}));
        assert_eq!(other.next_of("broadcast").await["operation"], "move_node");
        while program.next_of("ack").await["id"] != 4 {}
        let mut told = Vec::new();
        while told.last() != Some(&json!("remove_node")) {
            told.push(other.next_of("broadcast").await["operation"].clone());
        }
        assert_eq!(told, ["remove_edge", "remove_edge", "remove_node"]);
        let document = collab.draft(workflow).await.unwrap().document;
        assert_eq!(node(&document, "n")["position"], json!({"x": 1, "y": 2}));
        assert_eq!(node(&document, "n")["note"], "by a person");
        assert!(node(&document, "code").is_null() && document["edges"].as_array().unwrap().is_empty());

        program.update(5, "add_comment", &json!({"id": "c", "node": "n", "text": "why?"}));
        program.next_of("ack").await;
        let comments = collab.comments(workflow).await.unwrap();
        assert_eq!((comments.len(), comments[0].text.as_str()), (1, "why?"));

        program.update(6, "no_such", &json!({}));
        assert_eq!(program.next_of("error").await["payload"]["code"], "invalid");
        program.send(&json!({"type": "odd", "id": 7}));
        assert_eq!(program.next_of("error").await["id"], 7);
        drop(program);
        assert_eq!(other.next_of("user_left").await["payload"]["name"], "robot");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_may_only_look_is_told_so() {
    let bench = crate::sqlite().await;
    let (collab, workflow) = (bench.collab(), bench.workflow());
    let (mut program, welcome) = Program::join(&collab, workflow, "robot", false).await;
    assert_eq!(welcome["payload"]["can_write"], false);
    program.update(2, "remove_node", &json!({"id": "code"}));
    let refused = program.next_of("error").await;
    assert_eq!((&refused["id"], &refused["payload"]["code"]), (&json!(2), &json!("forbidden")));
    assert_eq!(*collab.draft(workflow).await.unwrap().document, crate::draft());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_reads_slowly_gets_the_document_instead_of_a_backlog() {
    let bench = crate::sqlite().await;
    let (collab, workflow) = (bench.collab(), bench.workflow());
    let (mut program, _) = Program::join(&collab, workflow, "robot", true).await;
    let (fast, _) = Program::join(&collab, workflow, "fast", true).await;
    for n in 0..500 {
        fast.update(n, "set_meta", &json!({"changes": {"description": n.to_string()}}));
        if n % 50 == 49 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }
    let mut told = 0;
    loop {
        let frame = program.next_of("broadcast").await;
        told += 1;
        if frame["operation"] == "replace" && frame["payload"]["document"]["description"] == "499" {
            break;
        }
    }
    assert!(told < 100, "{told}");
}
