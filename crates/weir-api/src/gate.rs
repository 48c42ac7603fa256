//! The one place where a request to an operation is let in or refused, by what the operation declares in the OpenAPI
//! document. What declares nothing is not reached.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::header::{ALLOW, AUTHORIZATION, CACHE_CONTROL};
use axum::http::{HeaderMap, HeaderValue, Method, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use ipnet::IpNet;
use utoipa::openapi::OpenApi;
use weir_base::{ErrorKind, Permissions, Principal, WorkspaceId};
use weir_identity::{Error, Identity};

use crate::access::{Access, Counted, Found, Rules};
use crate::config::HttpConfig;
use crate::extract::{BodyLimit, ClientAddress};
use crate::limits::{Limiter, Standing};
use crate::problem::{self, Problem, codes};
use crate::proxies::client_address;

/// What is below it is about the workspace that follows.
const WORKSPACES: &str = "/api/v1/workspaces/";

/// Chooses the workspace.
const WORKSPACE: &str = "weir-workspace";

/// Lets requests in, or not.
pub(crate) struct Gate {
    rules: Rules,
    identity: Identity,
    limiter: Limiter,
    trusted_proxies: Vec<IpNet>,
    /// Where it is not the usual one.
    body_limit: Option<BodyLimit>,
}

impl Gate {
    /// The gate before the operations of this document.
    ///
    /// # Panics
    /// If an operation does not declare who may use it: such a program must not serve.
    pub(crate) fn new(document: &OpenApi, identity: Identity, limiter: Limiter, config: &HttpConfig) -> Arc<Self> {
        let rules = Rules::of(document).unwrap_or_else(|undeclared| panic!("{undeclared}"));
        let body_limit = Some(BodyLimit(config.body_limit)).filter(|limit| *limit != BodyLimit::DEFAULT);
        Arc::new(Self { rules, identity, limiter, trusted_proxies: config.trusted_proxies.clone(), body_limit })
    }

    /// Who asks is known to the rest of the way if this answers well.
    async fn admit(&self, request: &mut Request) -> Result<Option<Standing>, Refused> {
        let path = request.extensions().get::<MatchedPath>();
        let rule = match path.map(|path| self.rules.find(request.method(), path.as_str())) {
            Some(Found::Rule(rule)) => rule,
            Some(Found::NoMethod(allow)) => return Err(Refused::method(request.method(), allow)),
            Some(Found::Nothing) | None => return Err(problem::nothing_at(request.uri().path()).into()),
        };
        if let Some(limit) = self.body_limit.filter(|_| !matches!(*request.method(), Method::GET | Method::HEAD)) {
            request.extensions_mut().insert(limit);
        }
        // Nothing from the network becomes an extension: who is in there was put there by this process.
        if let Some(principal) = request.extensions().get::<Principal>() {
            permit(rule.access, principal)?;
            return Ok(None);
        }
        let address = self.address(request);
        let bearer = if rule.access == Access::Public { None } else { bearer(request.headers())? };
        let ticket = if rule.takes_ticket && bearer.is_none() { ticket(request.uri()) } else { None };
        let Some(proof) = bearer.map(Proof::Bearer).or(ticket.as_deref().map(Proof::Ticket)) else {
            let standing = self.limiter.count_address(address, rule.counted).await?;
            if let Access::Needs(_) = rule.access {
                let detail = "sign in, and send `Authorization: Bearer` with the access token or an API key";
                return Err(Refused::new(Problem::new(codes::UNAUTHENTICATED, detail), standing));
            }
            request.extensions_mut().insert(ClientAddress(address));
            return Ok(standing);
        };
        let named = workspace(request.headers())?;
        let within = named.or_else(|| within(request.uri().path()));
        let authenticated = match proof {
            Proof::Bearer(bearer) => self.identity.authenticate(bearer, within, address).await,
            Proof::Ticket(ticket) => {
                Box::pin(self.identity.authenticate_ticket(ticket, request.uri().path(), address)).await
            }
        };
        let principal = match authenticated {
            Ok(principal) => principal,
            // Whether there is a workspace of that id is nothing a stranger may know.
            Err(Error::WorkspaceClosed) if let (None, Some(id)) = (named, within) => {
                let standing = self.limiter.count_address(address, Counted::Address).await?;
                return Err(Refused::new(Error::NoWorkspace(id).into(), standing));
            }
            Err(error) => {
                // Who guesses tokens is counted; who comes while the database is away is not.
                let guess = error.kind() == ErrorKind::Unauthenticated;
                let standing = if guess { self.limiter.count_address(address, Counted::Address).await? } else { None };
                return Err(Refused::new(error.into(), standing));
            }
        };
        let standing = self.limiter.count_principal(&principal).await?;
        if let Err(problem) = permit(rule.access, &principal) {
            return Err(Refused::new(problem, standing));
        }
        request.extensions_mut().insert(principal);
        Ok(standing)
    }

    fn address(&self, request: &Request) -> Option<IpAddr> {
        let ConnectInfo(peer) = request.extensions().get::<ConnectInfo<SocketAddr>>()?;
        Some(client_address(peer.ip(), request.headers(), &self.trusted_proxies))
    }
}

/// Runs the rest of the way for whoever may go it.
pub(crate) async fn pass(State(gate): State<Arc<Gate>>, mut request: Request, next: Next) -> Response {
    let (mut response, standing) = match gate.admit(&mut request).await {
        Ok(standing) => (next.run(request).await, standing),
        Err(Refused { response, standing }) => (*response, standing),
    };
    let headers = response.headers_mut();
    if let Some(standing) = standing {
        standing.tell(headers);
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// An answer instead of the operation's.
pub(crate) struct Refused {
    response: Box<Response>,
    standing: Option<Standing>,
}

impl Refused {
    pub(crate) fn new(problem: Problem, standing: Option<Standing>) -> Self {
        Self { response: Box::new(problem.into_response()), standing }
    }

    fn method(method: &Method, allow: &HeaderValue) -> Self {
        let response = ([(ALLOW, allow.clone())], problem::not_possible(method)).into_response();
        Self { response: Box::new(response), standing: None }
    }
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self::new(problem, None)
    }
}

fn permit(access: Access, principal: &Principal) -> Result<(), Problem> {
    match access {
        Access::Needs(needed) if !principal.permissions.contain(needed) => {
            Err(Problem::new(codes::FORBIDDEN, missing(needed, principal.permissions)))
        }
        _ => Ok(()),
    }
}

fn missing(needed: Permissions, held: Permissions) -> String {
    let missing: Vec<_> = needed.iter().filter(|one| !held.allow(*one)).map(|one| one.as_str()).collect();
    format!("this needs the permission {}", missing.join(" and "))
}

/// The token after `Bearer`.
fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Problem::new(codes::HEADER_INVALID, "`Authorization` may stand once"));
    }
    let token = value.to_str().ok().and_then(|value| value.split_once(' '));
    match token {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(Some(token.trim())),
        _ => Err(Problem::new(codes::UNAUTHENTICATED, "`Authorization` must be `Bearer` and a token")),
    }
}

/// What proves who asks.
enum Proof<'a> {
    Bearer(&'a str),
    Ticket(&'a str),
}

/// The ticket in the query.
fn ticket(uri: &Uri) -> Option<Cow<'_, str>> {
    let pairs = url::form_urlencoded::parse(uri.query()?.as_bytes());
    pairs.into_iter().find_map(|(name, value)| (name == "ticket").then_some(value))
}

/// The workspace a path below `/workspaces` is about.
fn within(path: &str) -> Option<WorkspaceId> {
    path.strip_prefix(WORKSPACES)?.split('/').next()?.parse().ok()
}

fn workspace(headers: &HeaderMap) -> Result<Option<WorkspaceId>, Problem> {
    let Some(value) = headers.get(WORKSPACE) else { return Ok(None) };
    let id = value.to_str().ok().and_then(|text| text.trim().parse().ok());
    id.map(Some).ok_or_else(|| Problem::new(codes::HEADER_INVALID, "`Weir-Workspace` takes the id of a workspace"))
}
