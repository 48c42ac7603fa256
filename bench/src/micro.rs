//! Single pieces in this process, without HTTP, disk or other threads.

use std::collections::{BTreeMap, VecDeque};
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use weir_base::{Clock, ExecutionId, SystemClock, WorkspaceId};
use weir_core::document::Document;
use weir_core::evaluator::{Evaluator, Scope};
use weir_core::event::{EVENT_VERSION, ExecutionStarted};
use weir_core::execution::{Effect, Execution, Input, Moment, Run, Status};
use weir_core::node_type::{Catalog, Role};
use weir_core::outcome::{Expansion, OnItemError, Outcome};
use weir_core::plan::Plan;
use weir_core::validate::validate;
use weir_db::Db;
use weir_engine::files::ExecutionFiles;
use weir_expr::JsEvaluator;
use weir_objects::Objects;
use weir_outbound::{HttpAccess, Outbound};
use weir_workflows::Versions;

use crate::report::Report;
use crate::{documents, store};

/// How long each piece runs before and while it is measured.
const WARM_UP: Duration = Duration::from_millis(300);
const MEASURED: Duration = Duration::from_secs(1);

const ITEMS: u32 = 10_000;

/// The most nodes of a document.
const NODES: usize = 2_000;

pub(crate) async fn run(report: &mut Report) -> anyhow::Result<()> {
    let catalog = catalog().await?;
    let evaluator = JsEvaluator::new();
    let mut section = report.section("micro", None);
    let input = json!({ "a": [{ "b": 1 }, { "b": 2 }], "text": "seven" });
    let scope = Scope { input: Arc::new(input), ..Scope::default() };
    for (name, expression) in
        [("expression that is a path", "input.a[1].b"), ("expression for the engine", "input.a.map(x => x.b + 1)")]
    {
        evaluator.evaluate(expression, &scope)?;
        section.add(name, micros(|| black_box(evaluator.evaluate(expression, &scope)).is_ok()), "us");
    }

    let tree = documents::map(256);
    let document = Document::from_value(tree).map_err(|problems| anyhow::anyhow!("{problems:?}"))?;
    let plan = Arc::new(Plan::compile(Arc::new(document), &catalog)?);
    let events = map_in_memory(&plan)?;
    let took = micros(|| black_box(map_in_memory(&plan)).is_ok());
    section.add("state machine: map over 10,000 items", took / 1e3, "ms");
    section.add("state machine: events", events as f64 / took * 1e6, "1/s");

    let tree = documents::steps(NODES - 1);
    let problems = validate(&tree, &catalog, &evaluator);
    ensure!(problems.is_empty(), "the document is not valid: {problems:?}");
    let took = micros(|| black_box(validate(&tree, &catalog, &evaluator)).is_empty());
    section.add("validation of a document of 2,000 nodes", took / 1e3, "ms");
    Ok(())
}

/// Microseconds of one call.
fn micros(mut call: impl FnMut() -> bool) -> f64 {
    let begun = Instant::now();
    while begun.elapsed() < WARM_UP {
        call();
    }
    let begun = Instant::now();
    let mut calls = 0_u32;
    while begun.elapsed() < MEASURED {
        call();
        calls += 1;
    }
    begun.elapsed().as_secs_f64() * 1e6 / f64::from(calls)
}

/// Drives the map to its end; the number of its events.
fn map_in_memory(plan: &Arc<Plan>) -> anyhow::Result<usize> {
    let started = ExecutionStarted {
        version: EVENT_VERSION,
        execution_id: ExecutionId::new(),
        workspace_id: WorkspaceId::FIRST,
        workflow_id: None,
        workflow_version: None,
        document: plan.hash.clone(),
        input: json!({}).into(),
        vars: Default::default(),
        pins: BTreeMap::new(),
        parent: None,
        trigger: "manual".to_owned(),
        started_by: None,
        origin: None,
    };
    let moment = Moment { now: SystemClock.now(), random: 0.5 };
    let items: Value = (0..ITEMS).collect();
    let (mut execution, output) = Execution::start(Arc::clone(plan), started, moment);
    let mut events = output.events.len();
    let mut open: VecDeque<Run> = runs(output.effects).collect();
    while let Some(run) = open.pop_front() {
        let outcome = match plan.nodes[run.node].role {
            Role::Map => Outcome::Expand(Expansion {
                items: items.clone().into(),
                count: ITEMS,
                keys: None,
                concurrency: 256,
                on_item_error: OnItemError::Fail,
            }),
            _ => Outcome::done(json!({ "item": 1 })),
        };
        let input = Input::NodeDone { path: run.path, attempt: run.attempt, result: Ok(outcome) };
        let output = execution.handle(moment, input)?;
        events += output.events.len();
        open.extend(runs(output.effects));
    }
    ensure!(execution.status() == Status::Completed, "the map did not complete");
    Ok(events)
}

fn runs(effects: Vec<Effect>) -> impl Iterator<Item = Run> {
    effects.into_iter().filter_map(|effect| match effect {
        Effect::Run(run) => Some(run),
        _ => None,
    })
}

async fn catalog() -> anyhow::Result<Catalog> {
    // Node types are built with their services; to declare themselves they use none of them, so empty ones will do.
    let folder = store::temporary_folder()?;
    let db = Db::connect(&format!("sqlite:{}/weir.db", folder.path().display())).await?;
    let objects = Objects::connect(&format!("file:{}", folder.path().display()))?;
    let services = weir_nodes::Services {
        files: ExecutionFiles::new(objects),
        outbound: Outbound::new(HttpAccess::default()).context("cannot set up requests")?,
        versions: Versions::new(db.clone()),
        db: db.clone(),
        mailer: None,
        slack_api: weir_nodes::SLACK_API.parse()?,
        databases: folder.path().to_path_buf(),
    };
    let catalog = weir_nodes::standard(services).iter().map(|node_type| node_type.info()).collect();
    db.close().await;
    Ok(catalog)
}
