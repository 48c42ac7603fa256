//! The audit log: who did what, found again, and never changed.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use weir_base::{Actor, Principal, Timestamp, TriggerId, WorkspaceId};
use weir_db::Statement;
use weir_events::{Audit, AuditFilter, DomainEvent, Events, Patterns, Retention};

use super::{Bench, FIRST, Relaying, benches, count, person, system_clock, tell_all, until};

fn at(second: u64) -> Timestamp {
    Timestamp::UNIX_EPOCH + Duration::from_secs(second)
}

fn did(who: &Principal, kind: &str, subject: &str, second: u64) -> DomainEvent {
    DomainEvent::by(who, kind, subject.to_owned(), at(second), json!({"name": "Ünïcode 100%"}))
}

#[tokio::test]
async fn who_did_what_is_found_by_whoever_may_know() {
    for Bench { name, db, _database } in benches().await {
        let (ann, bob) = (person(FIRST), person(FIRST));
        let operator = Principal::operator(FIRST);
        let trigger = Principal { actor: Actor::Trigger(TriggerId::new()), ..operator.clone() };
        let elsewhere = person(WorkspaceId::new());
        let told = [
            did(&ann, "CredentialCreated", "credential/1", 1),
            did(&bob, "CredentialDeleted", "credential/1", 2),
            did(&ann, "ExecutionStarted", "execution/1", 3),
            did(&operator, "ExecutionCompleted", "execution/1", 4),
            did(&trigger, "ExecutionStarted", "execution/2", 5),
            did(&operator, "NodeExecuted", "execution/2", 6),
            did(&operator, "CredentialsRotated", "installation", 7),
            did(&operator, "order.placed", "order/1", 7),
            did(&elsewhere, "VariableSet", "variable/x", 8),
        ];
        tell_all(&db, &told).await;
        // Told twice, it is one thing that happened.
        tell_all(&db, &told[..1]).await;
        let audit = Audit::new(db.clone());
        let events = Events::new(db.clone(), system_clock());
        let _relaying = Relaying::begin(&events, vec![Arc::new(audit.clone())]);
        until("all are relayed", || async { events.health().relayed == 10 }).await;

        let kinds = |filter: AuditFilter| {
            let audit = audit.clone();
            async move {
                let page = audit.list(FIRST, &filter, &Default::default()).await.unwrap();
                page.items.into_iter().map(|entry| entry.kind).collect::<Vec<_>>().join(" ")
            }
        };
        let all = "CredentialsRotated ExecutionStarted CredentialDeleted CredentialCreated";
        let none = AuditFilter::default;
        assert_eq!(kinds(none()).await, all, "{name}");
        let by_ann = AuditFilter { actor: Some(ann.actor.to_string()), ..none() };
        assert_eq!(kinds(by_ann).await, "ExecutionStarted CredentialCreated", "{name}");
        let by_people = AuditFilter { actor: Some("user:*".to_owned()), ..none() };
        assert_eq!(kinds(by_people).await, "ExecutionStarted CredentialDeleted CredentialCreated", "{name}");
        let secrets = AuditFilter { subject: Some("credential/1".to_owned()), ..none() };
        assert_eq!(kinds(secrets).await, "CredentialDeleted CredentialCreated", "{name}");
        for (actor, subject, found) in [
            ("USER:*", "CREDENTIAL/*", "CredentialDeleted CredentialCreated"),
            ("user:*", "cre%*", ""),
            ("u_er:*", "credential/*", ""),
            ("*", "credential_1*", ""),
        ] {
            let filter = AuditFilter { actor: Some(actor.to_owned()), subject: Some(subject.to_owned()), ..none() };
            assert_eq!(kinds(filter).await, found, "{name}: {actor} {subject}");
        }
        let in_lower_case = Patterns::new(vec!["credentialS*".to_owned()]).unwrap();
        assert_eq!(kinds(AuditFilter { kinds: Some(in_lower_case), ..none() }).await, "CredentialsRotated", "{name}");
        for (length, is_taken) in [(512, true), (513, false)] {
            let long = AuditFilter { q: Some("%".repeat(length)), ..none() };
            match audit.list(FIRST, &long, &Default::default()).await {
                Ok(page) => assert!(is_taken && page.items.is_empty(), "{name}: {length}"),
                Err(error) => {
                    assert_eq!(error.to_string(), "`q` takes at most 512 bytes", "{name}");
                    assert!(!is_taken, "{name}: {length}");
                }
            }
        }
        let patterns = Patterns::new(vec!["Execution*".to_owned(), "CredentialsRotated".to_owned()]).unwrap();
        let by_kind = AuditFilter { kinds: Some(patterns), ..none() };
        assert_eq!(kinds(by_kind).await, "CredentialsRotated ExecutionStarted", "{name}");
        let between = AuditFilter { since: Some(at(2)), until: Some(at(7)), ..none() };
        assert_eq!(kinds(between).await, "ExecutionStarted CredentialDeleted", "{name}");
        for (q, found) in [("ÜNÏCODE 100%", all), ("192.0.2.7 ", ""), ("DeLeTeD", "CredentialDeleted"), ("100_", "")]
        {
            assert_eq!(kinds(AuditFilter { q: Some(q.to_owned()), ..none() }).await, found, "{name}: {q}");
        }
        let entry = &audit.list(FIRST, &none(), &Default::default()).await.unwrap().items[3];
        assert_eq!((entry.address.as_deref(), entry.at), (Some("192.0.2.7"), at(1)), "{name}");
        assert_eq!(entry.event_id, told[0].id, "{name}");
        assert_eq!(audit.list_all(&none(), &Default::default()).await.unwrap().items.len(), 5, "{name}");

        let mut seen = Vec::new();
        let mut page = weir_base::PageRequest::new(Some(1), None);
        loop {
            let slice = audit.list(FIRST, &none(), &page).await.unwrap();
            seen.extend(slice.items.into_iter().map(|entry| entry.kind));
            let Some(next) = slice.next else { break };
            page.cursor = Some(next);
        }
        assert_eq!(seen.join(" "), all, "{name}: page by page");
    }
}

#[tokio::test]
async fn nobody_changes_what_was_done_until_its_time_is_past() {
    for Bench { name, db, _database } in benches().await {
        let audit = Audit::new(db.clone());
        let events = Events::new(db.clone(), system_clock());
        let _relaying = Relaying::begin(&events, vec![Arc::new(audit.clone())]);
        let ann = person(FIRST);
        tell_all(&db, &[did(&ann, "VariableSet", "variable/a", 1), did(&ann, "VariableSet", "variable/b", 9)]).await;
        until("both are there", || async { count(&db, "audit_log").await == 2 }).await;
        let mut attempts = vec!["UPDATE audit_log SET actor = 'nobody'", "DELETE FROM audit_log"];
        if name == "postgres" {
            attempts.push("TRUNCATE audit_log");
        }
        for attempt in attempts {
            let error = db.write(Statement::new(attempt, Vec::new())).await.unwrap_err();
            assert!(error.to_string().contains("append-only"), "{name}: {error}");
        }
        let retention = Retention::default();
        let removed = retention.enforce(&db, at(5) + retention.audit).await.unwrap();
        assert_eq!(removed.audit, 1, "{name}");
        let left = audit.list(FIRST, &AuditFilter::default(), &Default::default()).await.unwrap().items;
        assert_eq!(left.iter().map(|entry| entry.subject.as_str()).collect::<Vec<_>>(), ["variable/b"], "{name}");
        assert!(db.write(Statement::new("DELETE FROM audit_log", Vec::new())).await.is_err(), "{name}: closed again");
    }
}
