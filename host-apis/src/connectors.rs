//! The connectors that come with agentbox: data, embedded in the binary.

use agentbox_policy::{ConnectorText, Text};

/// The texts of the built-in connectors, by name.
#[must_use]
pub fn built_in() -> Vec<ConnectorText> {
    FOLDERS
        .iter()
        .map(|(toml, wit)| ConnectorText {
            toml: text(toml),
            wit: wit.iter().map(text).collect(),
        })
        .collect()
}

type File = (&'static str, &'static str);

fn text((name, text): &File) -> Text {
    Text {
        name: (*name).to_owned(),
        text: (*text).to_owned(),
    }
}

macro_rules! file {
    ($folder:literal, $name:literal) => {
        (
            concat!("connectors/", $folder, "/", $name),
            include_str!(concat!("../connectors/", $folder, "/", $name)),
        )
    };
}

macro_rules! folder {
    ($name:literal: $($package:literal),+) => {
        (
            file!($name, "connector.toml"),
            &[$(file!($name, $package)),+],
        )
    };
}

/// Each `connector.toml`, with the WIT beside it.
const FOLDERS: &[(File, &[File])] = &[
    folder!("github": "issues.wit"),
    folder!("matrix": "client.wit"),
    folder!("openai": "chat.wit"),
    folder!("vault": "kv.wit"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_file_of_the_connectors_folder_is_embedded() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("connectors");
        let mut files = BTreeSet::new();
        for api in std::fs::read_dir(&folder).expect("a folder") {
            let api = api.expect("an entry").path();
            if !api.is_dir() {
                continue;
            }
            for file in std::fs::read_dir(&api).expect("a folder") {
                let file = file.expect("an entry").path();
                let below = file.strip_prefix(&folder).expect("below the folder");
                files.insert(format!("connectors/{}", below.display()));
            }
        }
        let embedded: BTreeSet<_> = built_in()
            .into_iter()
            .flat_map(|connector| std::iter::once(connector.toml).chain(connector.wit))
            .map(|text| text.name)
            .collect();
        assert_eq!(embedded, files);
    }
}
