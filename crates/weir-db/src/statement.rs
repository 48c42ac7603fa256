//! Writes as data: statements, the row counts they expect, and what came of them.

use std::borrow::Cow;

use crate::{Error, Row, Value};

/// One SQL statement with the arguments to run it with, once or many times.
#[derive(Debug, Clone)]
pub struct Statement {
    pub(crate) sql: Cow<'static, str>,
    pub(crate) rows: Vec<Vec<Value>>,
    pub(crate) expect: Expect,
}

/// How many rows a statement must touch for its batch to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Whatever it touches is fine.
    Any,
    /// So many, summed over all the rows of arguments.
    Exactly(u64),
}

impl Statement {
    /// A statement to run once.
    pub fn new(sql: impl Into<Cow<'static, str>>, args: Vec<Value>) -> Self {
        Self::each(sql, vec![args])
    }

    /// A statement to run once for each row of arguments, in order.
    pub fn each(sql: impl Into<Cow<'static, str>>, rows: Vec<Vec<Value>>) -> Self {
        Self { sql: sql.into(), rows, expect: Expect::Any }
    }

    /// The same statement, expecting to touch (or return) exactly `rows` rows.
    #[must_use]
    pub const fn exactly(mut self, rows: u64) -> Self {
        self.expect = Expect::Exactly(rows);
        self
    }

    /// Holds what was found against what was expected of statement `index`.
    pub(crate) const fn check(&self, index: usize, found: u64) -> Result<(), Error> {
        match self.expect {
            Expect::Exactly(expected) if expected != found => {
                Err(Error::Expectation { statement: index, expected, found })
            }
            _ => Ok(()),
        }
    }

    /// Refuses arguments that do not go with the prepared statement, before any of them is sent.
    pub(crate) fn check_arguments(&self, placeholders: usize) -> Result<(), Error> {
        self.rows.iter().try_for_each(|row| check_arguments(&self.sql, placeholders, row))
    }
}

pub(crate) fn check_arguments(sql: &str, placeholders: usize, args: &[Value]) -> Result<(), Error> {
    if args.len() != placeholders {
        return Err(Error::Arguments { sql: sql.to_owned(), expected: placeholders, given: args.len() });
    }
    if args.iter().any(Value::holds_nul) { Err(Error::Nul) } else { Ok(()) }
}

/// Statements that are kept all together or not at all, in the order they run.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    pub(crate) statements: Vec<Statement>,
}

impl Batch {
    /// A batch without statements.
    pub const fn new() -> Self {
        Self { statements: Vec::new() }
    }

    /// Adds a statement at the end.
    pub fn push(&mut self, statement: Statement) {
        self.statements.push(statement);
    }

    /// Adds the statements of another batch at the end.
    pub fn append(&mut self, other: Self) {
        self.statements.extend(other.statements);
    }

    /// The number of statements.
    pub const fn len(&self) -> usize {
        self.statements.len()
    }

    /// Whether there is nothing to do.
    pub const fn is_empty(&self) -> bool {
        self.statements.is_empty()
    }
}

impl From<Statement> for Batch {
    fn from(statement: Statement) -> Self {
        Self { statements: vec![statement] }
    }
}

impl From<Vec<Statement>> for Batch {
    fn from(statements: Vec<Statement>) -> Self {
        Self { statements }
    }
}

impl FromIterator<Statement> for Batch {
    fn from_iter<I: IntoIterator<Item = Statement>>(statements: I) -> Self {
        Self { statements: statements.into_iter().collect() }
    }
}

/// What came of a batch that was kept, statement by statement.
#[derive(Debug, Default)]
pub struct Written {
    /// One for each statement of the batch, in its order.
    pub outcomes: Vec<Outcome>,
}

/// What came of one statement.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The rows it touched, or returned.
    pub affected: u64,
    /// The rows of its `RETURNING` clause.
    pub rows: Vec<Row>,
}

impl Written {
    /// The rows statement `index` touched; 0 for one the batch does not have.
    pub fn affected(&self, index: usize) -> u64 {
        self.outcomes.get(index).map_or(0, |outcome| outcome.affected)
    }

    /// The rows statement `index` returned; none for one the batch does not have.
    pub fn rows(&self, index: usize) -> &[Row] {
        self.outcomes.get(index).map_or(&[], |outcome| &outcome.rows)
    }
}
