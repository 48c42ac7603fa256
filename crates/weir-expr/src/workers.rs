//! Threads that run the engine, so that whoever asks can stop waiting.
//!
//! The engine looks at its time limit often, but not inside every native loop. An evaluation that outlives its limit is
//! left behind: its caller gets the error at once, its thread ends when it ends, and while too many are left behind no
//! new one starts. A thread of its own also gives every evaluation the same stack.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::Value;
use weir_core::evaluator::ExpressionError;

use crate::realm::{STACK_BYTES, Task};
use crate::{TIME_LIMIT, time};

/// How many threads wait for work; more are made when needed and end after it.
const MAX_IDLE: usize = 4;
/// How many evaluations may be left behind.
const MAX_RUNAWAYS: usize = 16;
/// The limit counts processor time and is checked by the engine first; this much more on the clock is for evaluations
/// that do not come to that check, and for busy machines.
const PATIENCE: Duration = Duration::from_millis(900);

type Answer = Result<Value, ExpressionError>;

#[derive(Default)]
pub(crate) struct Workers {
    idle: Mutex<Vec<Worker>>,
    runaways: Arc<AtomicUsize>,
}

struct Worker {
    tasks: SyncSender<Task>,
    answers: Receiver<Answer>,
}

impl Workers {
    /// Runs a task on a worker and waits for its answer, at most for the time limit and some patience.
    pub(crate) fn run(&self, task: Task) -> Answer {
        if self.runaways.load(Ordering::Acquire) >= MAX_RUNAWAYS {
            return Err(failed("too many expressions did not end in time and still run".to_owned()));
        }
        let idle = self.idle.lock().pop();
        let worker = match idle {
            Some(worker) => worker,
            None => Worker::spawn().map_err(|error| failed(format!("no thread for it: {error}")))?,
        };
        worker.tasks.send(task).map_err(|_| failed("its thread is gone".to_owned()))?;
        match worker.answers.recv_timeout(TIME_LIMIT + PATIENCE) {
            Ok(answer) => {
                let mut idle = self.idle.lock();
                if idle.len() < MAX_IDLE {
                    idle.push(worker);
                }
                answer
            }
            Err(RecvTimeoutError::Timeout) => {
                self.leave_behind(worker);
                Err(time())
            }
            Err(RecvTimeoutError::Disconnected) => Err(failed("its thread panicked".to_owned())),
        }
    }

    /// Counts the runaway until its thread ends, on a thread that does nothing but wait for that.
    fn leave_behind(&self, worker: Worker) {
        self.runaways.fetch_add(1, Ordering::AcqRel);
        let runaways = self.runaways.clone();
        let waiting = thread::Builder::new().name("weir-expr-late".to_owned()).stack_size(64 * 1024);
        let waiter = waiting.spawn(move || {
            // Either an answer nobody wants any more or a thread that ended: both free the place.
            drop(worker.answers.recv());
            runaways.fetch_sub(1, Ordering::AcqRel);
        });
        if waiter.is_err() {
            self.runaways.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

impl Worker {
    fn spawn() -> std::io::Result<Self> {
        let (tasks, inbox) = sync_channel::<Task>(1);
        let (outbox, answers) = sync_channel(1);
        thread::Builder::new().name("weir-expr".to_owned()).stack_size(2 * STACK_BYTES).spawn(move || {
            for task in inbox {
                if outbox.send(task.run()).is_err() {
                    break;
                }
            }
        })?;
        Ok(Self { tasks, answers })
    }
}

fn failed(message: String) -> ExpressionError {
    ExpressionError::Engine { message }
}
