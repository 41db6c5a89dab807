//! What of a changed configuration waits for a restart.

use crate::config::{Setting, Source};

/// A line for each key whose value is another now, also where it is gone, with its place. Whatever
/// lets somebody in is said to do so still.
pub fn needed(before: &[Setting], now: &[Setting]) -> Vec<String> {
    let mut lines = Vec::new();
    for setting in now {
        match find(before, &setting.key) {
            Some(old) if old.compared == setting.compared => {}
            None if setting.source == Source::Default => {}
            old => lines.push(line(old, Some(setting))),
        }
    }
    let gone = before.iter().filter(|old| find(now, &old.key).is_none());
    let gone = gone.filter(|old| old.source != Source::Default);
    lines.extend(gone.map(|old| line(Some(old), None)));
    lines
}

fn find<'a>(settings: &'a [Setting], key: &str) -> Option<&'a Setting> {
    settings.iter().find(|setting| setting.key == key)
}

fn line(old: Option<&Setting>, new: Option<&Setting>) -> String {
    let was_set = old.filter(|old| old.source != Source::Default);
    let is_set = new.filter(|new| new.source != Source::Default);
    let place = match (is_set, was_set) {
        (Some(new), _) => new.source.to_string(),
        (None, Some(old)) => format!("{}, where it is no longer", old.source),
        (None, None) => Source::Default.to_string(),
    };
    let key = new.or(old).map_or("", |setting| &setting.key);
    let mut line = format!("{place}: {key} needs a restart");
    if was_set.is_some() && lets_in(key) {
        line += "; until then what was set before goes on working";
    }
    line
}

/// Whether a key says who may do what.
fn lets_in(key: &str) -> bool {
    key.starts_with("auth.") || key.starts_with("admin.token") || key == "server.trusted_proxies"
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::config::Config;

    const KEY: &str = "[auth.access_keys.AKIAIOSFODNN7EXAMPLE]\nuser = \"ann\"\n";

    /// What is said when the first file becomes the second; `key` and `policy` are files beside it.
    fn needed_for(before: &str, after: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("gatepost.toml");
        let load = |text: &str, secret: &str| {
            fs::write(&file, text).unwrap();
            fs::write(folder.path().join("secret"), secret).unwrap();
            Config::load(Some(&file), &[], &[]).unwrap().settings
        };
        let (before, now) = (load(before, "old secret"), load(after, "new secret"));
        let lines = needed(&before, &now);
        let folder = format!("{}/", folder.path().display());
        lines.iter().map(|line| line.replace(&folder, "")).collect()
    }

    #[test]
    fn what_did_not_change_is_not_said() {
        let text = format!("[limits]\ndrain = \"1m\"\n{KEY}secret = \"a\"\n");
        assert!(needed_for(&text, &format!("\n{text}")).is_empty());
    }

    #[test]
    fn a_key_gone_back_to_its_default_is_told_with_the_place_where_it_was() {
        assert_eq!(
            needed_for("[limits]\ndrain = \"1m\"\n", ""),
            ["gatepost.toml:2, where it is no longer: limits.drain needs a restart"]
        );
    }

    #[test]
    fn a_rotated_secret_is_told_though_it_shows_the_same() {
        let still = "needs a restart; until then what was set before goes on working";
        assert_eq!(
            needed_for("[admin]\ntoken = \"one\"\n", "[admin]\ntoken = \"two\"\n"),
            [format!("gatepost.toml:2: admin.token {still}")]
        );
        let file = format!("{KEY}secret_file = \"secret\"\n");
        assert_eq!(
            needed_for(&file, &file),
            [format!(
                "gatepost.toml:3: auth.access_keys.\"AKIAIOSFODNN7EXAMPLE\".secret_file {still}"
            )]
        );
        let policy = format!("{KEY}secret = \"a\"\npolicies = [\"secret\"]\n");
        assert_eq!(
            needed_for(&policy, &policy),
            [format!(
                "gatepost.toml:4: auth.access_keys.\"AKIAIOSFODNN7EXAMPLE\".policies {still}"
            )]
        );
    }

    #[test]
    fn a_removed_access_key_is_told_and_that_it_still_works() {
        let still = "needs a restart; until then what was set before goes on working";
        let key = "auth.access_keys.\"AKIAIOSFODNN7EXAMPLE\"";
        let gone = "where it is no longer";
        assert_eq!(
            needed_for(&format!("{KEY}secret = \"a\"\n"), ""),
            [
                format!("gatepost.toml:3, {gone}: {key}.secret {still}"),
                format!("gatepost.toml:2, {gone}: {key}.user {still}"),
            ]
        );
    }
}
