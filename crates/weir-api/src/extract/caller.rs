//! Who asks, as the gate found out, and from where.

use std::net::IpAddr;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::request::Parts;
use weir_base::Principal;

use crate::problem::{Problem, codes};

/// Whoever is signed in.
#[derive(Debug, Clone)]
pub(crate) struct Caller(pub(crate) Principal);

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let principal = parts.extensions.get::<Principal>().cloned();
        principal.map(Self).ok_or_else(|| Problem::new(codes::UNAUTHENTICATED, "sign in, and send the access token"))
    }
}

/// On an operation that takes a sign-in into account without needing one.
impl<S: Sync> OptionalFromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Problem> {
        Ok(parts.extensions.get::<Principal>().cloned().map(Self))
    }
}

/// The address that a request came from; none for a caller in this process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClientAddress(pub(crate) Option<IpAddr>);

impl<S: Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let known = parts.extensions.get::<Self>().copied();
        let of_principal = || Self(parts.extensions.get::<Principal>().and_then(|principal| principal.address));
        Ok(known.unwrap_or_else(of_principal))
    }
}
