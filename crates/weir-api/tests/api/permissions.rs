//! Who may do what: every operation of the OpenAPI document, asked by everybody there is.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use weir_base::{Permission, Permissions, Principal, Role, WorkspaceId};
use weir_identity::UserUpdate;

use crate::people::Person;
use crate::server::Server;

/// What an operation declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Declared {
    Public,
    Optional,
    Needs(Permissions),
}

#[derive(Debug, Clone)]
struct Operation {
    id: String,
    method: Method,
    /// With values for its variable parts that lead to nothing, but for `{workspace}`, which is to be filled in.
    sample: String,
    declared: Declared,
}

/// How a request was let in or refused.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Verdict {
    /// It reached the operation, whatever that said.
    LetIn,
    /// Refused with this status and code.
    Refused(u16, String),
}

impl Verdict {
    fn refused(status: u16, code: &str) -> Self {
        Self::Refused(status, code.to_owned())
    }
}

/// What the gate says, and no operation by itself.
const GATE: [&str; 7] = [
    "unauthenticated",
    "token_invalid",
    "token_expired",
    "token_revoked",
    "account_inactive",
    "workspace_closed",
    "forbidden",
];

fn declared(operation: &Value) -> Declared {
    let alternatives = operation["security"].as_array().expect("every operation declares its security");
    let open = alternatives.iter().any(|one| one.as_object().unwrap().is_empty());
    let bearer = alternatives.iter().find_map(|one| one["bearer"].as_array());
    match (open, bearer) {
        (true, None) => Declared::Public,
        (true, Some(_)) => Declared::Optional,
        (false, Some(scopes)) => {
            Declared::Needs(scopes.iter().map(|scope| scope.as_str().unwrap().parse::<Permission>().unwrap()).collect())
        }
        (false, None) => panic!("{operation} lets nobody in"),
    }
}

async fn operations(server: &Server) -> Vec<Operation> {
    let document = server.get("/api/openapi.json").await.json();
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let Ok(method) = method.to_uppercase().parse::<Method>() else { continue };
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            let sample = parameters.iter().filter(|parameter| parameter["in"] == "path").fold(
                path.clone(),
                |path, parameter| {
                    let name = parameter["name"].as_str().unwrap();
                    if name == "id" && path.starts_with("/api/v1/workspaces/{id}") {
                        return path.replace("{id}", "{workspace}");
                    }
                    let value = match (&parameter["schema"]["format"], &parameter["schema"]["type"]) {
                        (Value::String(format), _) if format == "uuid" => "01890a5d-ac96-774b-bcce-b302099a8057",
                        (_, Value::String(kind)) if kind == "integer" => "1",
                        _ => "sample",
                    };
                    path.replace(&format!("{{{name}}}"), value)
                },
            );
            let id = operation["operationId"].as_str().unwrap().to_owned();
            operations.push(Operation { id, method, sample, declared: declared(operation) });
        }
    }
    operations
}

impl Operation {
    /// Asks, with this token, in the first workspace.
    async fn ask(&self, server: &Server, token: Option<&str>) -> Verdict {
        self.ask_in(WorkspaceId::FIRST, server, token, None).await
    }

    /// Asks about this workspace where the path has one, with a header that names one.
    async fn ask_in(
        &self,
        workspace: WorkspaceId,
        server: &Server,
        token: Option<&str>,
        header: Option<WorkspaceId>,
    ) -> Verdict {
        let path = self.sample.replace("{workspace}", &workspace.to_string());
        // Nothing is changed that the walk needs: every change that there could be is based on an old state.
        let mut request =
            server.nobody.request(self.method.clone(), server.url(&path)).header("if-match", "\"987654\"");
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(workspace) = header {
            request = request.header("weir-workspace", workspace.to_string());
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        assert!(status < 500 && status != 405, "{}: {status}", self.id);
        if !matches!(status, 401 | 403) {
            return Verdict::LetIn;
        }
        let challenge = response.headers().get("www-authenticate").cloned();
        assert_eq!(challenge.is_some(), status == 401, "{}: {challenge:?}", self.id);
        let problem: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
        let code = problem["code"].as_str().unwrap();
        if code == "forbidden" {
            let Declared::Needs(needed) = self.declared else { panic!("{}: {problem}", self.id) };
            let detail = problem["detail"].as_str().unwrap();
            assert!(needed.iter().any(|one| detail.contains(one.as_str())), "{}: {detail}", self.id);
        }
        if GATE.contains(&code) { Verdict::refused(status, code) } else { Verdict::LetIn }
    }

    /// What somebody with these permissions must be answered.
    fn expected(&self, held: Permissions) -> Verdict {
        match self.declared {
            Declared::Needs(needed) if !held.contain(needed) => Verdict::refused(403, "forbidden"),
            _ => Verdict::LetIn,
        }
    }

    /// What somebody whose token does not hold must be answered.
    fn expected_without(&self, code: &'static str) -> Verdict {
        match self.declared {
            Declared::Needs(_) => Verdict::refused(401, code),
            Declared::Optional if code != "unauthenticated" => Verdict::refused(401, code),
            Declared::Optional | Declared::Public => Verdict::LetIn,
        }
    }

    /// Whether it may end the session that asks.
    fn ends_sessions(&self) -> bool {
        self.sample.starts_with("/api/v1/auth")
    }

    /// A refusal by an operation for everybody, which has tokens of its own.
    fn takes_tokens(&self) -> bool {
        self.declared == Declared::Public && self.ends_sessions()
    }
}

/// Every wrong way of asking and every right one, of every operation: the walk fails if a single answer differs from
/// what the operation declares and the table of roles allows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_operation_lets_in_whom_it_declares_and_nobody_else() {
    let server = Server::start().await;
    let operations = operations(&server).await;
    let people = &server.people;
    let elsewhere = people.workspace("Elsewhere").await;
    let mut wrong = Vec::new();
    let mut walked = 0;
    let mut check = |operation: &Operation, who: &str, answer: Verdict, expected: Verdict| {
        walked += 1;
        if answer != expected && !(operation.takes_tokens() && answer != Verdict::refused(403, "forbidden")) {
            wrong.push(format!("{} by {who}: {answer:?} instead of {expected:?}", operation.id));
        }
    };

    for operation in &operations {
        let answer = operation.ask(&server, None).await;
        check(operation, "nobody", answer, operation.expected_without("unauthenticated"));
    }

    let mut members = BTreeMap::new();
    for role in Role::ALL {
        members.insert(role.as_str(), people.member(WorkspaceId::FIRST, role).await);
    }
    let stranger = people.member(elsewhere, Role::Admin).await;
    for operation in &operations {
        for role in Role::ALL {
            let member = &mut members.get_mut(role.as_str()).unwrap();
            let answer = operation.ask(&server, Some(&member.token)).await;
            check(operation, role.as_str(), answer, operation.expected(role.permissions()));
            if operation.ends_sessions() {
                **member = people.member(WorkspaceId::FIRST, role).await;
            }
        }
        let by = people.again(&server.admin).await;
        let answer = operation.ask(&server, Some(&by)).await;
        check(operation, "who administers the installation", answer, Verdict::LetIn);
        let token = people.again(&stranger).await;
        let answer = operation.ask_in(WorkspaceId::FIRST, &server, Some(&token), Some(WorkspaceId::FIRST)).await;
        let expected = match operation.declared {
            Declared::Public => Verdict::LetIn,
            _ => Verdict::refused(403, "workspace_closed"),
        };
        check(operation, "an admin of another workspace, here", answer, expected);
        let answer = operation.ask(&server, Some(&token)).await;
        check(
            operation,
            "an admin of another workspace, there",
            answer,
            operation.expected(stranger.principal.permissions),
        );
    }

    let admin = people.member(WorkspaceId::FIRST, Role::Admin).await;
    for permission in Role::Admin.permissions().iter() {
        let scopes: Permissions = [permission].into_iter().collect();
        let key = people.key(&admin, scopes).await;
        for operation in &operations {
            let answer = operation.ask(&server, Some(&key)).await;
            check(operation, &format!("a key for {permission}"), answer, operation.expected(scopes));
        }
    }

    for (who, token, code) in broken(&server).await {
        for operation in &operations {
            let answer = operation.ask(&server, Some(&token)).await;
            check(operation, who, answer, operation.expected_without(code));
        }
    }
    assert!(wrong.is_empty(), "{} of {walked} answers are wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(walked > operations.len() * 30, "{walked}");
}

/// Tokens that do not hold, with the code that says why.
async fn broken(server: &Server) -> Vec<(&'static str, String, &'static str)> {
    let people = &server.people;
    let member = || people.member(WorkspaceId::FIRST, Role::Admin);
    let good = member().await;
    let (head, rest) = good.token.split_once('.').unwrap();
    let (claims, signature) = rest.split_once('.').unwrap();
    let none = encoded(&json!({"typ": "at+jwt", "alg": "none", "kid": decoded(head)["kid"]}));
    let mut mightier = decoded(claims);
    mightier["sub"] = json!(server.admin.user);
    let tampered = format!("{head}.{}.{signature}", encoded(&mightier));
    let other_key = format!("{head}.{claims}.{}", encoded(&json!("not the signature at all, but as long")));
    let past = people.forged(&good, &json!({"exp": 1_000_000_000})).await;
    let audience = people.forged(&good, &json!({"aud": "another-service"})).await;
    let issuer = people.forged(&good, &json!({"iss": "https://elsewhere.example/"})).await;

    let inactive = member().await;
    let off = UserUpdate { is_active: Some(false), ..UserUpdate::default() };
    people.identity.users().update(&server.admin.principal, inactive.user, None, off).await.unwrap();
    let gone = member().await;
    people.identity.logout(&gone.principal).await.unwrap();
    let without_key = member().await;
    let key = people.key(&without_key, Role::Admin.permissions()).await;
    let id = match people.identity.authenticate(&key, None, None).await.unwrap().actor {
        weir_base::Actor::ApiKey { key, .. } => key,
        other => panic!("{other}"),
    };
    people.identity.api_keys().revoke(&without_key.principal, id).await.unwrap();
    let live = people.key(&without_key, Role::Admin.permissions()).await;
    let altered = format!("{}{}", &live[..live.len() - 1], if live.ends_with('A') { 'B' } else { 'A' });

    vec![
        ("nonsense", "nonsense".to_owned(), "token_invalid"),
        ("alg:none", format!("{none}.{claims}."), "token_invalid"),
        ("alg:none with the old signature", format!("{none}.{claims}.{signature}"), "token_invalid"),
        ("a tampered token", tampered, "token_invalid"),
        ("a token with another signature", other_key, "token_invalid"),
        ("an expired token", past, "token_expired"),
        ("a token for another audience", audience, "token_invalid"),
        ("a token of another issuer", issuer, "token_invalid"),
        ("who was switched off", inactive.token, "token_revoked"),
        ("who signed out", gone.token, "token_revoked"),
        ("a revoked key", key, "token_revoked"),
        ("an altered key", altered, "token_invalid"),
    ]
}

fn encoded(value: &Value) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(value.to_string())
}

fn decoded(part: &str) -> Value {
    use base64::Engine as _;
    let json = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).unwrap();
    serde_json::from_slice(&json).unwrap()
}

#[tokio::test]
async fn a_token_is_over_when_its_time_is_and_a_right_when_it_is_taken() {
    let server = Server::start().await;
    let member = server.people.member(WorkspaceId::FIRST, Role::Analyst).await;
    let server = &server;
    let status = |person: Person| async move {
        let request = server.request_by(&person.token, Method::GET, "/api/v1/workflows");
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(status(member.clone()).await, 200);
    let operator = Principal::operator(WorkspaceId::FIRST);
    server.people.identity.members().remove(&operator, member.user).await.unwrap();
    assert_eq!(status(member).await, 403);
    server.people.clock.advance(Duration::from_secs(15 * 60 - 1));
    assert_eq!(status(server.admin.clone()).await, 200);
    server.people.clock.advance(Duration::from_secs(2));
    let late = crate::server::Answer::of(server.request(Method::GET, "/api/v1/workflows")).await;
    assert_eq!((late.status.as_u16(), late.problem()), (401, "token_expired".to_owned()));
    assert_eq!(late.headers["www-authenticate"], "Bearer realm=\"weir\", error=\"invalid_token\"");
}
