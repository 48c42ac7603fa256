//! Stock Yjs clients, in a process of their own that does what it is told.

use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::Instant;

use crate::weir::{Weir, without_ids};

/// How long anything may take until all have the same.
const PATIENCE: Duration = Duration::from_secs(60);

/// The clients, each with its document, by their names.
pub(crate) struct Clients {
    _process: Child,
    orders: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Clients {
    pub(crate) fn start() -> Self {
        let mut command = Command::from(weir_testkit::node(include_str!("clients.mjs")));
        let mut process =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn().expect("Node.js starts");
        let orders = process.stdin.take().unwrap();
        let answers = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { _process: process, orders, answers }
    }

    /// Gives an order; see `clients.mjs` for what there is.
    pub(crate) async fn tell(&mut self, order: &Value) {
        self.orders.write_all(format!("{order}\n").as_bytes()).await.unwrap();
    }

    /// What the oldest order not answered yet came to.
    pub(crate) async fn answer(&mut self) -> Value {
        let line = self.answers.next_line().await.unwrap().expect("the clients run");
        let mut answer: Value = serde_json::from_str(&line).unwrap();
        assert!(answer.get("failed").is_none(), "an order failed: {answer}");
        answer["done"].take()
    }

    pub(crate) async fn order(&mut self, order: Value) -> Value {
        self.tell(&order).await;
        self.answer().await
    }

    /// Connects new clients as the operator.
    pub(crate) async fn join(&mut self, names: &[impl AsRef<str>], weir: &Weir, workflow: &str) {
        let names: Vec<_> = names.iter().map(AsRef::as_ref).collect();
        let url = url(&weir.address, workflow);
        self.order(json!({ "join": names, "url": url, "token": weir.token, "params": {} })).await;
    }

    /// Runs this code on the client's document; see `clients.mjs` for what it can name.
    pub(crate) async fn run(&mut self, name: &str, code: &str) -> Value {
        self.order(json!({ "run": code, "as": name })).await
    }

    /// All that the client's document holds.
    pub(crate) async fn state(&mut self, name: &str) -> Value {
        without_ids(
            self.run(name, "return { nodes: nodes.toJSON(), edges: edges.toJSON(), meta: meta.toJSON() }").await,
        )
    }

    /// Waits until these clients, one that joins just now, and the draft that REST shows are the same; that state.
    pub(crate) async fn settled(&mut self, names: &[impl AsRef<str>], weir: &Weir, workflow: &str) -> Value {
        let mut all: Vec<_> = names.iter().map(AsRef::as_ref).collect();
        all.push("newcomer");
        let until = Instant::now() + PATIENCE;
        loop {
            self.join(&["newcomer"], weir, workflow).await;
            let digests = self.order(json!({ "states": all })).await;
            let (state, draft) = (self.state("newcomer").await, weir.draft(workflow).await);
            self.order(json!({ "leave": ["newcomer"] })).await;
            let same = digests.as_array().unwrap().iter().all(|digest| *digest == digests[0]);
            if same && state == draft {
                return state;
            }
            assert!(
                Instant::now() < until,
                "still not the same\ndigests: {digests}\ndocument: {state}\ndraft: {draft}"
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// What a stock client takes as its server; it adds `/collab`, the name of the room.
pub(crate) fn url(address: &str, workflow: &str) -> String {
    format!("ws://{address}/api/v1/workflows/{workflow}")
}

/// So many names.
pub(crate) fn names(count: usize, prefix: &str) -> Vec<String> {
    (0..count).map(|number| format!("{prefix}{number}")).collect()
}
