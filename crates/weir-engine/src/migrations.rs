//! The engine's tables.

use weir_db::Migration;

/// The engine's migrations; their context is `engine`.
pub const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        name: "engine",
        sqlite: include_str!("../migrations/sqlite/0001_engine.sql"),
        postgres: include_str!("../migrations/postgres/0001_engine.sql"),
    },
    Migration {
        version: 2,
        name: "workspaces",
        sqlite: include_str!("../migrations/sqlite/0002_workspaces.sql"),
        postgres: include_str!("../migrations/postgres/0002_workspaces.sql"),
    },
    Migration {
        version: 3,
        name: "usage",
        sqlite: include_str!("../migrations/sqlite/0003_usage.sql"),
        postgres: include_str!("../migrations/postgres/0003_usage.sql"),
    },
];
