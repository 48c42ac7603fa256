//! Drafts as live documents: who gets in, what they may do there, and when they have to leave.

mod socket;

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use weir_base::{Permission, Principal, Role, WorkspaceId};
use weir_collab::MAX_FRAME;
use weir_identity::MemberUpdate;

use self::socket::Socket;
use crate::documents;
use crate::people::Person;
use crate::server::{Answer, PATIENCE, Server};

const NOT_ALLOWED: u16 = 1008;
const TOO_BIG: u16 = 1009;

/// Who runs the process.
fn operator() -> Principal {
    Principal::operator(WorkspaceId::FIRST)
}

/// A ticket of this person for this workflow.
async fn ticket(server: &Server, workflow: &str, token: &str) -> String {
    let answer = Answer::of(server.request_by(token, Method::POST, &format!("{workflow}/collab/ticket"))).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    assert_eq!(answer.json()["expires_in"], 60);
    answer.json()["ticket"].as_str().unwrap().to_owned()
}

/// What somebody with this query and no `Authorization` is refused with; it is the same with and without an upgrade.
async fn refusal(server: &Server, workflow: &str, query: &str) -> (u16, String) {
    let upgraded = Socket::open(server, workflow, query, None).await.err().expect("nobody was let in");
    let plain = Answer::of(server.nobody.get(server.url(&format!("{workflow}/collab?{query}")))).await;
    assert_eq!(plain.status.as_u16(), upgraded);
    (upgraded, plain.problem())
}

async fn draft_name(server: &Server, workflow: &str) -> (String, String) {
    let answer = server.get(workflow).await;
    let name = answer.json()["document"]["name"].as_str().unwrap().to_owned();
    (name, answer.headers["etag"].to_str().unwrap().to_owned())
}

fn renamed(name: &str) -> Value {
    json!({"changes": {"name": name}})
}

#[tokio::test]
async fn a_token_a_key_and_a_ticket_let_in() {
    let server = Server::start().await;
    let workflow = server.workflow(&documents::greeting()).await;
    let reading = server.people.key(&server.admin, [Permission::WorkflowRead].into_iter().collect()).await;
    for token in [&server.admin.token, &reading] {
        let (_, welcome) = Socket::connect(&server, &workflow, "protocol=json", Some(token)).await;
        assert_eq!(welcome["payload"]["document"]["name"], "Greeting");
        assert_eq!(welcome["payload"]["can_write"], *token == server.admin.token);
        let query = format!("protocol=json&ticket={}", ticket(&server, &workflow, token).await);
        let (_, welcome) = Socket::connect(&server, &workflow, &query, None).await;
        assert_eq!(
            welcome["payload"]["can_write"],
            *token == server.admin.token,
            "a ticket gives no more than it costs"
        );
        assert_eq!(welcome["user_id"], json!(server.admin.user));
    }
}

#[tokio::test]
async fn what_does_not_prove_who_asks_is_refused_before_the_upgrade() {
    let server = Server::start().await;
    let workflow = server.workflow(&documents::greeting()).await;
    let other = server.workflow(&documents::greeting()).await;
    let refused = |code: &str| (401, code.to_owned());
    assert_eq!(refusal(&server, &workflow, "").await, refused("unauthenticated"));
    assert_eq!(refusal(&server, &workflow, "ticket=garbage").await, refused("token_invalid"));
    assert_eq!(refusal(&server, &workflow, "ticket=").await, refused("token_invalid"));
    let access = format!("ticket={}", server.admin.token);
    assert_eq!(refusal(&server, &workflow, &access).await, refused("token_invalid"), "an access token is no ticket");

    let good = ticket(&server, &workflow, &server.admin.token).await;
    let query = format!("ticket={good}");
    assert_eq!(refusal(&server, &other, &query).await, refused("token_invalid"));
    let (rest, signature) = good.rsplit_once('.').unwrap();
    let altered = format!("ticket={rest}.{}", signature.chars().rev().collect::<String>());
    assert_eq!(refusal(&server, &workflow, &altered).await, refused("token_invalid"));

    let leaving = server.people.member(WorkspaceId::FIRST, Role::Developer).await;
    let theirs = format!("ticket={}", ticket(&server, &workflow, &leaving.token).await);
    assert!(Socket::open(&server, &workflow, &theirs, None).await.is_ok());
    server.people.identity.logout(&leaving.principal).await.unwrap();
    assert_eq!(refusal(&server, &workflow, &theirs).await, refused("token_revoked"));

    let key = server.people.key(&server.admin, [Permission::WorkflowRead].into_iter().collect()).await;
    let of_key = format!("ticket={}", ticket(&server, &workflow, &key).await);
    let id = match server.people.identity.authenticate(&key, None, None).await.unwrap().actor {
        weir_base::Actor::ApiKey { key, .. } => key,
        other => panic!("{other}"),
    };
    server.people.identity.api_keys().revoke(&server.admin.principal, id).await.unwrap();
    assert_eq!(refusal(&server, &workflow, &of_key).await, refused("token_revoked"));

    server.people.clock.advance(Duration::from_secs(59));
    assert!(Socket::open(&server, &workflow, &query, None).await.is_ok());
    server.people.clock.advance(Duration::from_secs(1));
    assert_eq!(refusal(&server, &workflow, &query).await, refused("token_expired"));
}

#[tokio::test]
async fn a_ticket_opens_one_door_only() {
    let server = Server::start().await;
    let workflow = server.workflow(&documents::greeting()).await;
    let ticket = ticket(&server, &workflow, &server.admin.token).await;
    let asked = async |method: Method, path: &str, bearer: bool| {
        let request = server.nobody.request(method, server.url(&format!("{path}?ticket={ticket}")));
        let request = if bearer { request.bearer_auth(&ticket) } else { request };
        let answer = Answer::of(request).await;
        (answer.status.as_u16(), answer.problem())
    };
    for (method, path) in [
        (Method::GET, "/api/v1/workflows".to_owned()),
        (Method::GET, workflow.clone()),
        (Method::DELETE, workflow.clone()),
        (Method::GET, format!("{workflow}/comments")),
        (Method::POST, format!("{workflow}/history")),
        (Method::POST, format!("{workflow}/collab/ticket")),
        (Method::GET, "/api/v1/events".to_owned()),
    ] {
        assert_eq!(asked(method.clone(), &path, false).await, (401, "unauthenticated".to_owned()), "{method} {path}");
        assert_eq!(asked(method.clone(), &path, true).await, (401, "token_invalid".to_owned()), "{method} {path}");
    }
}

#[tokio::test]
async fn without_an_upgrade_or_with_nonsense_there_is_a_problem() {
    let server = Server::start().await;
    let workflow = server.workflow(&documents::greeting()).await;
    let plain = server.get(&format!("{workflow}/collab")).await;
    assert_eq!((plain.status.as_u16(), plain.problem()), (400, "header_invalid".to_owned()));
    for query in ["protocol=smoke", "saved=maybe", "colour=red"] {
        let wrong = server.get(&format!("{workflow}/collab?{query}")).await;
        assert_eq!((wrong.status.as_u16(), wrong.problem()), (400, "query_invalid".to_owned()), "{query}");
    }
    let nothing = "/api/v1/workflows/01890a5d-ac96-774b-bcce-b302099a8057";
    assert_eq!(Socket::open(&server, nothing, "", Some(&server.admin.token)).await.err(), Some(404));
}

#[tokio::test]
async fn a_stranger_is_told_that_there_is_nothing() {
    let server = Server::start().await;
    let workflow = server.workflow(&documents::greeting()).await;
    let elsewhere = server.people.workspace("Elsewhere").await;
    let stranger = server.people.member(elsewhere, Role::Admin).await;
    assert_eq!(Socket::open(&server, &workflow, "", Some(&stranger.token)).await.err(), Some(404));
    let asked = server.request_by(&stranger.token, Method::POST, &format!("{workflow}/collab/ticket"));
    assert_eq!(Answer::of(asked).await.status, 404);
}

#[tokio::test]
async fn an_editor_is_acknowledged_and_seen_and_a_viewer_only_sees() {
    for (server, _database) in Server::start_all().await {
        let workflow = server.workflow(&documents::greeting()).await;
        let people = &server.people;
        let editor = people.member(WorkspaceId::FIRST, Role::Developer).await;
        let viewer = people.member(WorkspaceId::FIRST, Role::Viewer).await;
        let (mut editing, welcome) = Socket::connect(&server, &workflow, "protocol=json", Some(&editor.token)).await;
        assert_eq!(welcome["payload"]["can_write"], true);
        let (mut looking, welcome) = Socket::connect(&server, &workflow, "protocol=json", Some(&viewer.token)).await;
        assert_eq!(welcome["payload"]["can_write"], false);

        let (_, before) = draft_name(&server, &workflow).await;
        assert_eq!(editing.update("set_meta", renamed("Salute")).await["type"], "ack");
        let (name, after) = draft_name(&server, &workflow).await;
        assert_eq!(name, "Salute");
        assert_ne!(before, after, "what was read before is not what there is");
        let stale = server.request(Method::PATCH, &workflow).header("if-match", &before);
        let stale = Answer::of(
            stale.header("content-type", "application/merge-patch+json").body("{\"document\":{\"name\":\"Late\"}}"),
        );
        assert_eq!(stale.await.status, 412);
        let cached = server.request(Method::GET, &workflow).header("if-none-match", &after);
        assert_eq!(Answer::of(cached).await.status, 304);

        let told = looking.told(|frame| frame["type"] == "broadcast").await;
        assert_eq!((&told["operation"], &told["payload"]), (&json!("set_meta"), &renamed("Salute")));
        assert_eq!(told["user_id"], json!(editor.user));
        let refused = looking.update("set_meta", renamed("Mine")).await;
        assert_eq!((&refused["type"], &refused["payload"]["code"]), (&json!("error"), &json!("forbidden")));
        assert_eq!(draft_name(&server, &workflow).await, ("Salute".to_owned(), after));
        // Being refused is not the end of it.
        assert_eq!(editing.update("set_meta", renamed("Hail")).await["type"], "ack");
        looking.told(|frame| frame["payload"] == renamed("Hail")).await;
    }
}

#[tokio::test]
async fn who_may_not_stay_is_sent_off() {
    let server = Server::start().await;
    let workflow = server.workflow(&documents::greeting()).await;
    let identity = &server.people.identity;
    let member = || server.people.member(WorkspaceId::FIRST, Role::Developer);
    let (removed, signed_out, demoted, staying) = (member().await, member().await, member().await, member().await);
    let enter =
        async |person: &Person| Socket::connect(&server, &workflow, "protocol=json", Some(&person.token)).await.0;
    let mut sockets = [enter(&removed).await, enter(&signed_out).await, enter(&demoted).await];
    let mut stays = enter(&staying).await;
    identity.members().remove(&operator(), removed.user).await.unwrap();
    identity.logout(&signed_out.principal).await.unwrap();
    let viewer = MemberUpdate { role: Some(Role::Viewer), ..MemberUpdate::default() };
    identity.members().update(&operator(), demoted.user, None, viewer).await.unwrap();
    let why = ["ended", "ended", "connect again"];
    for (socket, why) in sockets.iter_mut().zip(why) {
        let (code, reason) = socket.closed().await;
        assert_eq!(code, NOT_ALLOWED);
        assert!(reason.contains(why), "{reason}");
    }
    assert_eq!(stays.update("set_meta", renamed("Still here")).await["type"], "ack");
    assert_eq!(Socket::open(&server, &workflow, "", Some(&removed.token)).await.err(), Some(403));
    assert_eq!(Socket::open(&server, &workflow, "", Some(&signed_out.token)).await.err(), Some(401));
    let (_, welcome) = Socket::connect(&server, &workflow, "protocol=json", Some(&demoted.token)).await;
    assert_eq!(welcome["payload"]["can_write"], false);
}

#[tokio::test]
async fn archiving_and_deleting_end_the_editing() {
    let server = Server::start().await;
    let workflow = server.workflow(&documents::greeting()).await;
    let token = Some(server.admin.token.as_str());
    let (mut socket, _) = Socket::connect(&server, &workflow, "protocol=json", token).await;
    assert_eq!(server.tell(&format!("{workflow}/archive")).await.status, 200);
    assert_eq!(socket.closed().await.0, NOT_ALLOWED);
    let (mut back, welcome) = Socket::connect(&server, &workflow, "protocol=json", token).await;
    assert_eq!(welcome["payload"]["can_write"], false);
    assert_eq!(back.update("set_meta", renamed("Late")).await["payload"]["code"], "forbidden");
    assert_eq!(draft_name(&server, &workflow).await.0, "Greeting");

    assert_eq!(Answer::of(server.request(Method::DELETE, &workflow)).await.status, 204);
    assert_eq!(back.closed().await.0, NOT_ALLOWED);
    assert_eq!(Socket::open(&server, &workflow, "", token).await.err(), Some(404));
}

#[tokio::test]
async fn too_large_a_frame_ends_one_connection() {
    let server = Server::start().await;
    let workflow = server.workflow(&documents::greeting()).await;
    let token = Some(server.admin.token.as_str());
    let (mut other, _) = Socket::connect(&server, &workflow, "protocol=json", token).await;
    let (mut socket, _) = Socket::connect(&server, &workflow, "protocol=json", token).await;
    socket.send_text("x".repeat(MAX_FRAME + 1)).await;
    assert_eq!(socket.closed().await.0, TOO_BIG);
    // Of what is far too large not even the end is waited for.
    let (mut socket, _) = Socket::connect(&server, &workflow, "protocol=json", token).await;
    socket.send_text("x".repeat(4 * MAX_FRAME)).await;
    socket.ended().await;
    assert_eq!(other.update("set_meta", renamed("Still here")).await["type"], "ack");
}

#[tokio::test]
async fn comments_are_listed_with_their_answers() {
    let server = Server::start().await;
    let workflow = server.workflow(&documents::greeting()).await;
    let (mut socket, _) = Socket::connect(&server, &workflow, "protocol=json", Some(&server.admin.token)).await;
    let first = json!({"id": "c1", "text": "Too polite?", "node": "greet"});
    assert_eq!(socket.update("add_comment", first).await["type"], "ack");
    assert_eq!(socket.update("add_comment", json!({"id": "c2", "text": "No.", "reply_to": "c1"})).await["type"], "ack");
    assert_eq!(socket.update("update_comment", json!({"id": "c1", "resolved": true})).await["type"], "ack");
    let viewer = server.people.member(WorkspaceId::FIRST, Role::Viewer).await;
    let listed = server.request_by(&viewer.token, Method::GET, &format!("{workflow}/comments"));
    let listed = Answer::of(listed).await.json();
    let comment = &listed["items"][0];
    assert_eq!(listed["items"].as_array().unwrap().len(), 1, "{listed}");
    assert_eq!((&comment["id"], &comment["text"]), (&json!("c1"), &json!("Too polite?")));
    assert_eq!((&comment["node"], &comment["resolved"]), (&json!("greet"), &json!(true)));
    assert_eq!(comment["author"], json!(server.admin.user));
    assert_eq!(comment["replies"][0]["text"], "No.");
}

#[tokio::test]
async fn a_draft_is_kept_shown_named_and_restored() {
    for (server, _database) in Server::start_all().await {
        let workflow = server.workflow(&documents::greeting()).await;
        let history = format!("{workflow}/history");
        let kept = server.post(&history, &json!({"name": "As it was"})).await;
        assert_eq!(kept.status, 201, "{}", kept.text);
        let snapshot = kept.headers["location"].to_str().unwrap().to_owned();
        let (mut socket, _) = Socket::connect(&server, &workflow, "protocol=json", Some(&server.admin.token)).await;
        socket.update("set_meta", renamed("Other")).await;

        let listed = server.get(&history).await.json();
        let named = |listed: &Value| {
            let items = listed["items"].as_array().unwrap().clone();
            items.into_iter().find(|item| item["id"] == kept.json()["id"]).expect("what is kept is listed")
        };
        assert_eq!(named(&listed)["name"], "As it was");
        assert_eq!(server.get(&snapshot).await.json()["document"]["name"], "Greeting");
        let rename = Answer::of(server.request(Method::PATCH, &snapshot).json(&json!({"name": "Long ago"}))).await;
        assert_eq!(rename.status, 204, "{}", rename.text);
        assert_eq!(named(&server.get(&history).await.json())["name"], "Long ago");

        let viewer = server.people.member(WorkspaceId::FIRST, Role::Viewer).await;
        for (method, path) in [(Method::POST, format!("{snapshot}/restore")), (Method::POST, history.clone())] {
            assert_eq!(Answer::of(server.request_by(&viewer.token, method, &path)).await.status, 403);
        }
        let (_, before) = draft_name(&server, &workflow).await;
        let restored = server.tell(&format!("{snapshot}/restore")).await;
        assert_eq!(restored.status, 200, "{}", restored.text);
        let (name, after) = draft_name(&server, &workflow).await;
        assert_eq!((name.as_str(), restored.headers["etag"].to_str().unwrap()), ("Greeting", after.as_str()));
        assert_ne!(before, after);
        socket.told(|frame| frame["payload"] == renamed("Greeting")).await;

        let nothing = format!("{history}/01890a5d-ac96-774b-bcce-b302099a8057");
        assert_eq!(server.get(&nothing).await.status, 404);
        assert_eq!(server.tell(&format!("{nothing}/restore")).await.status, 404);
        for name in ["", " ", &"x".repeat(1_000)] {
            let wrong = server.post(&history, &json!({"name": name})).await;
            assert_eq!(wrong.status, 422, "{name:?}: {}", wrong.text);
        }
        let other = server.workflow(&documents::greeting()).await;
        let id = snapshot.rsplit('/').next().unwrap();
        assert_eq!(server.get(&format!("{other}/history/{id}")).await.status, 404, "it belongs to one workflow");
        assert_eq!(server.tell(&format!("{workflow}/archive")).await.status, 200);
        assert_eq!(server.tell(&format!("{snapshot}/restore")).await.status, 409);
    }
}

#[tokio::test]
async fn an_orderly_stop_tells_everybody() {
    let server = Server::start().await;
    let workflow = server.workflow(&documents::greeting()).await;
    let (mut socket, _) = Socket::connect(&server, &workflow, "protocol=json", Some(&server.admin.token)).await;
    server.stop().await;
    assert_eq!(socket.closed().await.0, 1001);
}

#[tokio::test]
async fn a_draft_that_is_edited_all_the_time_is_shown_all_the_same() {
    let server = Server::start().await;
    let workflow = server.workflow(&documents::greeting()).await;
    let mut editors = Vec::new();
    for name in ["one", "two", "three", "four"] {
        editors.push((name, Socket::connect(&server, &workflow, "protocol=json", Some(&server.admin.token)).await.0));
    }
    let editing = editors.into_iter().map(|(name, mut socket)| async move {
        for count in 0_u64.. {
            let answer = socket.update("set_meta", renamed(&format!("{name} {count}"))).await;
            assert_eq!(answer["type"], "ack", "{answer}");
        }
    });
    let looking = async {
        let mut before = 0;
        for _ in 0..20 {
            let shown = tokio::time::timeout(PATIENCE, server.get(&workflow)).await.expect("an answer comes");
            let revision = shown.json()["revision"].as_u64().unwrap();
            assert!(revision >= before, "{revision} after {before}");
            before = revision;
        }
        assert!(before > 1, "nobody edited");
    };
    tokio::select! {
        _ = futures::future::join_all(editing) => unreachable!("nobody stops editing"),
        () = looking => {}
    }
}
