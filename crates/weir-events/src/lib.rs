//! Domain events: what happened to the things of the domain, told to whoever wants to know.
//!
//! Invariants: an event is committed together with the change it tells of, or not at all; what subscribers write
//! because of it is committed together with how far the events were read, so that it is written exactly once; it is
//! delivered to others at least once, under an id that stays the same; events of one thing are delivered in their
//! order. The audit log only grows.
//! Knows nothing about executions, workflows or people: contexts tell, subscribers listen.

mod audit;
mod deliveries;
mod error;
mod event;
mod events;
mod live;
mod log;
mod outbox;
mod patterns;
mod position;
mod relay;
mod retention;
mod rules;
mod senders;
mod sending;
mod signature;
mod webhooks;

use weir_db::Migration;

pub use audit::{Audit, AuditFilter, Entry};
pub use deliveries::{Delivery, DeliveryStatus, UnknownDeliveryStatus};
pub use error::{Error, Mistake};
pub use event::DomainEvent;
pub use events::Events;
pub use log::Located;
pub use outbox::{TELL, tell};
pub use patterns::{InvalidPatterns, Patterns};
pub use position::{InvalidPosition, Position};
pub use relay::{Failing, Health, Subscriber, SubscriberError};
pub use retention::{Removed, Retention};
pub use rules::{Channel, NewRule, NotificationRule, NotificationRules, RuleChange, RuleId};
pub use senders::{SecretSource, Senders};
pub use sending::Deliveries;
pub use webhooks::{NewWebhook, Webhook, WebhookChange, Webhooks};

/// The tables of this crate; their context is named `events`.
pub const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        name: "outbox",
        sqlite: include_str!("../migrations/sqlite/0001_outbox.sql"),
        postgres: include_str!("../migrations/postgres/0001_outbox.sql"),
    },
    Migration {
        version: 2,
        name: "delivery",
        sqlite: include_str!("../migrations/sqlite/0002_delivery.sql"),
        postgres: include_str!("../migrations/postgres/0002_delivery.sql"),
    },
];
