//! Workflows: their drafts, their published versions, and running them.
//!
//! Invariants: a published version never changes and is kept by the engine before anybody can run it; every change of
//! a workflow is guarded by its revision, so that nobody overwrites what they have not seen; the draft is a live
//! document of `weir-collab`, of which the row of the workflow shows what it lately was; status moves only along
//! `draft -> active <-> paused`, `active -> archived`, `draft -> archived`, and an archived workflow is read-only and
//! cannot be run. A draft may break the rules of a document as long as it has the shape of one.
//!
//! [`Versions`] needs only the database, so that node types can find workflows before there is an engine;
//! [`Workflows`] has all the rules. [`triggers`] start them. Knows nothing about node types or HTTP.

mod creation;
mod drafts;
mod error;
mod execute;
mod list;
mod live;
mod stages;
mod store;
mod telling;
mod transfer;
pub mod triggers;
mod update;
mod versions;
mod workflow;
mod workflows;

use weir_db::Migration;

pub use self::creation::Created;
pub use self::error::Error;
pub use self::execute::Execute;
pub use self::list::{Filter, Sort, SortKey, UnknownSort};
pub use self::transfer::{Imported, OnConflict};
pub use self::update::{DraftChange, Saved, Update};
pub use self::versions::{Edition, Resolved, UnknownEdition, Version, VersionSummary, Versions};
pub use self::workflow::{Status, Summary, UnknownStatus, Workflow};
pub use self::workflows::{Published, Workflows};

/// The tables of this crate; their context is named `workflows`.
pub const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        name: "workflows",
        sqlite: include_str!("../migrations/sqlite/0001_workflows.sql"),
        postgres: include_str!("../migrations/postgres/0001_workflows.sql"),
    },
    Migration {
        version: 2,
        name: "creations",
        sqlite: include_str!("../migrations/sqlite/0002_creations.sql"),
        postgres: include_str!("../migrations/postgres/0002_creations.sql"),
    },
    Migration {
        version: 3,
        name: "workspaces",
        sqlite: include_str!("../migrations/sqlite/0003_workspaces.sql"),
        postgres: include_str!("../migrations/postgres/0003_workspaces.sql"),
    },
    Migration {
        version: 4,
        name: "triggers",
        sqlite: include_str!("../migrations/sqlite/0004_triggers.sql"),
        postgres: include_str!("../migrations/postgres/0004_triggers.sql"),
    },
    Migration {
        version: 5,
        name: "live_drafts",
        sqlite: include_str!("../migrations/sqlite/0005_live_drafts.sql"),
        postgres: include_str!("../migrations/postgres/0005_live_drafts.sql"),
    },
];
