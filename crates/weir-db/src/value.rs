//! Arguments of statements, the same for both databases.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use rusqlite::types::{ToSqlOutput, ValueRef};
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use uuid::Uuid;
use weir_base::{
    ApiKeyId, CredentialId, ExecutionId, SessionId, Timestamp, TriggerId, UserId, WebhookId, WorkerId, WorkflowId,
    WorkspaceId,
};

/// One argument of a statement.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// No value.
    Null,
    /// `INTEGER` 0 or 1; `boolean`.
    Bool(bool),
    /// `INTEGER`; `bigint`, and `integer` or `smallint` where it fits.
    I64(i64),
    /// `REAL`; `double precision`. SQLite stores NaN as null.
    F64(f64),
    /// `TEXT`; `text`. Must not hold a NUL character.
    Text(String),
    /// As [`Text`](Self::Text), for a text that many rows share.
    SharedText(Arc<str>),
    /// `BLOB`; `bytea`.
    Bytes(Bytes),
    /// `BLOB` of 16 bytes; `uuid`.
    Uuid(Uuid),
    /// `INTEGER` of microseconds since 1970; `timestamptz`. What is finer than a microsecond is cut off.
    Time(Timestamp),
}

/// The arguments of a statement, each turned into a [`Value`](crate::Value).
#[macro_export]
macro_rules! args {
    ($($value:expr),* $(,)?) => { ::std::vec![$($crate::Value::from($value)),*] };
}

impl Value {
    /// Whether this is a text PostgreSQL would refuse.
    pub(crate) fn holds_nul(&self) -> bool {
        match self {
            Self::Text(text) => text.as_bytes().contains(&0),
            Self::SharedText(text) => text.as_bytes().contains(&0),
            _ => false,
        }
    }
}

macro_rules! from {
    ($($type:ty => |$value:ident| $made:expr),* $(,)?) => {
        $(impl From<$type> for Value {
            fn from($value: $type) -> Self {
                $made
            }
        })*
    };
}

from! {
    bool => |value| Self::Bool(value),
    i64 => |value| Self::I64(value),
    i32 => |value| Self::I64(value.into()),
    u32 => |value| Self::I64(value.into()),
    u16 => |value| Self::I64(value.into()),
    u8 => |value| Self::I64(value.into()),
    f64 => |value| Self::F64(value),
    String => |value| Self::Text(value),
    &str => |value| Self::Text(value.to_owned()),
    &String => |value| Self::Text(value.clone()),
    Arc<str> => |value| Self::SharedText(value),
    Vec<u8> => |value| Self::Bytes(value.into()),
    &[u8] => |value| Self::Bytes(Bytes::copy_from_slice(value)),
    Bytes => |value| Self::Bytes(value),
    Uuid => |value| Self::Uuid(value),
    Timestamp => |value| Self::Time(value),
    ExecutionId => |value| Self::Uuid(value.as_uuid()),
    WorkflowId => |value| Self::Uuid(value.as_uuid()),
    WorkerId => |value| Self::Uuid(value.as_uuid()),
    WorkspaceId => |value| Self::Uuid(value.as_uuid()),
    UserId => |value| Self::Uuid(value.as_uuid()),
    SessionId => |value| Self::Uuid(value.as_uuid()),
    ApiKeyId => |value| Self::Uuid(value.as_uuid()),
    CredentialId => |value| Self::Uuid(value.as_uuid()),
    TriggerId => |value| Self::Uuid(value.as_uuid()),
    WebhookId => |value| Self::Uuid(value.as_uuid()),
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl rusqlite::ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let value = match self {
            Self::Null => ValueRef::Null,
            Self::Bool(value) => ValueRef::Integer((*value).into()),
            Self::I64(value) => ValueRef::Integer(*value),
            Self::F64(value) => ValueRef::Real(*value),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::SharedText(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
            Self::Uuid(uuid) => ValueRef::Blob(uuid.as_bytes()),
            Self::Time(time) => ValueRef::Integer(time.timestamp_micros()),
        };
        Ok(ToSqlOutput::Borrowed(value))
    }
}

type Encoded = Result<IsNull, Box<dyn std::error::Error + Sync + Send>>;

impl ToSql for Value {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Encoded {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Bool(value) => encode(value, ty, out),
            Self::I64(value) if *ty == Type::INT4 => i32::try_from(*value)?.to_sql(ty, out),
            Self::I64(value) if *ty == Type::INT2 => i16::try_from(*value)?.to_sql(ty, out),
            Self::I64(value) => encode(value, ty, out),
            Self::F64(value) => encode(value, ty, out),
            Self::Text(text) => encode(&text.as_str(), ty, out),
            Self::SharedText(text) => encode(&text.as_ref(), ty, out),
            Self::Bytes(bytes) => encode(&bytes.as_ref(), ty, out),
            Self::Uuid(uuid) => encode(uuid, ty, out),
            Self::Time(time) => encode(time, ty, out),
        }
    }

    // Which variant fits which type is decided where the value is known, in `encode`.
    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

fn encode<T: ToSql>(value: &T, ty: &Type, out: &mut BytesMut) -> Encoded {
    if T::accepts(ty) {
        value.to_sql(ty, out)
    } else {
        Err(format!("a {} does not fit the type {ty}", std::any::type_name::<T>()).into())
    }
}
