//! Where everything lies.

use super::{Kind, Setting, given};

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        key: "data_dir",
        also: &[],
        default: "./weir-data",
        kind: Kind::Text,
        secret: false,
        meaning: "The folder of everything that Weir keeps by itself: database, files, snapshots.",
        put: |config, text| {
            config.data_dir = given(text)?.into();
            Ok(())
        },
    },
    Setting {
        key: "database_url",
        also: &["DATABASE_URL"],
        default: "sqlite:{data_dir}/weir.db",
        kind: Kind::Text,
        secret: true,
        meaning: "Where executions and workflows are recorded: `sqlite:PATH`, used by one process at a time, or \
                  `postgres://USER:PASSWORD@HOST/DATABASE` (PostgreSQL 15 or newer). `sslmode=require` in the query \
                  asks for TLS.",
        put: |config, text| {
            let known = ["sqlite:", "postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme));
            if !known {
                return Err("expected sqlite:PATH or postgres://USER@HOST/DATABASE".to_owned());
            }
            config.database_url = text.to_owned();
            Ok(())
        },
    },
    Setting {
        key: "objects_url",
        also: &[],
        default: "file:{data_dir}/objects",
        kind: Kind::Text,
        secret: true,
        meaning: "Where files and large values lie: `file:PATH` or `s3://BUCKET/PREFIX`. Region, endpoint and \
                  credentials of S3 come from the usual `AWS_*` variables.",
        put: |config, text| {
            if !["file:", "s3://"].iter().any(|scheme| text.starts_with(scheme)) {
                return Err("expected file:PATH or s3://BUCKET/PREFIX".to_owned());
            }
            config.objects_url = text.to_owned();
            Ok(())
        },
    },
    Setting {
        key: "cache_url",
        also: &["REDIS_URL"],
        default: "memory",
        kind: Kind::Text,
        secret: true,
        meaning: "Where what is asked for often is kept: `memory`, or `redis://HOST:PORT` (`rediss://` with TLS), \
                  which several processes share. While Redis is away, Weir goes on without it.",
        put: |config, text| {
            if text != "memory" && !["redis://", "rediss://"].iter().any(|scheme| text.starts_with(scheme)) {
                return Err("expected memory, redis://HOST or rediss://HOST".to_owned());
            }
            config.cache_url = text.to_owned();
            Ok(())
        },
    },
    Setting {
        key: "master_key",
        also: &[],
        default: "",
        kind: Kind::Text,
        secret: true,
        meaning: "What secrets are sealed under: 32 bytes in base64, or several as `id:base64` separated by commas, \
                  the newest last. Without it, a key is made at the first start and kept in `master.key` in the \
                  data directory, readable by its owner only. Whoever loses it loses every stored credential.",
        put: |config, text| {
            config.master_key = Some(text).filter(|text| !text.is_empty()).map(str::to_owned);
            Ok(())
        },
    },
    Setting {
        key: "databases_dir",
        also: &[],
        default: "{data_dir}/databases",
        kind: Kind::Text,
        secret: false,
        meaning: "The folder of the SQLite files that `database` nodes may open.",
        put: |config, text| {
            config.databases_dir = given(text)?.into();
            Ok(())
        },
    },
];
