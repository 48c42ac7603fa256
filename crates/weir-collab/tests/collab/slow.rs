//! Clients that read slowly, or not at all.

use std::time::Duration;

use tokio::time::timeout;
use weir_collab::{Config, Frame};

use crate::client::Client;
use crate::{PATIENCE, config, sqlite, writer};

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_gets_one_update_instead_of_a_backlog_and_has_everything() {
    let bench = sqlite().await;
    let (collab, workflow) = (bench.collab(), bench.workflow());
    let mut writer_ = Client::join(&collab, workflow, writer("w")).await;
    let mut slow = Client::join(&collab, workflow, writer("s")).await;
    slow.pump().await;
    slow.updates = 0;
    for round in 0..3_000 {
        writer_.set("start", "round", f64::from(round));
        writer_.write("code", "x");
        writer_.pump().await;
    }
    slow.pump_until("everything", |slow| slow.field("start", "round") == 2_999.0).await;
    slow.pump().await;
    assert!(slow.updates <= 66, "{}", slow.updates);
    writer_.save().await;
    assert_eq!(slow.state(), writer_.state());
    // From here on it gets each of them again.
    writer_.set("start", "round", "more");
    slow.pump_until("one more", |slow| slow.field("start", "round") == "more").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_never_reads_is_disconnected_and_took_little_memory() {
    let bench = sqlite().await;
    let config = Config { patience: Duration::from_millis(400), ..config() };
    let (collab, workflow) = (bench.collab_with(config, None), bench.workflow());
    let mut writer_ = Client::join(&collab, workflow, writer("w")).await;
    let (_input, mut out) = collab.join(workflow, writer("n")).await.unwrap();
    let abandoned = out.abandoned();
    for _ in 0..40 {
        writer_.set("start", "large", "x".repeat(50_000));
        writer_.save().await;
    }
    timeout(PATIENCE, abandoned).await.unwrap();
    let mut left = 0;
    let mut last = None;
    while let Some(frame) = out.next().await {
        if let Frame::Binary(bytes) = &frame {
            left += bytes.len();
        }
        last = Some(frame);
    }
    assert_eq!(left, 0, "what waited for it is gone");
    assert!(matches!(last, Some(Frame::Close(close)) if close.code == 1013));
    writer_.set("start", "large", "goes on");
    writer_.save().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_again_and_again_without_reading_is_answered_once() {
    let bench = sqlite().await;
    let (collab, workflow) = (bench.collab(), bench.workflow());
    let mut client = Client::join(&collab, workflow, writer("a")).await;
    client.pump().await;
    for _ in 0..10_000 {
        client.try_send(vec![0, 0, 1, 0]).unwrap();
    }
    let mut frames = 0;
    let (_, out) = client.connection.as_mut().unwrap();
    while timeout(Duration::from_millis(20), out.next()).await.is_ok() {
        frames += 1;
    }
    assert_eq!(frames, 1);
}
