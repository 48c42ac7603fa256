//! Documents come in and go out without loss.

use weir_base::ErrorKind;
use weir_core::document::Format;
use weir_workflows::{Edition, Error, Imported, OnConflict};

use crate::{FIRST, benches, document, operator};

const YAML: &str = "\
name: Greeter
x-note: kept
nodes:
  - {id: start, type: start, position: {x: 0, y: 0.5}}
  - id: end
    type: end
    data:
      params:
        output: |
          Hello {{ input.word }}
          and 'no': yes
edges:
  - {id: e1, source: start, target: end, animated: true}
";

#[tokio::test]
async fn a_document_survives_import_and_export_in_both_notations() {
    for bench in benches().await {
        let imported = bench.workflows.import(operator(), YAML.as_bytes(), None, OnConflict::New).await.unwrap();
        assert_eq!(imported.problems(), []);
        let id = imported.workflow().summary.id;
        bench.workflows.publish(operator(), id, None).await.unwrap();
        let first = bench.workflows.document(FIRST, id, Edition::Draft).await.unwrap();
        for format in [Format::Yaml, Format::Json] {
            let text = bench.workflows.export(FIRST, id, Edition::Version(1), format).await.unwrap();
            let again = bench.workflows.import(operator(), text.as_bytes(), None, OnConflict::New).await.unwrap();
            let copy = again.workflow().summary.id;
            assert_ne!(copy, id);
            assert_eq!(bench.workflows.document(FIRST, copy, Edition::Draft).await.unwrap(), first, "{text}");
            assert_eq!(bench.workflows.export(FIRST, copy, Edition::Draft, format).await.unwrap(), text);
        }
        let missing = bench.workflows.export(FIRST, id, Edition::Version(2), Format::Json).await.unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::NotFound);
    }
}

#[tokio::test]
async fn an_import_with_problems_is_a_draft_and_one_without_shape_is_refused() {
    for bench in benches().await {
        let doubtful = YAML.replace("type: end", "type: ends");
        let imported = bench.workflows.import(operator(), doubtful.as_bytes(), None, OnConflict::New).await.unwrap();
        assert!(matches!(&imported, Imported::Created(saved) if !saved.problems.is_empty()));
        for text in ["name: [", "{\"name\": \"x\", \"name\": \"y\"}", "- a list", "\u{0}"] {
            let error = bench.workflows.import(operator(), text.as_bytes(), None, OnConflict::New).await.unwrap_err();
            let Error::NotValid { problems } = &error else { panic!("{error}") };
            assert!(!problems.is_empty(), "{text}");
        }
    }
}

#[tokio::test]
async fn what_is_there_by_name_is_replaced_or_left_alone() {
    for bench in benches().await {
        let text = serde_json::to_vec(&document("Example")).unwrap();
        let first = bench.workflows.import(operator(), &text, None, OnConflict::Skip).await.unwrap();
        assert!(matches!(first, Imported::Created(_)));
        let second = bench.workflows.import(operator(), &text, None, OnConflict::Skip).await.unwrap();
        assert!(matches!(&second, Imported::Skipped(workflow) if workflow == first.workflow()));

        let changed = YAML.replace("Greeter", "Example");
        let third = bench.workflows.import(operator(), changed.as_bytes(), None, OnConflict::Replace).await.unwrap();
        assert!(matches!(&third, Imported::Replaced(saved) if saved.workflow.draft["x-note"] == "kept"));
        assert_eq!(third.workflow().summary.id, first.workflow().summary.id);

        bench.draft("Example").await;
        let error = bench.workflows.import(operator(), &text, None, OnConflict::Replace).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert!(error.to_string().contains(&first.workflow().summary.id.to_string()), "{error}");
    }
}
