//! Lists: filters, orders and pages.

use std::time::Duration;

use weir_base::{ErrorKind, PageRequest};
use weir_workflows::{Filter, Sort, SortKey, Status, Update};

use crate::{Bench, FIRST, benches, document, operator};

/// The names of all pages, two workflows at a time.
async fn names(bench: &Bench, filter: &Filter) -> Vec<String> {
    let mut page = PageRequest::new(Some(2), None);
    let mut names = Vec::new();
    loop {
        let found = bench.workflows.list(FIRST, filter, &page).await.unwrap();
        names.extend(found.items.into_iter().map(|summary| summary.name));
        match found.next {
            Some(next) => page.cursor = Some(next),
            None => return names,
        }
    }
}

fn sorted(text: &str) -> Filter {
    Filter { sort: text.parse().unwrap(), ..Filter::default() }
}

async fn create(bench: &Bench, name: &str, tags: &[&str]) {
    bench.clock.advance(Duration::from_micros(1));
    let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
    bench.workflows.create(operator(), document(name), tags).await.unwrap();
}

#[tokio::test]
async fn every_order_goes_through_all_pages_both_ways() {
    for bench in benches().await {
        for name in ["cherry", "Apple", "Éclair", "banana", "apple", "Date"] {
            create(&bench, name, &[]).await;
        }
        let by_creation = names(&bench, &sorted("created_at")).await;
        assert_eq!(by_creation, ["cherry", "Apple", "Éclair", "banana", "apple", "Date"]);
        let by_name = names(&bench, &sorted("name")).await;
        assert_eq!(by_name, ["Apple", "apple", "banana", "cherry", "Date", "Éclair"]);
        for order in ["name", "created_at", "updated_at"] {
            let mut ways = [names(&bench, &sorted(order)).await, names(&bench, &sorted(&format!("-{order}"))).await];
            ways[1].reverse();
            assert_eq!(ways[0], ways[1], "{order}");
        }

        bench.clock.advance(Duration::from_secs(1));
        let id = bench.workflows.versions().find(FIRST, "banana").await.unwrap();
        let tagged = Update { draft: None, tags: Some(vec!["ripe".to_owned()]) };
        bench.workflows.update(operator(), id, None, tagged).await.unwrap();
        assert_eq!(names(&bench, &Filter::default()).await[0], "banana");
    }
}

#[tokio::test]
async fn filters_narrow_the_list() {
    for bench in benches().await {
        create(&bench, "Straße 100%", &["daily", "a_b"]).await;
        create(&bench, "STRASSE 1000", &["daily"]).await;
        create(&bench, "Other", &["dailyish", "axb"]).await;
        let q = |text: &str| Filter { q: Some(text.to_owned()), ..sorted("name") };
        assert_eq!(names(&bench, &q("straße")).await, ["Straße 100%"]);
        assert_eq!(names(&bench, &q("STRA")).await, ["STRASSE 1000", "Straße 100%"]);
        assert_eq!(names(&bench, &q("100%")).await, ["Straße 100%"]);
        assert_eq!(names(&bench, &q("nothing")).await, [""; 0]);
        let tag = |text: &str| Filter { tag: Some(text.to_owned()), ..sorted("name") };
        assert_eq!(names(&bench, &tag("daily")).await, ["STRASSE 1000", "Straße 100%"]);
        assert_eq!(names(&bench, &tag("a_b")).await, ["Straße 100%"]);

        bench.active("Running").await;
        let status = |statuses: &[Status]| Filter { statuses: statuses.to_vec(), ..sorted("name") };
        assert_eq!(names(&bench, &status(&[Status::Active, Status::Paused])).await, ["Running"]);
        assert_eq!(names(&bench, &status(&[Status::Draft])).await.len(), 3);
        let all = Filter { q: Some("s".to_owned()), tag: Some("daily".to_owned()), ..status(&[Status::Draft]) };
        assert_eq!(names(&bench, &all).await.len(), 2);
    }
}

#[tokio::test]
async fn a_description_is_searched_and_shown() {
    for bench in benches().await {
        let mut given = document("Plain");
        given["description"] = "Sorts the Mail".into();
        bench.workflows.create(operator(), given, Vec::new()).await.unwrap();
        let filter = Filter { q: Some("the mail".to_owned()), ..Filter::default() };
        let found = bench.workflows.list(FIRST, &filter, &PageRequest::default()).await.unwrap();
        assert_eq!(found.items[0].description.as_deref(), Some("Sorts the Mail"));
    }
}

#[tokio::test]
async fn a_cursor_of_another_order_is_refused() {
    for bench in benches().await {
        create(&bench, "one", &[]).await;
        create(&bench, "two", &[]).await;
        let by_name = bench.workflows.list(FIRST, &sorted("name"), &PageRequest::new(Some(1), None)).await.unwrap();
        let page = PageRequest::new(None, by_name.next);
        let error = bench.workflows.list(FIRST, &sorted("created_at"), &page).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Malformed);
    }
}

#[test]
fn an_order_is_a_word_with_or_without_a_minus() {
    assert_eq!("-name".parse(), Ok(Sort { by: SortKey::Name, descending: true }));
    assert_eq!("updated_at".parse(), Ok(Sort { by: SortKey::UpdatedAt, descending: false }));
    assert!("size".parse::<Sort>().is_err());
}
