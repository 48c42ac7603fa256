//! What became of events on their way to a webhook or to people.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use weir_base::PageRequest;
use weir_events::{Delivery, DeliveryStatus};

use crate::extract::page;
use crate::problem::Problem;
use crate::routes::word;

/// An event on its way.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Delivery)]
pub(super) struct DeliveryBody {
    /// Which event.
    event_id: String,
    /// What happened.
    kind: String,
    /// To which thing.
    subject: String,
    /// `pending`, `delivered` or `failed`.
    status: &'static str,
    /// How often it was tried.
    attempts: i64,
    /// When it is tried next, at the earliest.
    next_at: Option<DateTime<Utc>>,
    /// The HTTP status of the last answer.
    last_status: Option<i64>,
    /// Why the last try failed.
    last_error: Option<String>,
    /// The beginning of the last answer.
    response: Option<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<Delivery> for DeliveryBody {
    fn from(delivery: Delivery) -> Self {
        Self {
            status: delivery.status.as_str(),
            event_id: delivery.event_id,
            kind: delivery.kind,
            subject: delivery.subject,
            attempts: delivery.attempts,
            next_at: delivery.next_at,
            last_status: delivery.last_status,
            last_error: delivery.last_error,
            response: delivery.response,
            created_at: delivery.created_at,
            updated_at: delivery.updated_at,
        }
    }
}

/// Which deliveries a list holds.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct DeliveryParams {
    /// `pending`, `delivered` or `failed`.
    status: Option<String>,
    /// At most so many, 1 to 200; 50 without it.
    limit: Option<u32>,
    /// Continue after the page that gave this.
    cursor: Option<String>,
}

impl DeliveryParams {
    pub(super) fn read(self) -> Result<(Option<DeliveryStatus>, PageRequest), Problem> {
        let status = self.status.as_deref().map(word).transpose()?;
        Ok((status, page(self.limit, self.cursor)?))
    }
}

/// What to send again.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RedeliverBody {
    /// This event; without it, all that failed.
    pub(super) event_id: Option<String>,
}

/// What is sent again.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Redelivered {
    /// So many events.
    pub(super) count: u64,
}
