//! Where the code of functions and layers is on this machine: folders beside the template, SAM's
//! build folder, CDK's assets, Serverless' packages.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use gatepost_model::function::FunctionCode;

use super::document::Node;

/// How a template names code.
#[derive(Debug, Clone)]
pub(super) enum CodeSource {
    /// A path beside the template: `CodeUri: src/`.
    Local(String),
    /// An object in a bucket, where deployment tools put what they built.
    Bucket { bucket: String, key: String },
}

impl CodeSource {
    /// The source as the template writes it, for messages.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Local(path) => path.clone(),
            Self::Bucket { bucket, key } => format!("s3://{bucket}/{key}"),
        }
    }
}

/// The folders and archives that may hold the code of a resource, best first; only existing ones.
pub(super) fn candidates(
    template_folder: &Path,
    logical_id: &str,
    source: &CodeSource,
    metadata: Option<&Node>,
) -> Vec<PathBuf> {
    let built = template_folder.join(".aws-sam/build").join(logical_id);
    let asset = metadata
        .and_then(|metadata| metadata.get("aws:asset:path"))
        .and_then(Node::as_text);
    let mut paths = Vec::new();
    if let CodeSource::Local(path) = source {
        paths.push(template_folder.join(path));
    }
    paths.extend(asset.map(|path| template_folder.join(path)));
    if let CodeSource::Bucket { key, .. } = source {
        paths.extend(from_bucket(template_folder, key));
    }
    paths.push(built);
    paths.retain(|path| path.is_dir() || is_zip(path) && path.is_file());
    paths
}

/// What `cdk synth` and `serverless package` have written for an object of this key.
fn from_bucket(template_folder: &Path, key: &str) -> Vec<PathBuf> {
    let name = key.rsplit('/').next().unwrap_or(key);
    let hash = name.split('.').next().unwrap_or(name);
    let mut paths: Vec<PathBuf> = cdk_asset(template_folder, hash).into_iter().collect();
    paths.extend([
        template_folder.join(format!("asset.{hash}")),
        template_folder.join(format!("asset.{hash}.zip")),
        template_folder.join(name),
        template_folder.join(".serverless").join(name),
    ]);
    paths
}

/// The path that an assets manifest beside the template gives for a hash.
fn cdk_asset(template_folder: &Path, hash: &str) -> Option<PathBuf> {
    let manifests = std::fs::read_dir(template_folder).ok()?;
    manifests
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.to_string_lossy().ends_with(".assets.json"))
        .find_map(|path| {
            let text = std::fs::read_to_string(&path).ok()?;
            let manifest: serde_json::Value = serde_json::from_str(&text).ok()?;
            let asset = manifest["files"][hash]["source"]["path"].as_str()?;
            Some(template_folder.join(asset))
        })
}

/// The code at a path that [`candidates`] gave.
pub(super) fn at(path: &Path) -> FunctionCode {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    if is_zip(&path) {
        FunctionCode::Zip(path)
    } else {
        FunctionCode::Directory(path)
    }
}

fn is_zip(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("zip"))
}

/// Whether a folder or archive holds a file.
pub(super) fn holds(code: &Path, file: &str) -> bool {
    if !is_zip(code) {
        return code.join(file).is_file();
    }
    let archive = File::open(code)
        .ok()
        .and_then(|file| zip::ZipArchive::new(file).ok());
    archive.is_some_and(|archive| {
        archive
            .file_names()
            .any(|name| name.is_ok_and(|name| name == file))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "").unwrap();
    }

    #[test]
    fn local_code_comes_before_the_build_folder() {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("src/app.py"));
        write(&folder.path().join(".aws-sam/build/Chat/app.py"));
        let source = CodeSource::Local("src/".into());
        assert_eq!(
            candidates(folder.path(), "Chat", &source, None),
            [
                folder.path().join("src/"),
                folder.path().join(".aws-sam/build/Chat")
            ]
        );
        assert!(holds(&folder.path().join("src"), "app.py"));
        assert!(!holds(&folder.path().join("src"), "index.js"));
    }

    #[test]
    fn the_hash_of_a_cdk_asset_is_found_through_the_manifest() {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("asset.abc123/index.js"));
        std::fs::write(
            folder.path().join("Stack.assets.json"),
            r#"{"files":{"abc123":{"source":{"path":"asset.abc123","packaging":"zip"}}}}"#,
        )
        .unwrap();
        let source = CodeSource::Bucket {
            bucket: "cdk-assets".into(),
            key: "abc123.zip".into(),
        };
        let found = candidates(folder.path(), "Fn", &source, None);
        assert_eq!(found[0], folder.path().join("asset.abc123"));
    }

    #[test]
    fn a_package_of_serverless_is_found_by_its_name() {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("chat.zip"));
        let source = CodeSource::Bucket {
            bucket: "deployments".into(),
            key: "serverless/chat/dev/1700000000000-2023/chat.zip".into(),
        };
        let found = candidates(folder.path(), "Fn", &source, None);
        assert_eq!(found, [folder.path().join("chat.zip")]);
    }
}
