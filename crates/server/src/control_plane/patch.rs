//! What the members of an `Update…` do (control-and-observability spec D.1): one that is absent leaves
//! all as it is, an empty text unsets.

use std::collections::BTreeMap;

/// A text, unless it is empty.
pub(super) fn unless_empty(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

/// Sets a text, or unsets it.
pub(super) fn set(member: &mut Option<String>, given: Option<String>) {
    if let Some(given) = given {
        *member = unless_empty(given);
    }
}

/// Puts a whole value in place of the present one.
pub(super) fn replace<T>(member: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *member = given;
    }
}

/// Sets the entries of a map that are given, and removes those that are given empty.
pub(super) fn merge(map: &mut BTreeMap<String, String>, given: BTreeMap<String, String>) {
    for (key, value) in given {
        if value.is_empty() {
            map.remove(&key);
        } else {
            map.insert(key, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_absent_stays_and_what_is_empty_is_unset() {
        let text = |text: &str| Some(text.to_owned());
        let mut member = text("a");
        set(&mut member, None);
        assert_eq!(member, text("a"));
        set(&mut member, text("b"));
        assert_eq!(member, text("b"));
        set(&mut member, text(""));
        assert_eq!(member, None);
        let map = |entries: &[(&str, &str)]| {
            let entries = entries.iter();
            entries
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect::<BTreeMap<_, _>>()
        };
        let mut entries = map(&[("a", "1"), ("b", "2"), ("c", "3")]);
        merge(&mut entries, map(&[("a", ""), ("b", "4"), ("d", "5")]));
        assert_eq!(entries, map(&[("b", "4"), ("c", "3"), ("d", "5")]));
        replace(&mut entries, None);
        assert_eq!(entries.len(), 3);
        replace(&mut entries, Some(BTreeMap::new()));
        assert!(entries.is_empty());
    }
}
