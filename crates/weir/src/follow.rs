//! Follows an execution to its end: shows what happens, and lets signals cancel it or leave it.

mod progress;

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;
use weir_core::event::JournalEvent;
use weir_engine::node::LogLevel;

use self::progress::Progress;
use crate::client::{Client, Frame};
use crate::failure::{Exit, Failure};
use crate::output;
use crate::signals::{Asked, Signals};

/// How long a server may be away before a follower gives up.
const PATIENCE: Duration = Duration::from_secs(15);

/// The pause before a broken stream is taken up again.
const PAUSE: Duration = Duration::from_millis(200);

/// How often the progress bar asks how far the execution is.
const TICK: Duration = Duration::from_millis(500);

/// What is shown on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Show {
    /// A bar on a terminal, lines elsewhere; on standard error.
    Progress,
    /// Each event as a line of JSON on standard output.
    Events,
    /// Nothing.
    Nothing,
}

/// What Ctrl-C does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnInterrupt {
    /// Cancels the execution and waits for its end; the second one leaves at once.
    Cancel,
    /// Leaves; the execution is taken up again later.
    Leave,
}

/// How following ended.
#[derive(Debug)]
pub(crate) enum Followed {
    /// The execution as the API shows it, ended.
    Ended(Value),
    /// A signal came.
    Left(Asked),
}

/// Follows the execution's events after `after`.
pub(crate) async fn follow(
    client: &Client,
    id: &str,
    after: u64,
    show: Show,
    on_interrupt: OnInterrupt,
) -> anyhow::Result<Followed> {
    let mut signals = Signals::listen()?;
    let mut progress = (show == Show::Progress).then(|| Progress::new(id));
    let mut ticks = tokio::time::interval(TICK);
    let mut seen = after;
    let mut cancelled = false;
    let mut heard = Instant::now();
    loop {
        let mut frames = match client.events(id, seen).await {
            Ok(frames) => frames,
            Err(error) if heard.elapsed() > PATIENCE || !is_away(&error) => return Err(error),
            Err(_) => {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        loop {
            let frame = tokio::select! {
                frame = frames.next() => frame,
                asked = signals.next() => {
                    if asked == Asked::Terminate || on_interrupt == OnInterrupt::Leave || cancelled {
                        return Ok(Followed::Left(asked));
                    }
                    cancelled = true;
                    output::note("cancelling; press Ctrl-C again to leave at once");
                    let reason = json!({"reason": "interrupted at the terminal"});
                    if let Err(error) = client.post(&["executions", id, "cancel"], &reason).await {
                        // It may have ended in the meantime, which the events tell.
                        tracing::debug!("cannot cancel: {error:#}");
                    }
                    continue;
                }
                _ = ticks.tick() => {
                    // The bar may stand still for a moment while the server is away; the events tell when that lasts.
                    if let Some(progress) = progress.as_mut().filter(|progress| progress.has_bar())
                        && let Ok(execution) = client.get(&["executions", id]).await
                    {
                        progress.state(&execution);
                    }
                    continue;
                }
            };
            // A stream that broke is taken up where it ended.
            let Ok(Some(frame)) = frame else { break };
            heard = Instant::now();
            seen = frame.id.unwrap_or(seen);
            if frame.event == "end" {
                drop(progress);
                return Ok(Followed::Ended(client.get(&["executions", id]).await?));
            }
            match (&mut progress, show) {
                (Some(progress), _) => tell(progress, &frame),
                (None, Show::Events) => output::line(&frame.data),
                (None, _) => {}
            }
        }
        if heard.elapsed() > PATIENCE {
            let message = format!("the events of execution {id} broke off; follow it with `weir execution tail {id}`");
            return Err(Failure::failed(message).into());
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Whether the server could not be reached, which may pass.
fn is_away(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Failure>().is_none_or(|failure| failure.code.is_none())
}

fn tell(progress: &mut Progress, frame: &Frame) {
    match frame.event.as_str() {
        "journal" => {
            // A newer server may tell of things this binary does not know.
            if let Ok(event) = serde_json::from_str::<JournalEvent>(&frame.data) {
                progress.event(&event);
            }
        }
        "live" => {
            let Ok(live) = serde_json::from_str::<Value>(&frame.data) else { return };
            if live["kind"] == "log" && live["level"] != LogLevel::Debug.as_str() {
                progress.line(&format!("  {}: {}", output::field(&live, "path"), output::field(&live, "message")));
            }
        }
        _ => {}
    }
}

/// The exit code that tells how an execution ended.
pub(crate) fn exit_of(execution: &Value) -> Exit {
    match execution["status"].as_str() {
        Some("completed") => Exit::Done,
        Some("cancelled") => Exit::Cancelled,
        Some("timeout") => Exit::Timeout,
        _ => Exit::Failed,
    }
}

/// Shows an ended execution's result: for programs as one object, for people as a table.
pub(crate) fn show_result(execution: &Value, json: bool) {
    let duration = duration_ms(execution);
    if json {
        return output::json(&json!({
            "execution_id": execution["id"],
            "status": execution["status"],
            "output": execution["output"],
            "error": execution["error"],
            "duration_ms": duration,
        }));
    }
    let status = execution["status"].as_str().unwrap_or_default();
    let took = duration.map(|duration| format!(" in {}", progress::seconds(duration))).unwrap_or_default();
    output::note(&format!("{status}{took} (execution {})", output::field(execution, "id")));
    if let Some(message) = execution["error"]["message"].as_str() {
        let source = execution["error"]["source"].as_str().map(|source| format!(" ({source})")).unwrap_or_default();
        output::note(&format!("error: {message}{source}"));
    }
    if status == "failed" {
        output::note(&format!("mend the cause, then `weir execution retry {}`", output::field(execution, "id")));
    }
    if !execution["output"].is_null() {
        output::result(&execution["output"]);
    }
}

/// How long an execution took.
pub(crate) fn duration_ms(execution: &Value) -> Option<i64> {
    let instant = |name: &str| execution[name].as_str()?.parse::<weir_base::Timestamp>().ok();
    Some((instant("finished_at")? - instant("created_at")?).num_milliseconds())
}
