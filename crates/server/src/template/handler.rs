//! Which file a handler names.

use gatepost_model::function::Runtime;

/// The files, any of which may hold the handler; empty when it cannot be told.
pub(super) fn files(runtime: &Runtime, handler: &str) -> Result<Vec<String>, String> {
    if handler.starts_with("/opt/") {
        // In a layer, found only once the layers are laid together.
        return Ok(Vec::new());
    }
    match runtime {
        Runtime::Python(_) => {
            let (module, _) = split(handler, handler.rfind('.'))?;
            let path = module.replace('.', "/");
            Ok(vec![format!("{path}.py"), format!("{path}/__init__.py")])
        }
        Runtime::Node(_) => {
            // `dist/app.api.handler`: the file's name ends at the first dot of the last segment.
            let name = handler.rfind('/').map_or(0, |slash| slash + 1);
            let dot = handler[name..].find('.').map(|dot| name + dot);
            let (module, _) = split(handler, dot)?;
            Ok(["js", "mjs", "cjs"]
                .map(|suffix| format!("{module}.{suffix}"))
                .into())
        }
        Runtime::Provided(_) => Ok(vec!["bootstrap".to_owned()]),
    }
}

/// The files of TypeScript that these are built from.
pub(super) fn typescript(files: &[String]) -> Vec<String> {
    let sources = files.iter().filter_map(|file| {
        let (stem, suffix) = file.rsplit_once('.')?;
        let suffix = match suffix {
            "js" => "ts",
            "mjs" => "mts",
            "cjs" => "cts",
            _ => return None,
        };
        Some(format!("{stem}.{suffix}"))
    });
    sources.collect()
}

fn split(handler: &str, dot: Option<usize>) -> Result<(&str, &str), String> {
    let parts = dot.map(|dot| (&handler[..dot], &handler[dot + 1..]));
    parts
        .filter(|(module, function)| !module.is_empty() && !function.is_empty())
        .map(|(module, function)| (module.trim_start_matches("./"), function))
        .ok_or_else(|| format!("the Handler `{handler}` is not of the form file.function"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(runtime: &str, handler: &str) -> String {
        let runtime = Runtime::parse(runtime).unwrap();
        files(&runtime, handler).map_or_else(|error| error, |files| files.join(" "))
    }

    #[test]
    fn a_handler_names_its_file_by_the_rules_of_its_runtime() {
        for (runtime, handler, expected) in [
            ("python3.13", "app.handler", "app.py app/__init__.py"),
            (
                "python3.13",
                "src/app.handler",
                "src/app.py src/app/__init__.py",
            ),
            (
                "python3.13",
                "src.app.handler",
                "src/app.py src/app/__init__.py",
            ),
            (
                "nodejs22.x",
                "index.handler",
                "index.js index.mjs index.cjs",
            ),
            (
                "nodejs22.x",
                "./dist/a.b.c",
                "dist/a.js dist/a.mjs dist/a.cjs",
            ),
            ("provided.al2023", "anything", "bootstrap"),
            ("nodejs22.x", "/opt/nodejs/x.handler", ""),
            (
                "python3.13",
                "app",
                "the Handler `app` is not of the form file.function",
            ),
            (
                "nodejs22.x",
                ".handler",
                "the Handler `.handler` is not of the form file.function",
            ),
        ] {
            assert_eq!(found(runtime, handler), expected, "{handler}");
        }
    }
}
