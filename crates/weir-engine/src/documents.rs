//! The documents that executions run, kept under their hashes for as long as an execution may need them.

use std::sync::Arc;

use weir_core::document::Document;
use weir_core::node_type::Catalog;
use weir_core::plan::{Plan, document_hash};
use weir_db::{Db, Statement, args};

use crate::error::Error;

/// Plans kept in memory.
const CACHED_PLANS: u64 = 256;

/// Documents by hash.
#[derive(Clone)]
pub struct Documents {
    db: Db,
    catalog: Arc<Catalog>,
    plans: moka::sync::Cache<String, Arc<Plan>>,
}

impl Documents {
    /// The documents in this database, made runnable with these node types.
    pub fn new(db: Db, catalog: Arc<Catalog>) -> Self {
        Self { db, catalog, plans: moka::sync::Cache::new(CACHED_PLANS) }
    }

    /// Keeps a document and names it by its hash.
    ///
    /// # Errors
    /// [`Error::Plan`] when it cannot be run.
    pub async fn keep(&self, document: &Document) -> Result<String, Error> {
        let hash = document_hash(document);
        if self.plans.contains_key(&hash) {
            return Ok(hash);
        }
        let plan = Arc::new(Plan::compile(Arc::new(document.clone()), &self.catalog)?);
        let body = serde_json::to_string(document)
            .map_err(|error| Error::Corrupt { what: "the document".to_owned(), message: error.to_string() })?;
        let insert = "INSERT INTO documents (hash, body, created_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
        self.db.write(Statement::new(insert, args![&hash, body, chrono::Utc::now()])).await?;
        self.plans.insert(hash.clone(), plan);
        Ok(hash)
    }

    /// The plan of a kept document.
    ///
    /// # Errors
    /// [`Error::NoDocument`]; [`Error::Plan`] when this binary lacks one of its node types.
    pub async fn plan(&self, hash: &str) -> Result<Arc<Plan>, Error> {
        if let Some(plan) = self.plans.get(hash) {
            return Ok(plan);
        }
        let rows = self.db.query("SELECT body FROM documents WHERE hash = $1", args![hash]).await?;
        let row = rows.first().ok_or_else(|| Error::NoDocument(hash.to_owned()))?;
        let body: String = row.get(0)?;
        let document: Document = serde_json::from_str(&body)
            .map_err(|error| Error::Corrupt { what: format!("document {hash}"), message: error.to_string() })?;
        let plan = Arc::new(Plan::compile(Arc::new(document), &self.catalog)?);
        self.plans.insert(hash.to_owned(), Arc::clone(&plan));
        Ok(plan)
    }
}
