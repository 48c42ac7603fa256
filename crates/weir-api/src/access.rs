//! What each operation needs of whoever asks, read from the OpenAPI document, which is where every route declares it.
//!
//! `security(("bearer" = ["workflow:read"]))` needs these permissions, `security(("bearer" = []))` just a sign-in,
//! `security((), ("bearer" = []))` takes a sign-in into account, and `security(())` is for everybody. The extension
//! `x-weir-limit` counts an operation elsewhere than others (`login`, `hook`, `none`), and `x-weir-methods` with `any`
//! opens it to every method. `x-weir-ticket` lets `?ticket=` stand for the `Authorization` that a client cannot send.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher};

use axum::http::{HeaderValue, Method};
use serde_json::Value;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::{OpenApi, extensions::Extensions};
use weir_base::{Permission, Permissions};

/// Who may do it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Everybody; who asks is not looked at.
    Public,
    /// Everybody; but a sign-in that is sent must hold.
    Optional,
    /// Whoever is signed in and has all of these permissions; there may be none.
    Needs(Permissions),
}

/// Where requests without a sign-in are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counted {
    /// Among all others from the address.
    Address,
    /// Among attempts to prove who somebody is.
    Login,
    /// Among calls of webhooks.
    Hook,
    /// Nowhere.
    Not,
}

/// What an operation declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) access: Access,
    pub(crate) counted: Counted,
    /// Whether `?ticket=` proves who asks, where there is no `Authorization`.
    pub(crate) takes_ticket: bool,
}

/// The rules of all operations, by the path as the router matches it.
pub(crate) struct Rules(HashMap<String, Path, BuildHasherDefault<DefaultHasher>>);

struct Path {
    /// By the place of the method in [`METHODS`].
    rules: [Option<Rule>; METHODS.len()],
    allow: HeaderValue,
}

const METHODS: [Method; 6] = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

/// A route that does not say who may use it, or not in a way that is understood.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{method} {path} {wrong}")]
pub(crate) struct Undeclared {
    method: Method,
    path: String,
    wrong: String,
}

/// What the table says to a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found<'t> {
    /// The rule for it.
    Rule(Rule),
    /// The path is not possible with this method, but with these.
    NoMethod(&'t HeaderValue),
    /// A path that no operation is declared for.
    Nothing,
}

impl Rules {
    /// Reads the declarations of all operations.
    pub(crate) fn of(document: &OpenApi) -> Result<Self, Undeclared> {
        let paths = document.paths.paths.iter().map(|(path, item)| Ok((path.clone(), Path::of(path, item)?)));
        Ok(Self(paths.collect::<Result<_, _>>()?))
    }

    pub(crate) fn find(&self, method: &Method, path: &str) -> Found<'_> {
        let Some(path) = self.0.get(path) else { return Found::Nothing };
        let place = METHODS.iter().position(|known| known == method);
        place.and_then(|place| path.rules[place]).map_or(Found::NoMethod(&path.allow), Found::Rule)
    }
}

impl Path {
    fn of(path: &str, item: &PathItem) -> Result<Self, Undeclared> {
        let PathItem { get, put, post, delete, head, patch, .. } = item;
        let operations = [get, head, post, put, patch, delete];
        let mut rules = [None; METHODS.len()];
        for (place, operation) in operations.into_iter().enumerate() {
            let Some(operation) = operation else { continue };
            let undeclared = |wrong| Undeclared { method: METHODS[place].clone(), path: path.to_owned(), wrong };
            let rule = Rule {
                access: access(operation).map_err(undeclared)?,
                counted: counted(operation.extensions.as_ref()).map_err(undeclared)?,
                takes_ticket: takes_ticket(operation.extensions.as_ref()).map_err(undeclared)?,
            };
            match extension(operation.extensions.as_ref(), "x-weir-methods") {
                Some(Value::String(any)) if any == "any" => rules = [Some(rule); METHODS.len()],
                Some(other) => return Err(undeclared(format!("declares x-weir-methods as {other}"))),
                None => rules[place] = Some(rule),
            }
        }
        // The router answers HEAD wherever it answers GET.
        rules[1] = rules[1].or(rules[0]);
        let allowed = METHODS.iter().zip(&rules).filter(|(_, rule)| rule.is_some());
        let allow = allowed.map(|(method, _)| method.as_str()).collect::<Vec<_>>().join(",");
        // Names of methods are always a header.
        let allow = HeaderValue::try_from(allow).unwrap_or(HeaderValue::from_static(""));
        Ok(Self { rules, allow })
    }
}

fn access(operation: &Operation) -> Result<Access, String> {
    let Some(security) = &operation.security else {
        return Err("does not declare who may use it: give it `security(...)`".to_owned());
    };
    // Requirements show what is in them only when written.
    let written = serde_json::to_value(security).map_err(|error| error.to_string())?;
    let alternatives = written.as_array().map(Vec::as_slice).unwrap_or_default();
    let open = |requirement: &Value| requirement.as_object().is_some_and(serde_json::Map::is_empty);
    let public = alternatives.iter().any(open);
    let rest: Vec<&Value> = alternatives.iter().filter(|requirement| !open(requirement)).collect();
    match (public, rest.as_slice()) {
        (true, []) => Ok(Access::Public),
        (true, [bearer]) if bearer_scopes(bearer)?.is_empty() => Ok(Access::Optional),
        (false, [bearer]) => {
            let permissions = bearer_scopes(bearer)?.into_iter().map(|word| {
                let word = word.as_str().unwrap_or_default();
                word.parse::<Permission>().map_err(|error| format!("needs a permission that is none: {error}"))
            });
            Ok(Access::Needs(permissions.collect::<Result<_, _>>()?))
        }
        _ => Err(format!("declares security that is not understood: {written}")),
    }
}

/// The permissions of `{"bearer": [...]}`.
fn bearer_scopes(requirement: &Value) -> Result<Vec<Value>, String> {
    let scheme = requirement.as_object().filter(|schemes| schemes.len() == 1).and_then(|schemes| schemes.get("bearer"));
    let scopes = scheme.and_then(Value::as_array).cloned();
    scopes.ok_or_else(|| format!("declares security that is not understood: {requirement}"))
}

fn counted(extensions: Option<&Extensions>) -> Result<Counted, String> {
    match extension(extensions, "x-weir-limit") {
        None => Ok(Counted::Address),
        Some(word) => match word.as_str() {
            Some("login") => Ok(Counted::Login),
            Some("hook") => Ok(Counted::Hook),
            Some("none") => Ok(Counted::Not),
            _ => Err(format!("declares x-weir-limit as {word}")),
        },
    }
}

fn takes_ticket(extensions: Option<&Extensions>) -> Result<bool, String> {
    match extension(extensions, "x-weir-ticket") {
        None => Ok(false),
        Some(Value::Bool(takes)) => Ok(*takes),
        Some(other) => Err(format!("declares x-weir-ticket as {other}")),
    }
}

fn extension<'e>(extensions: Option<&'e Extensions>, name: &str) -> Option<&'e Value> {
    extensions.and_then(|extensions| extensions.get(name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rules(operation: &Value) -> Result<Rules, String> {
        let document = json!({
            "openapi": "3.1.0",
            "info": {"title": "t", "version": "1"},
            "paths": {"/things/{id}": {"get": operation}},
        });
        let document: OpenApi = serde_json::from_value(document).unwrap();
        Rules::of(&document).map_err(|undeclared| undeclared.to_string())
    }

    fn access_of(security: &Value) -> Result<Access, String> {
        let rules = rules(&json!({"responses": {}, "security": security}))?;
        match rules.find(&Method::HEAD, "/things/{id}") {
            Found::Rule(rule) => Ok(rule.access),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn declarations_are_read() {
        let needs = |permissions: &[Permission]| Access::Needs(permissions.iter().copied().collect());
        assert_eq!(access_of(&json!([{}])), Ok(Access::Public));
        assert_eq!(access_of(&json!([{}, {"bearer": []}])), Ok(Access::Optional));
        assert_eq!(access_of(&json!([{"bearer": []}])), Ok(needs(&[])));
        let both = [Permission::WorkflowWrite, Permission::ExecutionRun];
        assert_eq!(access_of(&json!([{"bearer": ["workflow:write", "execution:run"]}])), Ok(needs(&both)));
    }

    #[test]
    fn a_route_without_a_declaration_or_with_a_strange_one_is_refused_loudly() {
        let silent = rules(&json!({"responses": {}})).err().unwrap();
        assert_eq!(silent, "GET /things/{id} does not declare who may use it: give it `security(...)`");
        for strange in [
            json!([]),
            json!([{"bearer": ["workflow:fly"]}]),
            json!([{"basic": []}]),
            json!([{"bearer": []}, {"bearer": ["workflow:read"]}]),
            json!([{}, {"bearer": ["workflow:read"]}]),
        ] {
            assert!(access_of(&strange).is_err(), "{strange}");
        }
        for extension in ["x-weir-limit", "x-weir-methods", "x-weir-ticket"] {
            assert!(rules(&json!({"responses": {}, "security": [{}], extension: "sometimes"})).is_err(), "{extension}");
        }
    }

    #[test]
    fn other_methods_and_paths_have_no_rule() {
        let declared = rules(&json!({"responses": {}, "security": [{}]})).unwrap();
        let allow = HeaderValue::from_static("GET,HEAD");
        assert_eq!(declared.find(&Method::POST, "/things/{id}"), Found::NoMethod(&allow));
        assert_eq!(declared.find(&Method::OPTIONS, "/things/{id}"), Found::NoMethod(&allow));
        assert_eq!(declared.find(&Method::GET, "/things"), Found::Nothing);
        let any = json!({"responses": {}, "security": [{}], "x-weir-methods": "any", "x-weir-limit": "hook"});
        let any = rules(&any).unwrap();
        let hook = Rule { access: Access::Public, counted: Counted::Hook, takes_ticket: false };
        assert_eq!(any.find(&Method::DELETE, "/things/{id}"), Found::Rule(hook));
    }
}
