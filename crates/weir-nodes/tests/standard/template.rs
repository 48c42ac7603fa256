//! `template`, and what it refuses to do.

use serde_json::json;
use weir_core::node_error::ErrorClass;

use crate::support::Bench;

#[tokio::test]
async fn a_template_sees_its_values_and_escapes_nothing() {
    let bench = Bench::new().await;
    let params = json!({
        "template": "{% for row in rows %}{{ loop.index }}. {{ row.name|upper }} <{{ row.n }}>\n{% endfor %}{{ rows|length }}",
        "values": {"rows": [{"name": "ann & bo", "n": 1}, {"name": "<c>", "n": 2.5}]},
    });
    let output = bench.output("template", params).await;
    assert_eq!(output, json!({"text": "1. ANN & BO <1>\n2. <C> <2.5>\n2"}));
    let maybe = json!({"template": "{% if nick %}{{ nick }}{% else %}nobody{% endif %}"});
    assert_eq!(bench.output("template", maybe).await, json!({"text": "nobody"}));
}

#[tokio::test]
async fn errors_name_the_line() {
    let bench = Bench::new().await;
    for (template, line) in [("a\n{{ misspelt }}", 2), ("{% if %}", 1), ("\n\n{{ 1 / 'x' }}", 3)] {
        let error = bench.fails("template", json!({"template": template})).await;
        assert_eq!(error.class, ErrorClass::Invalid);
        assert!(error.message.contains(&format!("line {line}")), "{}", error.message);
    }
}

#[tokio::test]
async fn bombs_are_stopped() {
    let bench = Bench::new().await;
    let nested = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}";
    let error = bench.fails("template", json!({"template": nested})).await;
    assert!(error.message.contains("instructions"), "{}", error.message);
    for long in ["{{ 'x' * 2000000 }}", "{% for a in range(50000) %}{{ 'x' * 1000 }}{% endfor %}"] {
        let error = bench.fails("template", json!({"template": long})).await;
        assert!(error.message.contains("longer than 1048576 bytes"), "{}", error.message);
    }
    let error = bench.fails("template", json!({"template": "{{ 'x' * 100000000000 }}"})).await;
    assert!(error.message.contains("too large"), "{}", error.message);
}

#[tokio::test]
async fn no_other_file_can_be_included() {
    let bench = Bench::new().await;
    for template in ["{% include '/etc/passwd' %}", "{% extends 'base.html' %}", "{% import 'x' as x %}"] {
        assert_eq!(bench.fails("template", json!({"template": template})).await.class, ErrorClass::Invalid);
    }
}
