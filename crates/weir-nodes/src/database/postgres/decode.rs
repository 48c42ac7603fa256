//! PostgreSQL's binary values as JSON.

use std::error::Error;
use std::fmt::Write as _;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, SecondsFormat, Utc};
use serde_json::Value;
use tokio_postgres::types::{FromSql, Kind, Type};
use uuid::Uuid;

use crate::database::rows::{decimal, integer, real};

/// A value as it came; `None` is null.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Raw<'a>(Option<&'a [u8]>);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(Some(raw)))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(None))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

impl Raw<'_> {
    /// The value as JSON, or why it has none.
    pub(crate) fn value(&self, ty: &Type) -> Result<Value, String> {
        let Some(raw) = self.0 else { return Ok(Value::Null) };
        match ty.kind() {
            Kind::Domain(inner) => return self.value(inner),
            Kind::Enum(_) => return read::<&str>(ty, raw).map(Value::from),
            Kind::Array(member) => {
                let items: Vec<Raw<'_>> = read(ty, raw)?;
                return items.iter().map(|item| item.value(member)).collect();
            }
            _ => {}
        }
        Ok(match *ty {
            Type::BOOL => read::<bool>(ty, raw)?.into(),
            Type::INT2 => read::<i16>(ty, raw)?.into(),
            Type::INT4 => read::<i32>(ty, raw)?.into(),
            Type::INT8 => integer(read::<i64>(ty, raw)?.into()),
            Type::OID => read::<u32>(ty, raw)?.into(),
            // By its own digits, so that 0.1 does not become 0.10000000149011612.
            Type::FLOAT4 => read::<f32>(ty, raw)?.to_string().parse().map_or(Value::Null, real),
            Type::FLOAT8 => real(read::<f64>(ty, raw)?),
            Type::NUMERIC => decimal(&numeric(raw).ok_or("a numeric that cannot be read")?),
            Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN | Type::XML => {
                read::<&str>(&Type::TEXT, raw)?.into()
            }
            Type::UUID => read::<Uuid>(ty, raw)?.to_string().into(),
            Type::BYTEA => STANDARD.encode(raw).into(),
            Type::JSON => serde_json::from_slice(raw).map_err(|error| error.to_string())?,
            // One byte tells the version.
            Type::JSONB => {
                serde_json::from_slice(raw.get(1..).unwrap_or_default()).map_err(|error| error.to_string())?
            }
            Type::TIMESTAMPTZ | Type::TIMESTAMP if raw == i64::MAX.to_be_bytes() => "infinity".into(),
            Type::TIMESTAMPTZ | Type::TIMESTAMP if raw == i64::MIN.to_be_bytes() => "-infinity".into(),
            Type::TIMESTAMPTZ => read::<DateTime<Utc>>(ty, raw)?.to_rfc3339_opts(SecondsFormat::AutoSi, true).into(),
            Type::TIMESTAMP => read::<NaiveDateTime>(ty, raw)?.format("%Y-%m-%dT%H:%M:%S%.f").to_string().into(),
            Type::DATE if raw == i32::MAX.to_be_bytes() => "infinity".into(),
            Type::DATE if raw == i32::MIN.to_be_bytes() => "-infinity".into(),
            Type::DATE => read::<NaiveDate>(ty, raw)?.to_string().into(),
            Type::TIME => read::<NaiveTime>(ty, raw)?.format("%H:%M:%S%.f").to_string().into(),
            Type::INTERVAL => interval(raw).ok_or("an interval that cannot be read")?.into(),
            Type::VOID => Value::Null,
            _ if ty.name() == "citext" => read::<&str>(&Type::TEXT, raw)?.into(),
            _ => return Err(format!("its type {} is not known; `::text` makes it text", ty.name())),
        })
    }
}

fn read<'a, T: FromSql<'a>>(ty: &Type, raw: &'a [u8]) -> Result<T, String> {
    T::from_sql(ty, raw).map_err(|error| format!("{error}; `::text` may help"))
}

/// The digits of a `numeric`: a header, then digits to the base of 10,000.
fn numeric(raw: &[u8]) -> Option<String> {
    let word = |index: usize| raw.get(2 * index..2 * index + 2).map(|bytes| i16::from_be_bytes([bytes[0], bytes[1]]));
    let (count, weight, sign, scale) = (word(0)?, word(1)?, word(2)?, word(3)?);
    match u16::from_be_bytes(sign.to_be_bytes()) {
        0x0000 | 0x4000 => {}
        0xC000 => return Some("NaN".to_owned()),
        0xD000 => return Some("Infinity".to_owned()),
        0xF000 => return Some("-Infinity".to_owned()),
        _ => return None,
    }
    let digit = |place: i32| match usize::try_from(place) {
        Ok(place) if place < usize::try_from(count).unwrap_or(0) => word(4 + place),
        _ => Some(0),
    };
    let mut text = if sign == 0 { String::new() } else { "-".to_owned() };
    for place in 0..=i32::from(weight).max(0) {
        // Below the decimal point only: the whole part is 0.
        let digit = if weight < 0 { 0 } else { digit(place)? };
        if place == 0 { write!(text, "{digit}") } else { write!(text, "{digit:04}") }.ok()?;
    }
    let scale = usize::try_from(scale).ok()?;
    if scale > 0 {
        let mut fraction = String::new();
        let mut place = i32::from(weight) + 1;
        // A weight below -1 means that the first digits after the point are zeros.
        for _ in 0..(-1 - i32::from(weight)).max(0) {
            fraction.push_str("0000");
        }
        place = place.max(0);
        while fraction.len() < scale {
            write!(fraction, "{:04}", digit(place)?).ok()?;
            place += 1;
        }
        fraction.truncate(scale);
        text.push('.');
        text.push_str(&fraction);
    }
    Some(text)
}

/// An interval as ISO 8601 has durations: `P1Y2M3DT4H5M6.5S`.
fn interval(raw: &[u8]) -> Option<String> {
    let micros = i64::from_be_bytes(raw.get(..8)?.try_into().ok()?);
    let days = i32::from_be_bytes(raw.get(8..12)?.try_into().ok()?);
    let months = i32::from_be_bytes(raw.get(12..16)?.try_into().ok()?);
    let mut text = "P".to_owned();
    for (amount, unit) in [(months / 12, 'Y'), (months % 12, 'M'), (days, 'D')] {
        if amount != 0 {
            write!(text, "{amount}{unit}").ok()?;
        }
    }
    let (hours, minutes, rest) = (micros / 3_600_000_000, micros / 60_000_000 % 60, micros % 60_000_000);
    if micros != 0 {
        text.push('T');
    }
    for (amount, unit) in [(hours, 'H'), (minutes, 'M')] {
        if amount != 0 {
            write!(text, "{amount}{unit}").ok()?;
        }
    }
    if rest != 0 {
        let sign = if rest < 0 { "-" } else { "" };
        let (seconds, fraction) = (rest.abs() / 1_000_000, rest.abs() % 1_000_000);
        let fraction = if fraction == 0 { String::new() } else { format!(".{fraction:06}") };
        write!(text, "{sign}{seconds}{}S", fraction.trim_end_matches('0')).ok()?;
    }
    Some(if text == "P" { "PT0S".to_owned() } else { text })
}
