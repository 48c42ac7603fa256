//! The port to the expression language: what an expression may see, and what it may answer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value};

/// Evaluates one expression (the text between `{{` and `}}`), isolated from every other evaluation.
pub trait Evaluator: Send + Sync + 'static {
    /// Checks the syntax and tells what the expression refers to.
    ///
    /// # Errors
    /// [`ExpressionError`] of kind `Syntax`, with the place in the text.
    fn check(&self, expression: &str) -> Result<References, ExpressionError>;

    /// The value of the expression in this scope, as JSON (`undefined` is `null`).
    ///
    /// # Errors
    /// [`ExpressionError`]: it threw, broke a limit, or its value is not JSON.
    fn evaluate(&self, expression: &str, scope: &Scope) -> Result<Value, ExpressionError>;
}

/// What an expression refers to, found without running it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct References {
    /// The free names it uses, such as `input`, `steps`, `item`.
    pub names: BTreeSet<String>,
    /// The nodes it reads by `steps.<id>` or `steps["<id>"]`.
    pub steps: BTreeSet<String>,
    /// Whether it reads `steps` in a way that cannot be told beforehand (`steps[name]`, `Object.keys(steps)`).
    pub any_step: bool,
}

impl References {
    /// Adds what another expression refers to.
    pub fn extend(&mut self, other: Self) {
        self.names.extend(other.names);
        self.steps.extend(other.steps);
        self.any_step |= other.any_step;
    }
}

/// The names an expression can see.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// `input`: what the execution was started with.
    pub input: Arc<Value>,
    /// `steps.<id>`: outputs of finished nodes of this level and of the levels around it.
    pub steps: BTreeMap<String, Arc<Value>>,
    /// What the innermost container gives its body; `None` on the outermost level.
    pub local: Option<Local>,
    /// `vars`: the workspace's variables as they stood when the execution started.
    pub vars: Arc<Value>,
    /// `execution`: `{id, workflow_id, started_at}`.
    pub execution: Arc<Value>,
}

/// What a container gives its body.
#[derive(Debug, Clone)]
pub enum Local {
    /// Inside `map`.
    Item {
        /// `item`: the element; `{key, value}` when mapping over an object.
        item: Arc<Value>,
        /// `index`: its place, from 0.
        index: u32,
        /// `parent`: the same of the container around this one.
        parent: Option<Box<Self>>,
    },
    /// Inside `loop`.
    Iteration {
        /// `iteration`: how often the body ran before, from 0.
        iteration: u32,
        /// `previous`: the result of the iteration before; `null` at first.
        previous: Arc<Value>,
        /// `parent`: the same of the container around this one.
        parent: Option<Box<Self>>,
    },
}

impl Local {
    /// The names this container binds, with their values; `parent` is an object of the same kind.
    pub fn bindings(&self) -> Map<String, Value> {
        let (mut names, parent) = match self {
            Self::Item { item, index, parent } => {
                (Map::from_iter([("item".to_owned(), (**item).clone()), ("index".to_owned(), (*index).into())]), parent)
            }
            Self::Iteration { iteration, previous, parent } => (
                Map::from_iter([
                    ("iteration".to_owned(), (*iteration).into()),
                    ("previous".to_owned(), (**previous).clone()),
                ]),
                parent,
            ),
        };
        if let Some(parent) = parent {
            names.insert("parent".to_owned(), Value::Object(parent.bindings()));
        }
        names
    }
}

/// Why an expression has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpressionError {
    /// It cannot be read.
    #[error("syntax error in expression: {message}")]
    Syntax {
        /// What the parser said, with the place.
        message: String,
    },
    /// It threw.
    #[error("the expression threw {message}")]
    Threw {
        /// The exception, such as `TypeError: cannot read property 'x' of undefined`.
        message: String,
    },
    /// It took too long.
    #[error("the expression ran for more than {limit_ms} ms")]
    Time {
        /// The limit in milliseconds.
        limit_ms: u64,
    },
    /// It took too much memory.
    #[error("the expression used more than {limit_mib} MiB of memory")]
    Memory {
        /// The limit in MiB.
        limit_mib: u64,
    },
    /// It recursed too deeply.
    #[error("the expression recursed too deeply")]
    Stack,
    /// Its value is a function, a symbol, a big integer, a cycle or too large.
    #[error("the expression's value cannot be kept as JSON: {message}")]
    NotJson {
        /// What it is instead.
        message: String,
    },
    /// The evaluator itself failed.
    #[error("the expression engine failed: {message}")]
    Engine {
        /// What it said.
        message: String,
    },
}
