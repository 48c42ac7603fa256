//! One evaluation in the engine: a runtime of its own, made for it and thrown away after it.
//!
//! A fresh runtime costs about a tenth more than a fresh realm in an old one, and leaves no doubt about isolation,
//! about what counts against the memory limit and about what stays behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rquickjs::context::EvalOptions;
use rquickjs::context::intrinsic::{Date, Eval, Json, MapSet, Promise, RegExp, RegExpCompiler};
use rquickjs::{Context, Ctx, Error, Exception, Function, Object, Runtime, Value};
use rustix::time::{ClockId, clock_gettime};
use weir_core::evaluator::ExpressionError;

use crate::{MAX_RESULT_BYTES, MEMORY_LIMIT, MEMORY_LIMIT_MIB, TIME_LIMIT};

/// How much native stack JavaScript may take; the worker's thread has twice that.
pub(crate) const STACK_BYTES: usize = 512 * 1024;

/// No proxies, typed arrays, weak references or clocks: an expression needs none of them.
type Language = (Eval, Json, RegExp, RegExpCompiler, MapSet, Promise);

/// What to do in a realm.
#[derive(Debug)]
pub(crate) enum Task {
    /// Compile, but do not run.
    Check {
        /// The expression.
        source: String,
    },
    /// Run.
    Evaluate {
        /// The expression.
        source: String,
        /// Scripts that run before it.
        guards: String,
        /// Whether it may see `Date`.
        uses_dates: bool,
        /// Names with their values as JSON text.
        bindings: Vec<(&'static str, String)>,
    },
}

impl Task {
    /// Does it, within the limits.
    pub(crate) fn run(self) -> Result<serde_json::Value, ExpressionError> {
        let realm = Realm::new(matches!(&self, Self::Evaluate { uses_dates: true, .. }))?;
        match self {
            Self::Check { source } => realm.check(&source).map(|()| serde_json::Value::Null),
            Self::Evaluate { source, guards, uses_dates, bindings } => {
                realm.evaluate(&source, &guards, uses_dates, &bindings)
            }
        }
    }
}

struct Realm {
    context: Context,
    /// Set once the time limit has fired.
    out_of_time: Arc<AtomicBool>,
}

impl Realm {
    fn new(uses_dates: bool) -> Result<Self, ExpressionError> {
        let engine = |error: Error| ExpressionError::Engine { message: error.to_string() };
        let runtime = Runtime::new().map_err(engine)?;
        runtime.set_memory_limit(MEMORY_LIMIT);
        runtime.set_max_stack_size(STACK_BYTES);
        let out_of_time = Arc::new(AtomicBool::new(false));
        let started = processor_time();
        let fired = out_of_time.clone();
        runtime.set_interrupt_handler(Some(Box::new(move || {
            let over = processor_time().saturating_sub(started) >= TIME_LIMIT;
            if over {
                fired.store(true, Ordering::Relaxed);
            }
            over
        })));
        let context = if uses_dates {
            Context::custom::<(Language, Date)>(&runtime)
        } else {
            Context::custom::<Language>(&runtime)
        };
        Ok(Self { context: context.map_err(engine)?, out_of_time })
    }

    /// Compiles the text between two kinds of brackets: whatever is fine in both closes all it opens and nothing else,
    /// so it is one expression.
    fn check(&self, source: &str) -> Result<(), ExpressionError> {
        self.context.with(|ctx| {
            for (open, close) in [('(', ')'), ('[', ']')] {
                let compiled =
                    ctx.eval_with_options::<Value<'_>, _>(format!("()=>{open}\n{source}\n{close}"), options());
                compiled.map_err(|error| match self.failure(&ctx, &error) {
                    ExpressionError::Threw { message } => ExpressionError::Syntax {
                        message: message.strip_prefix("SyntaxError: ").unwrap_or(&message).to_owned(),
                    },
                    other => other,
                })?;
            }
            Ok(())
        })
    }

    fn evaluate(
        &self,
        source: &str,
        guards: &str,
        uses_dates: bool,
        bindings: &[(&'static str, String)],
    ) -> Result<serde_json::Value, ExpressionError> {
        self.context.with(|ctx| {
            let run = || -> Result<Value<'_>, Error> {
                let globals = ctx.globals();
                forbid_randomness(&ctx, &globals)?;
                if uses_dates {
                    ctx.eval_with_options::<(), _>(include_str!("date.js"), options())?;
                }
                if !guards.is_empty() {
                    ctx.eval_with_options::<(), _>(guards, options())?;
                }
                for (name, json) in bindings {
                    globals.set(*name, ctx.json_parse(json.as_str())?)?;
                }
                ctx.eval_with_options(format!("(\n{source}\n)"), options())
            };
            let value = run().map_err(|error| self.failure(&ctx, &error))?;
            self.to_json(&ctx, value)
        })
    }

    fn to_json<'js>(&self, ctx: &Ctx<'js>, value: Value<'js>) -> Result<serde_json::Value, ExpressionError> {
        if value.is_undefined() {
            return Ok(serde_json::Value::Null);
        }
        if value.is_function() || value.is_symbol() || value.is_promise() || value.is_big_int() {
            return Err(not_json(format!("it is a {}", value.type_name())));
        }
        if let Some(text) = value.as_string() {
            let text = text.to_string().map_err(|error| self.failure(ctx, &error))?;
            return if text.len() > MAX_RESULT_BYTES { Err(too_large()) } else { Ok(serde_json::Value::String(text)) };
        }
        let text = match ctx.json_stringify(value) {
            Ok(Some(text)) => text.to_string().map_err(|error| self.failure(ctx, &error))?,
            Ok(None) => return Ok(serde_json::Value::Null),
            Err(error) => {
                return Err(match self.failure(ctx, &error) {
                    ExpressionError::Threw { message } => not_json(message),
                    ExpressionError::Stack => not_json("it is nested too deeply".to_owned()),
                    other => other,
                });
            }
        };
        if text.len() > MAX_RESULT_BYTES {
            return Err(too_large());
        }
        // The parser itself refuses more than 128 levels.
        serde_json::from_str(&text).map_err(|error| not_json(error.to_string()))
    }

    /// What a failed call means; takes the pending exception.
    fn failure(&self, ctx: &Ctx<'_>, error: &Error) -> ExpressionError {
        let thrown = ctx.catch();
        if self.out_of_time.load(Ordering::Relaxed) {
            return crate::time();
        }
        match error {
            Error::Exception | Error::Unknown => {}
            Error::Allocation => return memory(),
            Error::InvalidString(_) => {
                return ExpressionError::Syntax { message: "it holds a NUL character".to_owned() };
            }
            Error::Utf8(_) => return not_json("it holds half a character".to_owned()),
            other => return ExpressionError::Engine { message: other.to_string() },
        }
        // With no memory left for an error object the engine throws null; `throw null` looks the same.
        if thrown.is_null() {
            return memory();
        }
        let message = describe(&thrown);
        // Reading the message may have run a getter.
        if self.out_of_time.load(Ordering::Relaxed) {
            return crate::time();
        }
        match message.as_str() {
            "InternalError: out of memory" => memory(),
            "RangeError: Maximum call stack size exceeded" | "InternalError: stack overflow" => ExpressionError::Stack,
            _ => ExpressionError::Threw { message },
        }
    }
}

fn options() -> EvalOptions {
    let mut options = EvalOptions::default();
    options.filename = Some("expression".to_owned());
    options
}

/// How long this thread has run. An expression is not to blame for the time in which others had the processor.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::from_secs(seconds) + Duration::from_nanos(u64::try_from(time.tv_nsec).unwrap_or_default())
}

fn forbid_randomness<'js>(ctx: &Ctx<'js>, globals: &Object<'js>) -> Result<(), Error> {
    let refuse = |ctx: Ctx<'js>| -> Result<(), Error> {
        Err(Exception::throw_type(&ctx, "an expression has no random numbers: it must give the same value every time"))
    };
    globals.get::<_, Object<'_>>("Math")?.set("random", Function::new(ctx.clone(), refuse)?)
}

/// A thrown value in words, without running much of the expression's code.
fn describe(thrown: &Value<'_>) -> String {
    let mut message = if let Some(exception) = thrown.as_exception() {
        let name: String = exception.as_object().get("name").unwrap_or_else(|_| "Error".to_owned());
        let message = exception.message().unwrap_or_default();
        let line = exception.stack().unwrap_or_default();
        let place = line.find("expression:").and_then(|at| line.get(at + "expression:".len()..)).unwrap_or_default();
        let place = place.split(|c: char| !(c.is_ascii_digit() || c == ':')).next().unwrap_or_default();
        place_of(place).filter(|_| name == "SyntaxError").map_or_else(
            || if message.is_empty() { name.clone() } else { format!("{name}: {message}") },
            |place| format!("{name}: {message} ({place})"),
        )
    } else if let Some(text) = thrown.as_string() {
        text.to_string().unwrap_or_default()
    } else if let Some(number) = thrown.as_number() {
        number.to_string()
    } else if let Some(flag) = thrown.as_bool() {
        flag.to_string()
    } else {
        thrown.type_name().to_owned()
    };
    if let Some((end, _)) = message.char_indices().nth(MAX_MESSAGE_CHARS) {
        message.truncate(end);
        message.push_str("...");
    }
    message
}

/// `line:column` in the wrapped text as a place in the expression's own.
fn place_of(place: &str) -> Option<String> {
    let (line, column) = place.split_once(':')?;
    let line: usize = line.parse().ok()?;
    let column: usize = column.parse().ok()?;
    Some(format!("line {}, column {column}", line.checked_sub(1).filter(|line| *line > 0)?))
}

const MAX_MESSAGE_CHARS: usize = 500;

fn memory() -> ExpressionError {
    ExpressionError::Memory { limit_mib: MEMORY_LIMIT_MIB }
}

fn too_large() -> ExpressionError {
    not_json(format!("it is larger than {MAX_RESULT_BYTES} bytes"))
}

fn not_json(message: String) -> ExpressionError {
    ExpressionError::NotJson { message }
}
