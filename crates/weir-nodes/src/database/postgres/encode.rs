//! JSON values as PostgreSQL reads them in text, whatever the param's type is.

use std::error::Error;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{BufMut, BytesMut};
use serde_json::Value;
use tokio_postgres::types::{Format, IsNull, Kind, ToSql, Type, to_sql_checked};

/// A param.
#[derive(Debug)]
pub(crate) struct Param<'a>(pub(crate) &'a Value);

impl ToSql for Param<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match text(self.0, ty)? {
            Some(text) if text.contains('\0') => Err("PostgreSQL takes no text with a NUL character".into()),
            Some(text) => {
                out.put_slice(text.as_bytes());
                Ok(IsNull::No)
            }
            None => Ok(IsNull::Yes),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    to_sql_checked!();
}

/// As the type's input function reads it; `None` for null.
fn text(value: &Value, ty: &Type) -> Result<Option<String>, Box<dyn Error + Sync + Send>> {
    if let Kind::Domain(inner) = ty.kind() {
        return text(value, inner);
    }
    Ok(Some(match (value, ty.kind()) {
        (Value::Null, _) => return Ok(None),
        (value, _) if *ty == Type::JSON || *ty == Type::JSONB => value.to_string(),
        (Value::String(base64), _) if *ty == Type::BYTEA => {
            let bytes = STANDARD.decode(base64).map_err(|error| format!("a bytea param is Base64, but: {error}"))?;
            bytes.iter().fold("\\x".to_owned(), |hex, byte| hex + &format!("{byte:02x}"))
        }
        (Value::Array(items), Kind::Array(member)) => array(items, member)?,
        (Value::String(text), _) => text.clone(),
        (other, _) => other.to_string(),
    }))
}

/// `{"a","b",NULL}`.
fn array(items: &[Value], member: &Type) -> Result<String, Box<dyn Error + Sync + Send>> {
    let mut literal = "{".to_owned();
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            literal.push(',');
        }
        match item {
            // An array within an array is one more dimension of the same type.
            Value::Array(nested) if !matches!(*member, Type::JSON | Type::JSONB) => {
                literal.push_str(&array(nested, member)?);
            }
            item => match text(item, member)? {
                None => literal.push_str("NULL"),
                Some(text) => {
                    literal.push('"');
                    literal.push_str(&text.replace('\\', "\\\\").replace('"', "\\\""));
                    literal.push('"');
                }
            },
        }
    }
    literal.push('}');
    Ok(literal)
}
