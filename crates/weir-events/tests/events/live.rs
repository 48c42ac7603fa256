//! The live stream: everybody gets everything of their workspace, once and in order.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use weir_base::WorkspaceId;
use weir_events::{DomainEvent, Events, Patterns, Position, tell};

use super::{Bench, FIRST, benches, event, system_clock, tell_all};

/// Follows the log until the value is dropped.
struct Following(CancellationToken);

impl Following {
    fn begin(events: &Events) -> Self {
        let (events, stop) = (events.clone(), CancellationToken::new());
        let until = stop.clone();
        tokio::spawn(async move { events.follow(until).await });
        Self(stop)
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

fn numbers(from: i64, to: i64) -> Vec<DomainEvent> {
    (from..=to).map(|n| event(FIRST, "thing/a", n)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_listeners_get_everything_once_and_in_order() {
    const TOLD: i64 = 300;
    for Bench { name, db, _database } in benches().await {
        let events = Events::new(db.clone(), system_clock());
        let _following = Following::begin(&events);
        let other = WorkspaceId::new();
        tell_all(&db, &numbers(1, 20)).await;
        let listeners: Vec<_> = (0..1000)
            .map(|listener| {
                // They come at different moments, to two workspaces, and some have to catch up.
                let workspace = if listener % 4 == 0 { other } else { FIRST };
                let events = events.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_millis(listener / 5)).await;
                    let mut stream = pin!(events.stream(workspace, Some(Position::START), Patterns::all()));
                    for n in 1..=TOLD {
                        let located = stream.next().await.unwrap().unwrap();
                        assert_eq!((located.event.workspace, &located.event.data["n"]), (Some(workspace), &json!(n)));
                    }
                })
            })
            .collect();
        tell_all(&db, &numbers(21, 40)).await;
        for n in 1..=TOLD {
            db.write(tell(&[event(other, "thing/b", n)])).await.unwrap();
            if n > 40 {
                db.write(tell(&[event(FIRST, "thing/a", n)])).await.unwrap();
            }
            events.wake();
        }
        for listener in listeners {
            tokio::time::timeout(super::PATIENCE, listener).await.unwrap_or_else(|_| panic!("{name}: a gap")).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_that_was_away_or_slow_goes_on_where_it_was() {
    for Bench { name, db, _database } in benches().await {
        let events = Events::new(db.clone(), system_clock());
        let _following = Following::begin(&events);
        let mut slow = Box::pin(events.stream(FIRST, Some(Position::START), Patterns::all()));
        tell_all(&db, &numbers(1, 3)).await;
        events.wake();
        let mut last = None;
        for n in 1..=3 {
            let located = slow.next().await.unwrap().unwrap();
            assert_eq!(located.event.data["n"], json!(n), "{name}");
            last = Some(located.position);
        }
        // More than is kept for those that are behind, in rows of many events.
        for chunk in numbers(4, 3000).chunks(37) {
            db.write(tell(chunk)).await.unwrap();
            events.wake();
        }
        for n in 4..=3000 {
            assert_eq!(slow.next().await.unwrap().unwrap().event.data["n"], json!(n), "{name}");
        }
        // Its place goes through a text, as a client has it.
        let mut at: Position = last.unwrap().to_string().parse().unwrap();
        let mut n = 4;
        while n <= 3000 {
            let mut again = Box::pin(events.stream(FIRST, Some(at), Patterns::all()));
            for _ in 0..500 {
                let located = again.next().await.unwrap().unwrap();
                assert_eq!(located.event.data["n"], json!(n), "{name}");
                at = located.position;
                n += 1;
                if n > 3000 {
                    break;
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_for_nothing_of_before_gets_what_comes() {
    for Bench { name, db, _database } in benches().await {
        let events = Events::new(db.clone(), system_clock());
        let _following = Following::begin(&events);
        tell_all(&db, &numbers(1, 5)).await;
        let kinds = Patterns::new(vec!["Other*".to_owned()]).unwrap();
        let mut stream = Box::pin(events.stream(FIRST, None, kinds));
        let early = tokio::time::timeout(Duration::from_millis(700), stream.next()).await;
        assert!(early.is_err(), "{name}: nothing has happened since");
        let mut wanted = event(FIRST, "thing/a", 7);
        wanted.kind = "OtherThing".to_owned();
        // Told by somebody else: nobody wakes the stream.
        tell_all(&db, &[event(FIRST, "thing/a", 6), event(WorkspaceId::new(), "thing/b", 1), wanted.clone()]).await;
        let located = tokio::time::timeout(Duration::from_secs(10), stream.next()).await.unwrap().unwrap().unwrap();
        assert_eq!(*located.event, wanted, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn listeners_that_come_and_go_miss_nothing() {
    for Bench { name, db, _database } in benches().await {
        let events = Events::new(db.clone(), system_clock());
        let _following = Following::begin(&events);
        let telling = {
            let (db, events) = (db.clone(), events.clone());
            tokio::spawn(async move {
                for event in numbers(1, 400) {
                    db.write(tell(&[event])).await.unwrap();
                    events.wake();
                }
            })
        };
        let mut at = Position::START;
        for n in 1..=400 {
            // Alone, so that nobody follows the log between one listener and the next.
            let mut stream = Box::pin(events.stream(FIRST, Some(at), Patterns::all()));
            let next = tokio::time::timeout(super::PATIENCE, stream.next()).await;
            let located = next.unwrap_or_else(|_| panic!("{name}: {n} never came")).unwrap().unwrap();
            assert_eq!(located.event.data["n"], json!(n), "{name}");
            at = located.position;
        }
        telling.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_end_when_nobody_follows_any_more() {
    for Bench { db, _database, .. } in benches().await {
        let events = Events::new(db.clone(), system_clock());
        let following = Following::begin(&events);
        let open = Arc::new(events.clone());
        let listener = tokio::spawn(async move {
            let mut stream = pin!(open.stream(FIRST, None, Patterns::all()));
            stream.next().await.is_none()
        });
        tokio::time::sleep(Duration::from_millis(50)).await;
        drop(following);
        assert!(tokio::time::timeout(Duration::from_secs(10), listener).await.unwrap().unwrap());
        let mut late = pin!(events.stream(FIRST, None, Patterns::all()));
        assert!(tokio::time::timeout(Duration::from_secs(10), late.next()).await.unwrap().is_none());
    }
}
