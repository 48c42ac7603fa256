//! The known name that a wrong one was probably meant to be.

/// The candidate closest to `name`, if one is close enough to be meant.
pub(crate) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A name from a hostile document may be megabytes long; nobody meant a known one by it.
    if name.len() > 64 {
        return None;
    }
    let allowed = if name.chars().count() <= 5 { 1 } else { 2 };
    let plain = plain(name);
    candidates
        .into_iter()
        .filter_map(|candidate| {
            let distance = if self::plain(candidate) == plain { 0 } else { distance(name, candidate) };
            (distance <= allowed).then_some((distance, candidate))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `did you mean …?` or nothing, to begin a hint with.
pub(crate) fn suggestion<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(name, candidates).map_or_else(String::new, |found| format!("did you mean `{found}`? "))
}

/// Names that differ only in case and word breaks (`onError`, `on-error`) are the same to a person.
fn plain(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).flat_map(char::to_lowercase).collect()
}

/// Insertions, deletions, replacements and swaps of neighbours from one to the other.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before_last = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before_last[j - 2] + 1);
            }
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_found_and_another_word_is_not() {
        assert_eq!(nearest("htpp_request", ["http_request", "llm"]), Some("http_request"));
        assert_eq!(nearest("onError", ["on_error"]), Some("on_error"));
        assert_eq!(nearest("style", ["type", "id"]), None);
        assert_eq!(nearest("data", ["id", "type"]), None);
    }
}
