//! The known name that a wrong one was probably meant to be.

/// The longest name that is looked for, in characters; nobody means a known name by a longer one.
const MAX_NAME: usize = 64;

/// The candidate closest to `name`, if one is close enough to be meant.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted: Vec<char> = name.chars().take(MAX_NAME + 1).collect();
    if wanted.len() > MAX_NAME {
        return None;
    }
    let most = if wanted.len() <= 5 { 1 } else { 2 };
    candidates
        .into_iter()
        .filter_map(|candidate| {
            let steps = if plain(candidate).eq(plain(name)) { Some(0) } else { distance(&wanted, candidate, most) };
            steps.map(|steps| (steps, candidate))
        })
        .min_by_key(|(steps, _)| *steps)
        .map(|(_, candidate)| candidate)
}

/// `did you mean …?` or nothing, to begin a hint with.
pub(crate) fn suggestion<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(name, candidates).map_or_else(String::new, |found| format!("did you mean `{found}`? "))
}

/// Names that differ only in case and word breaks (`onError`, `on-error`) are the same to a person.
fn plain(name: &str) -> impl Iterator<Item = char> {
    name.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).flat_map(char::to_lowercase)
}

/// Insertions, deletions, replacements and swaps of neighbours from one to the other, if there are at most `most`.
fn distance(a: &[char], b: &str, most: usize) -> Option<usize> {
    const WIDTH: usize = MAX_NAME + 4;
    let mut chars = ['\0'; WIDTH];
    let mut length = 0;
    for c in b.chars() {
        if length == a.len() + most {
            return None;
        }
        chars[length] = c;
        length += 1;
    }
    if a.len() > length + most {
        return None;
    }
    let b = &chars[..length];
    let far = most + 1;
    let mut rows = [[far; WIDTH]; 3];
    for (j, cell) in rows[0].iter_mut().enumerate().take(far) {
        *cell = j;
    }
    for i in 1..=a.len() {
        let (row, last, before_last) = (i % 3, (i + 2) % 3, (i + 1) % 3);
        // Cells further from the diagonal than `most` would need more steps than that.
        let (low, high) = (i.saturating_sub(most), (i + most).min(b.len()));
        let mut least = far;
        if low > 0 {
            rows[row][low - 1] = far;
        }
        for j in low..=high {
            let mut steps = if j == 0 {
                i
            } else {
                let replaced = rows[last][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                replaced.min(rows[row][j - 1] + 1)
            };
            if j < i + most {
                steps = steps.min(rows[last][j] + 1);
            }
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                steps = steps.min(rows[before_last][j - 2] + 1);
            }
            rows[row][j] = steps.min(far);
            least = least.min(rows[row][j]);
        }
        if least == far {
            return None;
        }
    }
    Some(rows[a.len() % 3][b.len()]).filter(|steps| *steps <= most)
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
        assert_eq!(nearest(&"x".repeat(65), ["x"]), None);
    }

    #[test]
    fn steps_are_counted_as_by_the_textbook() {
        fn textbook(a: &[char], b: &[char]) -> usize {
            let mut cells = vec![vec![0; b.len() + 1]; a.len() + 1];
            for i in 0..=a.len() {
                for j in 0..=b.len() {
                    cells[i][j] = if i == 0 || j == 0 {
                        i + j
                    } else {
                        let replaced = cells[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                        let mut steps = replaced.min(cells[i - 1][j] + 1).min(cells[i][j - 1] + 1);
                        if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                            steps = steps.min(cells[i - 2][j - 2] + 1);
                        }
                        steps
                    };
                }
            }
            cells[a.len()][b.len()]
        }
        proptest::proptest!(|(a in "[ab]{0,7}", b in "[ab]{0,7}", most in 1_usize..3)| {
            let (a, letters): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
            let steps = textbook(&a, &letters);
            assert_eq!(distance(&a, &b, most), Some(steps).filter(|steps| *steps <= most));
        });
    }
}
