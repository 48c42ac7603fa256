//! Nothing of another workspace can be told from what is not there: asked for by id, both are the same problem.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::{Value, json};
use weir_base::{Role, WorkspaceId};

use crate::documents;
use crate::people::Person;
use crate::server::{Answer, Server};

/// An operation on something of the first workspace.
struct Asked {
    operation: &'static str,
    /// With the thing's id.
    there: String,
    /// With an id that nothing has.
    nowhere: String,
    body: Option<Value>,
}

/// Operations whose paths do not name things of a workspace, and why.
const OF_NO_WORKSPACE: [&str; 9] = [
    // The same in every workspace.
    "get_node_type",
    // Accounts are the installation's, and so is who may see them.
    "get_user",
    "update_user",
    "reset_user_password",
    // Addresses that are given out, for everybody.
    "call_webhook",
    "test_webhook",
    "get_form",
    "submit_form",
    // One's own, in whichever workspace one is.
    "end_session",
];

const NOTHING: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

fn last(path: &str) -> String {
    path.rsplit('/').next().unwrap().to_owned()
}

/// Makes a thing over the API; answers its id.
async fn made(server: &Server, path: &str, body: &Value) -> String {
    let answer = server.post(path, body).await;
    assert!(answer.status.is_success(), "{path}: {}", answer.text);
    last(answer.headers["location"].to_str().unwrap())
}

async fn everything(server: &Server, elsewhere: WorkspaceId) -> Vec<Asked> {
    let workflow = last(&server.published(&documents::greeting()).await);
    let path = format!("/api/v1/workflows/{workflow}");
    let execution = server.execute(&path, json!({"who": "Ada"})).await;
    server.until(&execution, "completed").await;
    let kept = made(server, &format!("{path}/history"), &json!({"name": "Kept"})).await;
    let execution = last(&execution);
    let failing = server.published(&documents::failing()).await;
    let failed = server.execute(&failing, Value::Null).await;
    server.until(&failed, "failed").await;
    let asking = documents::with_node("approval", Some("approved"), &json!({"title": "May I?"}));
    let asking = server.published(&asking).await;
    let open = server.execute(&asking, Value::Null).await;
    server.until(&open, "waiting").await;
    let cron = json!({"name": "daily", "config": {"kind": "cron", "schedule": "0 8 * * *", "time_zone": "UTC"}});
    let trigger = made(server, &format!("{path}/triggers"), &cron).await;
    let credential = json!({"name": "secret", "secret": {"type": "bearer", "token": "abcdefgh"}});
    let credential = made(server, "/api/v1/credentials", &credential).await;
    let hook = json!({"url": "https://receiver.example.com/", "events": ["*"]});
    let hook = made(server, "/api/v1/webhooks", &hook).await;
    let rule = json!({
        "name": "tell", "events": ["*"], "channel": {"type": "email", "to": ["ops@example.com"]},
    });
    let rule = made(server, "/api/v1/notification-rules", &rule).await;
    let key = json!({"name": "ci", "scopes": ["workflow:read"]});
    let key = made(server, "/api/v1/api-keys", &key).await;
    let first = WorkspaceId::FIRST.to_string();
    let members = format!("/api/v1/workspaces/{first}");
    let invited = json!({"email": "somebody@example.com", "role": "viewer"});
    let invited = server.post(&format!("{members}/invitations"), &invited).await;
    assert!(invited.status.is_success(), "{}", invited.text);
    let invitation = invited.json()["id"].as_str().unwrap().to_owned();
    let set = server.request(Method::PUT, "/api/v1/variables/region").json(&json!({"value": "north"}));
    assert!(Answer::of(set).await.status.is_success());

    let mut all = Vec::new();
    let mut add = |operation, template: String, id: &str, nothing: &str, body: Option<Value>| {
        let filled = |id: &str| template.replace("<id>", id);
        all.push(Asked { operation, there: filled(id), nowhere: filled(nothing), body });
    };
    let document = || json!({"document": documents::greeting()});
    for (operation, rest, body) in [
        ("get_workflow", "", None),
        ("replace_workflow", "", Some(document())),
        ("delete_workflow", "", None),
        ("patch_workflow", "", Some(json!({"tags": ["x"]}))),
        ("archive_workflow", "/archive", None),
        ("execute_workflow", "/execute", Some(json!({"input": {"who": "x"}}))),
        ("export_workflow", "/export", None),
        ("pause_workflow", "/pause", None),
        ("publish_workflow", "/publish", None),
        ("restore_workflow", "/restore", None),
        ("resume_workflow", "/resume", None),
        ("list_workflow_triggers", "/triggers", None),
        ("create_trigger", "/triggers", Some(cron.clone())),
        ("list_workflow_versions", "/versions", None),
        ("get_workflow_version", "/versions/1", None),
        ("restore_workflow_version", "/versions/1/restore", None),
        ("diff_workflow_versions", "/versions/1/diff/draft", None),
        ("connect_workflow", "/collab", None),
        ("create_collab_ticket", "/collab/ticket", None),
        ("list_workflow_comments", "/comments", None),
        ("list_workflow_history", "/history", None),
        ("keep_workflow_snapshot", "/history", Some(json!({"name": "Theirs"}))),
    ] {
        add(operation, format!("/api/v1/workflows/<id>{rest}"), &workflow, NOTHING, body);
    }
    for (operation, rest, body) in [
        ("get_workflow_snapshot", "", None),
        ("name_workflow_snapshot", "", Some(json!({"name": "Theirs"}))),
        ("restore_workflow_snapshot", "/restore", None),
    ] {
        add(operation, format!("/api/v1/workflows/<id>/history/{kept}{rest}"), &workflow, NOTHING, body);
    }
    for (operation, rest, body) in [
        ("get_execution", "", None),
        ("cancel_execution", "/cancel", None),
        ("follow_execution", "/events", None),
        ("list_execution_files", "/files", None),
        ("download_execution_file", "/files/report.csv", None),
        ("get_execution_journal", "/journal", None),
        ("list_execution_logs", "/logs", None),
        ("list_execution_nodes", "/nodes", None),
        ("get_execution_node", "/nodes/greet", None),
        ("pause_execution", "/pause", None),
        ("rerun_execution", "/rerun", Some(json!({"from_node": "greet"}))),
        ("resume_execution", "/resume", None),
        ("retry_execution", "/retry", None),
        ("signal_execution", "/signals/go", Some(json!("now"))),
    ] {
        add(operation, format!("/api/v1/executions/<id>{rest}"), &execution, NOTHING, body);
    }
    for (operation, rest) in [("dismiss_dead_letter", "/dismiss"), ("replay_dead_letter", "/replay")] {
        add(operation, format!("/api/v1/dead-letters/<id>{rest}"), &last(&failed), NOTHING, None);
    }
    let approval = |execution: &str| URL_SAFE_NO_PAD.encode(format!("{execution}:work"));
    let (known, unknown) = (approval(&last(&open)), approval(NOTHING));
    add("get_approval", "/api/v1/approvals/<id>".to_owned(), &known, &unknown, None);
    let yes = Some(json!({"approved": true}));
    add("decide_approval", "/api/v1/approvals/<id>/decide".to_owned(), &known, &unknown, yes);
    for (operation, rest, body) in [
        ("get_trigger", "", None),
        ("delete_trigger", "", None),
        ("update_trigger", "", Some(json!({"enabled": false}))),
        ("listen_to_trigger", "/listen", None),
    ] {
        add(operation, format!("/api/v1/triggers/<id>{rest}"), &trigger, NOTHING, body);
    }
    for (operation, body) in
        [("get_credential", None), ("delete_credential", None), ("update_credential", Some(json!({"name": "other"})))]
    {
        add(operation, "/api/v1/credentials/<id>".to_owned(), &credential, NOTHING, body);
    }
    for (operation, rest, body) in [
        ("get_webhook", "", None),
        ("delete_webhook", "", None),
        ("update_webhook", "", Some(json!({"enabled": false}))),
        ("list_webhook_deliveries", "/deliveries", None),
        ("redeliver_to_webhook", "/redeliver", Some(json!({}))),
        ("rotate_webhook_secret", "/rotate-secret", None),
    ] {
        add(operation, format!("/api/v1/webhooks/<id>{rest}"), &hook, NOTHING, body);
    }
    for (operation, rest, body) in [
        ("get_notification_rule", "", None),
        ("delete_notification_rule", "", None),
        ("update_notification_rule", "", Some(json!({"enabled": false}))),
        ("list_notification_deliveries", "/deliveries", None),
        ("redeliver_notifications", "/redeliver", Some(json!({}))),
    ] {
        add(operation, format!("/api/v1/notification-rules/<id>{rest}"), &rule, NOTHING, body);
    }
    add("get_api_key", "/api/v1/api-keys/<id>".to_owned(), &key, NOTHING, None);
    add("revoke_api_key", "/api/v1/api-keys/<id>".to_owned(), &key, NOTHING, None);
    for (operation, body) in
        [("get_variable", None), ("delete_variable", None), ("set_variable", Some(json!({"value": 1})))]
    {
        add(operation, "/api/v1/variables/<id>".to_owned(), "region", "colour", body);
    }
    let user = server.admin.user.to_string();
    for (operation, rest, body) in [
        ("get_workspace", String::new(), None),
        ("delete_workspace", String::new(), None),
        ("update_workspace", String::new(), Some(json!({"name": "Mine"}))),
        ("list_invitations", "/invitations".to_owned(), None),
        ("invite", "/invitations".to_owned(), Some(json!({"email": "a@example.com", "role": "viewer"}))),
        ("take_back_invitation", format!("/invitations/{invitation}"), None),
        ("list_members", "/members".to_owned(), None),
        ("get_member", format!("/members/{user}"), None),
        ("remove_member", format!("/members/{user}"), None),
        ("update_member", format!("/members/{user}"), Some(json!({"role": "viewer"}))),
    ] {
        add(operation, format!("/api/v1/workspaces/<id>{rest}"), &first, NOTHING, body);
    }
    // In one's own workspace, by the ids of people and invitations of another one.
    let own = format!("/api/v1/workspaces/{elsewhere}");
    add("take_back_invitation", format!("{own}/invitations/<id>"), &invitation, NOTHING, None);
    for (operation, body) in
        [("get_member", None), ("remove_member", None), ("update_member", Some(json!({"role": "viewer"})))]
    {
        add(operation, format!("{own}/members/<id>"), &user, NOTHING, body);
    }
    all
}

impl Asked {
    async fn ask(&self, server: &Server, method: &Method, token: &str, path: &str) -> Answer {
        let request = server.request_by(token, method.clone(), path).header("if-match", "*");
        Answer::of(match &self.body {
            Some(body) => request.json(body),
            None => request,
        })
        .await
    }
}

/// The problem without what tells one request from another: the trace, and what was asked for.
fn comparable(answer: &Answer, path: &str) -> String {
    let mut problem = answer.json();
    problem.as_object_mut().unwrap().remove("trace_id");
    let mut text = problem.to_string();
    let mut parts: Vec<String> = path.split('/').map(str::to_owned).collect();
    let decoded = parts.iter().filter_map(|part| String::from_utf8(URL_SAFE_NO_PAD.decode(part).ok()?).ok());
    let within: Vec<String> = decoded.flat_map(|id| id.split(':').map(str::to_owned).collect::<Vec<_>>()).collect();
    parts.extend(within);
    parts.retain(|part| part.len() >= 36 || ["region", "colour"].contains(&part.as_str()));
    for part in parts {
        text = text.replace(&part, "[id]");
    }
    text
}

#[tokio::test]
async fn what_is_elsewhere_looks_like_what_is_nowhere() {
    let server = Server::start().await;
    let elsewhere = server.people.workspace("Elsewhere").await;
    let stranger: Person = server.people.member(elsewhere, Role::Admin).await;
    let document = server.get("/api/openapi.json").await.json();
    let mut methods = std::collections::BTreeMap::new();
    let mut uncovered = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap().to_owned();
            if path.contains('{') && !OF_NO_WORKSPACE.contains(&id.as_str()) {
                uncovered.insert(id.clone());
            }
            methods.insert(id, method.to_uppercase().parse::<Method>().unwrap());
        }
    }
    let mut wrong = Vec::new();
    for asked in everything(&server, elsewhere).await {
        uncovered.remove(asked.operation);
        let method = &methods[asked.operation];
        let there = asked.ask(&server, method, &stranger.token, &asked.there).await;
        let nowhere = asked.ask(&server, method, &stranger.token, &asked.nowhere).await;
        // A variable is made by setting it where there is none.
        if asked.operation == "set_variable" {
            assert_eq!(there.status, nowhere.status);
            continue;
        }
        // What nobody has has no triggers.
        let expected = if asked.operation == "list_workflow_triggers" { 200 } else { 404 };
        let answers = (comparable(&there, &asked.there), comparable(&nowhere, &asked.nowhere));
        if there.status != expected || nowhere.status != expected || answers.0 != answers.1 {
            wrong.push(format!("{} {}:\n  {}\n  {}", asked.operation, asked.there, there.text, nowhere.text));
        }
        let names = |answer: &Answer| answer.headers.keys().map(ToString::to_string).collect::<BTreeSet<_>>();
        assert_eq!(names(&there), names(&nowhere), "{}", asked.operation);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(uncovered.is_empty(), "these operations take ids and are not shown here: {uncovered:?}");
    // Nothing of it has changed anything: whose it is still has it.
    let variable = server.get("/api/v1/variables/region").await;
    assert_eq!(variable.json()["value"], "north");
    for list in ["workflows", "executions", "triggers", "credentials", "webhooks", "notification-rules", "approvals"] {
        let own = server.get(&format!("/api/v1/{list}")).await.json();
        assert!(!own["items"].as_array().unwrap().is_empty(), "{list}");
        let request = server.request_by(&stranger.token, Method::GET, &format!("/api/v1/{list}"));
        assert_eq!(Answer::of(request).await.json()["items"], json!([]), "{list}");
    }
}
