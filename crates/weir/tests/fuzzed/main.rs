//! Requests made up from the OpenAPI document, asked of the real binary by people of each role and by nobody: no
//! answer is a failure of the server, and each is one that the document describes.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at the first surprise")]

mod requests;
mod server;
mod things;

use requests::{Asking, Round};
use server::Server;

/// Streams that do not end as long as something may happen: reading one to its end is waiting for ever.
const ENDLESS: [&str; 2] = ["follow_events", "follow_execution"];

/// What ends the session of the one who asks, or takes the role or the workspace away: after it everything is
/// answered by a 401 or 404, which shows nothing. An admin of its own asks these, after all others.
const ENDING: [&str; 9] = [
    "logout",
    "end_session",
    "end_sessions",
    "change_password",
    "reset_user_password",
    "update_user",
    "update_member",
    "remove_member",
    "delete_workspace",
];

#[tokio::test(flavor = "multi_thread")]
async fn made_up_requests_of_everybody_are_answered_as_documented() {
    let server = Server::start().await;
    let things = things::make(&server).await;
    let mut roles = Vec::new();
    for role in ["developer", "viewer", "analyst"] {
        roles.push((role, server.member(role).await));
    }
    let ending = server.member("admin").await;

    let not_for_all = [&ENDLESS[..], &ENDING].concat();
    let round = |name, person: &server::Person, things, cases| Round {
        name,
        token: Some(person.token.clone()),
        asking: Asking::AllBut(not_for_all.clone()),
        things,
        cases,
        limits_of_fields: false,
    };
    // What is there is asked about by those who may do most; the limits of each field are tried once.
    let mut first = round("operator", &server.operator, Some(&things), 3);
    first.limits_of_fields = true;
    let mut rounds = vec![first];
    rounds.extend(roles.iter().map(|(role, person)| round(role, person, Some(&things), 2)));
    rounds.push(Round {
        name: "nobody",
        token: None,
        asking: Asking::AllBut(ENDLESS.to_vec()),
        things: None,
        cases: 2,
        limits_of_fields: false,
    });
    requests::ask(&server.url, rounds).await;

    // Otherwise most of the above was asked by somebody who was signed out.
    for person in roles.iter().map(|(_, person)| person).chain([&server.operator]) {
        assert_eq!(server.status(person, "/api/v1/auth/me").await, 200, "{}", person.email);
    }
    let last = Round {
        name: "ending",
        token: Some(ending.token),
        asking: Asking::Only(ENDING.to_vec()),
        things: None,
        cases: 4,
        limits_of_fields: false,
    };
    requests::ask(&server.url, vec![last]).await;
    assert_eq!(server.status(&server.operator, "/readyz").await, 200);
}
