//! A connector's WIT for people: the text of each interface, and the roles.

use crate::policy::ConnectorText;
use crate::policy::Text;

use super::wit::Wit;

/// What a connector's WIT has, as its text has it.
#[derive(Clone, Debug, Default)]
pub struct Outline {
    interfaces: Vec<(String, String, bool)>,
    roles: Vec<(String, Option<String>)>,
}

impl ConnectorText {
    /// What its WIT has; nothing where that cannot be read.
    #[must_use]
    pub fn outline(&self) -> Outline {
        let groups: Vec<&[Text]> = self.wit.iter().map(std::slice::from_ref).collect();
        let mut outline = Outline::default();
        let Some(wit) = Wit::load(&groups, &mut Vec::new()) else {
            return outline;
        };
        for (package, _) in wit.packages() {
            let of_package = |name: &str| package.name.interface_id(name);
            for (name, interface) in wit.interfaces(package) {
                let name = format!("{}:{}/{name}", package.name.namespace, package.name.name);
                let text = wit.interface_text(interface);
                let calls = !interface.functions.is_empty();
                outline.interfaces.push((name, text, calls));
            }
            for (name, id) in &package.worlds {
                let world = wit.resolve.worlds.get(*id);
                let docs = world.and_then(|world| world.docs.contents.as_deref());
                let docs = docs.map(|docs| docs.trim().replace('\n', " "));
                outline.roles.push((of_package(name), docs));
            }
        }
        outline
    }
}

impl Outline {
    /// The interface of an operation, `namespace:package/interface`, with the comments in it.
    #[must_use]
    pub fn interface(&self, operation: &str) -> Option<&str> {
        let mut all = self.interfaces.iter();
        all.find(|(name, ..)| name == operation)
            .map(|(_, text, _)| text.as_str())
    }

    /// The interfaces that hold what operations share, each by its name.
    pub fn shared(&self) -> impl Iterator<Item = (&str, &str)> {
        let shared = self.interfaces.iter().filter(|(.., calls)| !calls);
        shared.map(|(name, text, _)| (name.as_str(), text.as_str()))
    }

    /// The worlds that a program's world can include, `namespace:package/world@version`, and what
    /// each is for.
    pub fn roles(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        let roles = self.roles.iter();
        roles.map(|(name, about)| (name.as_str(), about.as_deref()))
    }
}

/// The braces that a text opens first, with all that is between them; comments open and close none.
pub(super) fn braces(text: &str) -> &str {
    let bytes = text.as_bytes();
    let (mut at, mut start, mut depth, mut comments) = (0, None, 0_usize, 0_usize);
    while let Some(byte) = bytes.get(at) {
        let two = bytes.get(at..at + 2).unwrap_or_default();
        match (two, *byte) {
            (b"/*", _) => {
                comments += 1;
                at += 1;
            }
            (b"*/", _) if comments > 0 => {
                comments -= 1;
                at += 1;
            }
            _ if comments > 0 => {}
            (b"//", _) => {
                let line = bytes.iter().skip(at).position(|byte| *byte == b'\n');
                at += line.unwrap_or(bytes.len());
            }
            (_, b'{') => {
                start = start.or(Some(at));
                depth += 1;
            }
            (_, b'}') => {
                depth = depth.saturating_sub(1);
                if let (0, Some(start)) = (depth, start) {
                    return text.get(start..=at).unwrap_or_default();
                }
            }
            _ => {}
        }
        at += 1;
    }
    ""
}

#[cfg(test)]
mod tests {
    use crate::testing::built_in;

    #[test]
    fn an_interface_in_a_comment_is_none() {
        let mut texts = built_in("github");
        let real = "/* /* */\ninterface get { fake: func(); }\n*/\n\
                    interface get /* { */ { // }\n  /* } */";
        let wit = &mut texts.wit[0].text;
        *wit = wit.replace("interface get {", real);
        let outline = texts.outline();
        let get = outline.interface("github:issues/get").expect("it is there");
        assert!(get.starts_with("interface get { // }\n  /* } */"), "{get}");
        assert!(
            get.ends_with("get: func(p: params) -> result<issue, error>;\n}"),
            "{get}"
        );
    }

    #[test]
    fn shared_types_and_roles_are_told() {
        let outline = built_in("github").outline();
        let shared: Vec<_> = outline.shared().collect();
        assert_eq!(shared[0].0, "github:issues/types");
        assert!(shared[0].1.contains("record comment {"));
        assert_eq!(shared.len(), 1);
        let roles: Vec<_> = outline.roles().collect();
        let reader = (
            "github:issues/reader@2022.11.28",
            Some("Reads issues and their comments."),
        );
        assert_eq!(roles[0], reader);
    }
}
