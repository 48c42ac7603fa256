//! `/executions/{id}/events`: nothing lost, nothing twice, cheap for many.

use std::time::Duration;

use futures::StreamExt as _;
use reqwest::{Method, Response};
use serde_json::{Value, json};
use weir_base::{Permission, Principal, Role, WorkspaceId};
use weir_identity::MemberUpdate;

use crate::documents;
use crate::server::{PATIENCE, Server};

/// One event of a stream, as its fields came.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Event {
    id: Option<u64>,
    name: String,
    data: String,
}

/// A listener's end of a stream.
struct Stream {
    body: futures::stream::BoxStream<'static, reqwest::Result<Vec<u8>>>,
    unread: String,
}

impl Stream {
    async fn open(server: &Server, execution: &str, last: Option<u64>) -> Self {
        let mut request = server.client.get(server.url(&format!("{execution}/events")));
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        Self::of(request.send().await.unwrap())
    }

    fn of(response: Response) -> Self {
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers().get("content-encoding"), None);
        let body = response.bytes_stream().map(|piece| piece.map(|bytes| bytes.to_vec())).boxed();
        Self { body, unread: String::new() }
    }

    /// The next event; `None` when the stream is over.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some((block, rest)) = self.unread.split_once("\n\n") {
                let event = read(block);
                self.unread = rest.to_owned();
                if event.is_some() {
                    return event;
                }
                continue;
            }
            let piece = tokio::time::timeout(PATIENCE, self.body.next()).await.expect("an event comes in time")?;
            self.unread.push_str(std::str::from_utf8(&piece.unwrap()).unwrap());
        }
    }

    async fn rest(mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event);
        }
        events
    }
}

fn read(block: &str) -> Option<Event> {
    let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
    let data = field("data: ")?;
    Some(Event { id: field("id: ").map(|id| id.parse().unwrap()), name: field("event: ").unwrap(), data })
}

fn ids(events: &[Event]) -> Vec<u64> {
    events.iter().filter_map(|event| event.id).collect()
}

#[tokio::test]
async fn an_ended_execution_is_told_whole_and_then_ends() {
    let server = Server::start().await;
    let workflow = server.published(&documents::greeting()).await;
    let execution = server.execute(&workflow, json!({"who": "Ada"})).await;
    let last = server.until(&execution, "completed").await["seq"].as_u64().unwrap();
    let events = Stream::open(&server, &execution, None).await.rest().await;
    assert_eq!(ids(&events), (1..=last).collect::<Vec<_>>());
    assert_eq!(events.last().unwrap().name, "end");
    let journal = server.get(&format!("{execution}/journal")).await.json();
    let told: Vec<Value> = events
        .iter()
        .filter(|event| event.name == "journal")
        .map(|event| serde_json::from_str(&event.data).unwrap())
        .collect();
    assert_eq!(json!(told), journal["items"]);
    let nothing = Stream::open(&server, &execution, Some(last)).await.rest().await;
    assert_eq!(nothing.iter().map(|event| event.name.as_str()).collect::<Vec<_>>(), ["end"]);
}

#[tokio::test]
async fn a_listener_that_broke_off_resumes_without_gap_or_double() {
    let server = Server::start().await;
    let workflow = server.published(&documents::waiting()).await;
    let execution = server.execute(&workflow, Value::Null).await;
    server.until(&execution, "waiting").await;
    let mut first = Stream::open(&server, &execution, None).await;
    let mut seen = vec![first.next().await.unwrap(), first.next().await.unwrap()];
    drop(first);
    for number in 0..20 {
        server.post(&format!("{execution}/signals/other"), &json!(number)).await;
    }
    let mut second = Stream::open(&server, &execution, seen.last().unwrap().id).await;
    for _ in 0..5 {
        seen.push(second.next().await.unwrap());
    }
    drop(second);
    let third = Stream::open(&server, &execution, seen.last().unwrap().id).await;
    server.post(&format!("{execution}/signals/go"), &json!("now")).await;
    seen.extend(third.rest().await);
    let last = server.until(&execution, "completed").await["seq"].as_u64().unwrap();
    assert_eq!(ids(&seen), (1..=last).collect::<Vec<_>>());
}

/// A thousand listeners of one execution; every one gets every event, once and in order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_listeners_all_get_every_event() {
    const LISTENERS: usize = 1_000;
    const SIGNALS: usize = 30;
    let server = Server::start().await;
    let workflow = server.published(&documents::waiting()).await;
    let execution = server.execute(&workflow, Value::Null).await;
    server.until(&execution, "waiting").await;
    let mut streams = Vec::with_capacity(LISTENERS);
    for _ in 0..LISTENERS {
        streams.push(Stream::open(&server, &execution, None).await);
    }
    let listening: Vec<_> = streams.into_iter().map(|stream| tokio::spawn(stream.rest())).collect();
    for number in 0..SIGNALS {
        assert_eq!(server.post(&format!("{execution}/signals/other"), &json!(number)).await.status, 202);
    }
    server.post(&format!("{execution}/signals/go"), &json!("now")).await;
    let last = server.until(&execution, "completed").await["seq"].as_u64().unwrap();
    let expected: Vec<u64> = (1..=last).collect();
    for listener in listening {
        let events = tokio::time::timeout(PATIENCE, listener).await.expect("every listener ends").unwrap();
        assert_eq!(ids(&events), expected);
        assert_eq!(events.last().unwrap().name, "end");
    }
}

#[tokio::test]
async fn a_silent_stream_shows_that_it_lives() {
    let server = Server::start().await;
    let workflow = server.published(&documents::waiting()).await;
    let execution = server.execute(&workflow, Value::Null).await;
    server.until(&execution, "waiting").await;
    let mut stream = Stream::open(&server, &execution, None).await;
    let heartbeat = async {
        while stream.unread != ":\n\n" {
            let piece = stream.body.next().await.expect("the stream goes on").unwrap();
            stream.unread = String::from_utf8(piece).unwrap();
        }
    };
    tokio::time::timeout(PATIENCE, heartbeat).await.expect("a comment comes after 15 seconds");
}

#[tokio::test]
async fn an_orderly_stop_ends_streams_and_waiting_callers() {
    let server = Server::start().await;
    let workflow = server.published(&documents::waiting()).await;
    let execution = server.execute(&workflow, Value::Null).await;
    let mut stream = Stream::open(&server, &execution, None).await;
    stream.next().await.unwrap();
    let waiting = server.client.post(server.url(&format!("{workflow}/execute?wait=60"))).send();
    let waiting = tokio::spawn(waiting);
    let second = async {
        while server.get("/api/v1/executions").await.json()["items"].as_array().unwrap().len() < 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, second).await.expect("the second execution starts");
    let begun = std::time::Instant::now();
    server.stop().await;
    assert!(begun.elapsed() < Duration::from_secs(10), "the stop waited for the listeners");
    let rest = stream.rest().await;
    assert!(rest.iter().all(|event| event.name != "end"), "the execution has not ended: {rest:?}");
    assert_eq!(waiting.await.unwrap().unwrap().status(), 202);
}

/// Streams of events and of an execution end when whoever opened them may not see them any more; others go on.
#[tokio::test]
async fn a_stream_ends_with_the_right_to_it() {
    let server = Server::start_with(|http| http.streams_checked = Duration::from_millis(50)).await;
    let workflow = server.published(&documents::waiting()).await;
    let execution = server.execute(&workflow, Value::Null).await;
    let last = server.until(&execution, "waiting").await["seq"].as_u64().unwrap();
    let paths = ["/api/v1/events".to_owned(), format!("{execution}/events?after={last}")];
    let (people, identity) = (&server.people, &server.people.identity);
    let follow = async |token: &str| {
        let mut streams = Vec::new();
        for path in &paths {
            streams.push(Stream::of(server.request_by(token, Method::GET, path).send().await.unwrap()));
        }
        streams
    };
    let member = || people.member(WorkspaceId::FIRST, Role::Developer);
    let (removed, signed_out, demoted, staying) = (member().await, member().await, member().await, member().await);
    let key = people.key(&staying, [Permission::EventRead, Permission::ExecutionRead].into_iter().collect()).await;
    let key_id = match identity.authenticate(&key, None, None).await.unwrap().actor {
        weir_base::Actor::ApiKey { key, .. } => key,
        other => panic!("{other}"),
    };
    let mut ending = Vec::new();
    for token in [&removed.token, &signed_out.token, &demoted.token, &key] {
        ending.extend(follow(token).await);
    }
    let stays = follow(&staying.token).await;
    let operator = Principal::operator(WorkspaceId::FIRST);
    identity.members().remove(&operator, removed.user).await.unwrap();
    identity.logout(&signed_out.principal).await.unwrap();
    let viewer = MemberUpdate { role: Some(Role::Viewer), ..MemberUpdate::default() };
    identity.members().update(&operator, demoted.user, None, viewer).await.unwrap();
    identity.api_keys().revoke(&staying.principal, key_id).await.unwrap();
    for stream in ending {
        let rest = stream.rest().await;
        assert!(rest.iter().all(|event| event.name != "end"), "the execution has not ended: {rest:?}");
    }

    server.post(&format!("{execution}/signals/go"), &json!("now")).await;
    let mut stays = stays.into_iter();
    let mut events = stays.next().unwrap();
    // Nothing moves events here, so nothing comes; the end would within one of these twenty looks.
    let next = tokio::time::timeout(Duration::from_secs(1), events.next()).await;
    assert!(next.is_err(), "the stream goes on: {next:?}");
    let told = stays.next().unwrap().rest().await;
    assert_eq!(told.last().unwrap().name, "end");
}
