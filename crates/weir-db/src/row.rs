//! Rows of answers, the same for both databases.

use tokio_postgres::types::Type;
use uuid::Uuid;
use weir_base::{
    ApiKeyId, CredentialId, ExecutionId, SessionId, Timestamp, TriggerId, UserId, WebhookId, WorkerId, WorkflowId,
    WorkspaceId,
};

use crate::Error;

/// One row of an answer.
#[derive(Debug)]
pub struct Row(Inner);

#[derive(Debug)]
enum Inner {
    Sqlite(Vec<rusqlite::types::Value>),
    Postgres(tokio_postgres::Row),
}

/// What a column holds, before it is turned into the type the code asks for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'a> {
    /// No value.
    Null,
    /// From PostgreSQL only: SQLite has integers.
    Bool(bool),
    /// An integer; from SQLite also a boolean or an instant.
    Integer(i64),
    /// A number with a fraction.
    Real(f64),
    /// A text.
    Text(&'a str),
    /// Bytes; from SQLite also a UUID.
    Bytes(&'a [u8]),
    /// From PostgreSQL only.
    Uuid(Uuid),
    /// From PostgreSQL only.
    Time(Timestamp),
}

/// A Rust type a column can be read as. Crates above implement it for their own ids.
pub trait Column<'a>: Sized {
    /// The value, or nothing if the cell holds something else.
    fn from_cell(cell: Cell<'a>) -> Option<Self>;
}

impl Row {
    /// Column `index`, from 0, as the type asked for.
    ///
    /// # Errors
    /// [`Error::Column`] if there is no such column or it holds something else.
    pub fn get<'a, T: Column<'a>>(&'a self, index: usize) -> Result<T, Error> {
        let wrong = |found| Error::Column { index, wanted: std::any::type_name::<T>(), found };
        let cell = self.cell(index).map_err(wrong)?;
        T::from_cell(cell).ok_or_else(|| wrong(cell.name().to_owned()))
    }

    /// The number of columns.
    pub fn len(&self) -> usize {
        match &self.0 {
            Inner::Sqlite(values) => values.len(),
            Inner::Postgres(row) => row.len(),
        }
    }

    /// Whether the row has no columns.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn from_sqlite(row: &rusqlite::Row<'_>, columns: usize) -> rusqlite::Result<Self> {
        (0..columns)
            .map(|index| row.get(index))
            .collect::<rusqlite::Result<_>>()
            .map(|values| Self(Inner::Sqlite(values)))
    }

    pub(crate) const fn from_postgres(row: tokio_postgres::Row) -> Self {
        Self(Inner::Postgres(row))
    }

    fn cell(&self, index: usize) -> Result<Cell<'_>, String> {
        match &self.0 {
            Inner::Sqlite(values) => values.get(index).map(sqlite_cell).ok_or_else(|| "not there".to_owned()),
            Inner::Postgres(row) => postgres_cell(row, index),
        }
    }
}

fn sqlite_cell(value: &rusqlite::types::Value) -> Cell<'_> {
    use rusqlite::types::Value;
    match value {
        Value::Null => Cell::Null,
        Value::Integer(value) => Cell::Integer(*value),
        Value::Real(value) => Cell::Real(*value),
        Value::Text(text) => Cell::Text(text),
        Value::Blob(bytes) => Cell::Bytes(bytes),
    }
}

fn postgres_cell(row: &tokio_postgres::Row, index: usize) -> Result<Cell<'_>, String> {
    fn read<'a, T: tokio_postgres::types::FromSql<'a>>(
        row: &'a tokio_postgres::Row,
        index: usize,
        cell: impl Fn(T) -> Cell<'a>,
    ) -> Result<Cell<'a>, String> {
        let value: Option<T> = row.try_get(index).map_err(|error| crate::error::with_causes(&error))?;
        Ok(value.map_or(Cell::Null, cell))
    }

    let ty = row.columns().get(index).ok_or("not there")?.type_();
    match *ty {
        Type::BOOL => read(row, index, Cell::Bool),
        Type::INT8 => read(row, index, Cell::Integer),
        Type::INT4 => read(row, index, |value: i32| Cell::Integer(value.into())),
        Type::INT2 => read(row, index, |value: i16| Cell::Integer(value.into())),
        Type::FLOAT8 => read(row, index, Cell::Real),
        Type::FLOAT4 => read(row, index, |value: f32| Cell::Real(value.into())),
        Type::BYTEA => read(row, index, Cell::Bytes),
        Type::UUID => read(row, index, Cell::Uuid),
        Type::TIMESTAMPTZ => read(row, index, Cell::Time),
        Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN => read(row, index, Cell::Text),
        _ => Err(format!("of type {ty}")),
    }
}

impl Cell<'_> {
    const fn name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Integer(_) => "an integer",
            Self::Real(_) => "a number with a fraction",
            Self::Text(_) => "a text",
            Self::Bytes(_) => "bytes",
            Self::Uuid(_) => "a uuid",
            Self::Time(_) => "an instant",
        }
    }
}

macro_rules! column {
    ($($type:ty: $($cell:pat => $value:expr),+;)*) => {
        $(impl<'a> Column<'a> for $type {
            fn from_cell(cell: Cell<'a>) -> Option<Self> {
                match cell {
                    $($cell => $value,)+
                    _ => None,
                }
            }
        })*
    };
}

column! {
    i64: Cell::Integer(value) => Some(value);
    f64: Cell::Real(value) => Some(value);
    bool: Cell::Bool(value) => Some(value), Cell::Integer(0) => Some(false), Cell::Integer(1) => Some(true);
    &'a str: Cell::Text(text) => Some(text);
    String: Cell::Text(text) => Some(text.to_owned());
    &'a [u8]: Cell::Bytes(bytes) => Some(bytes);
    Vec<u8>: Cell::Bytes(bytes) => Some(bytes.to_vec());
    Uuid: Cell::Uuid(uuid) => Some(uuid), Cell::Bytes(bytes) => Self::from_slice(bytes).ok();
    Timestamp: Cell::Time(time) => Some(time), Cell::Integer(micros) => Self::from_timestamp_micros(micros);
}

macro_rules! id_column {
    ($($type:ty),* $(,)?) => {
        $(impl Column<'_> for $type {
            fn from_cell(cell: Cell<'_>) -> Option<Self> {
                Uuid::from_cell(cell).map(Self::from_uuid)
            }
        })*
    };
}

id_column!(
    ExecutionId,
    WorkflowId,
    WorkerId,
    WorkspaceId,
    UserId,
    SessionId,
    ApiKeyId,
    CredentialId,
    TriggerId,
    WebhookId,
);

impl<'a, T: Column<'a>> Column<'a> for Option<T> {
    fn from_cell(cell: Cell<'a>) -> Option<Self> {
        match cell {
            Cell::Null => Some(None),
            cell => T::from_cell(cell).map(Some),
        }
    }
}
