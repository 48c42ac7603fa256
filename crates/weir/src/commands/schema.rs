//! `weir schema`: the JSON Schema of workflow files.

use weir_core::schema::document_schema;

use super::Context;
use crate::failure::Exit;
use crate::{boot, output};

pub(crate) async fn run(context: &Context) -> anyhow::Result<Exit> {
    let catalog = boot::catalog(&context.loaded.config).await?;
    output::json(&document_schema(&catalog));
    Ok(Exit::Done)
}
