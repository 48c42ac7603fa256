//! The problems an operation may answer with, for the OpenAPI document.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use utoipa::IntoResponses;
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::{ContentBuilder, Ref, RefOr};

/// What reading may be answered with.
pub(crate) struct ReadProblems;

/// What reading a file by its path may be answered with.
pub(crate) struct ReadFileProblems;

/// What writing may be answered with.
pub(crate) struct WriteProblems;

impl IntoResponses for ReadProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        documented(&[
            (StatusCode::BAD_REQUEST, "The request cannot be read"),
            (StatusCode::UNAUTHORIZED, "Nobody is signed in, or the token does not hold"),
            (StatusCode::FORBIDDEN, "A permission is missing; `detail` names it"),
            (StatusCode::NOT_FOUND, "There is no such thing, or none that you may know of"),
            (StatusCode::TOO_MANY_REQUESTS, "Too many requests; try again after `Retry-After` seconds"),
            (StatusCode::SERVICE_UNAVAILABLE, "A dependency is away; try again after `Retry-After` seconds"),
        ])
    }
}

impl IntoResponses for ReadFileProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let mut all = ReadProblems::responses();
        all.extend(documented(&[(StatusCode::UNPROCESSABLE_ENTITY, "No file can have this path")]));
        all
    }
}

impl IntoResponses for WriteProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let mut all = ReadProblems::responses();
        all.extend(documented(&[
            (StatusCode::CONFLICT, "The present state does not allow this"),
            (StatusCode::REQUEST_TIMEOUT, "The body came too slowly"),
            (StatusCode::PRECONDITION_REQUIRED, "`If-Match` is missing where it is needed"),
            (StatusCode::PRECONDITION_FAILED, "Based on an old state; `current` holds the present one"),
            (StatusCode::PAYLOAD_TOO_LARGE, "The body is too large"),
            (StatusCode::UNSUPPORTED_MEDIA_TYPE, "The body has an unsupported type"),
            (StatusCode::UNPROCESSABLE_ENTITY, "A rule is broken; `errors` names all of them"),
        ]));
        all
    }
}

fn documented(problems: &[(StatusCode, &str)]) -> BTreeMap<String, RefOr<Response>> {
    problems
        .iter()
        .map(|(status, description)| {
            let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
            let response =
                ResponseBuilder::new().description(*description).content("application/problem+json", content).build();
            (status.as_str().to_owned(), RefOr::T(response))
        })
        .collect()
}
