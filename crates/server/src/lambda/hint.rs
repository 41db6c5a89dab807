//! Says how to mend what AWS's runtimes supply and this machine lacks.

use gatepost_model::function::{Function, Runtime};
use serde_json::Value;

use super::config::Shared;

/// Adds the mend to an error document that names a missing module of AWS's runtimes, and warns.
/// Every other document stays as it is, byte for byte.
pub(super) fn explain(shared: &Shared, function: &Function, document: Vec<u8>) -> Vec<u8> {
    let Some((module, mend)) = mend(&function.runtime, &String::from_utf8_lossy(&document)) else {
        return document;
    };
    shared.warn_once(format!(
        "function {} lacks {module}, which AWS supplies: {mend}",
        function.name
    ));
    let Ok(mut parsed) = serde_json::from_slice::<Value>(&document) else {
        return document;
    };
    if let Some(Value::String(message)) = parsed.get_mut("errorMessage") {
        *message = format!("{message} (AWS supplies it; here: {mend})");
    }
    serde_json::to_vec(&parsed).unwrap_or(document)
}

/// The missing module and the command that installs it.
fn mend(runtime: &Runtime, document: &str) -> Option<(String, String)> {
    match runtime {
        Runtime::Python(_) => ["boto3", "botocore"]
            .into_iter()
            .find(|module| document.contains(&format!("No module named '{module}'")))
            .map(|module| (module.to_owned(), format!("pip install {module}"))),
        Runtime::Node(_) => {
            let missing = ["Cannot find package '", "Cannot find module '"]
                .into_iter()
                .find_map(|phrase| document.split_once(phrase))?;
            let (path, _) = missing.1.split_once('\'')?;
            let mut steps = path.split('/');
            let package = match steps.next()? {
                // Version 2, which runtimes up to nodejs16.x supplied.
                "aws-sdk" => "aws-sdk".to_owned(),
                "@aws-sdk" => format!("@aws-sdk/{}", steps.next()?),
                _ => return None,
            };
            let mend = format!("npm install {package}");
            Some((package, mend))
        }
        Runtime::Provided(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_sdk_names_the_command_that_installs_it() {
        let python = Runtime::Python("3.13".to_owned());
        let node = Runtime::Node(22);
        let mend = |runtime, text| mend(runtime, text).map(|(_, mend)| mend);
        assert_eq!(
            mend(
                &python,
                "Unable to import module 'app': No module named 'boto3'"
            )
            .as_deref(),
            Some("pip install boto3")
        );
        assert_eq!(
            mend(
                &node,
                "Cannot find package '@aws-sdk/client-dynamodb' imported from /a"
            )
            .as_deref(),
            Some("npm install @aws-sdk/client-dynamodb")
        );
        assert_eq!(
            mend(&node, "Cannot find module 'aws-sdk'\nRequire stack:").as_deref(),
            Some("npm install aws-sdk")
        );
        assert_eq!(mend(&python, "No module named 'pandas'"), None);
        assert_eq!(mend(&node, "Cannot find module './lib.js'"), None);
    }
}
