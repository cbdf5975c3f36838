//! What the audit log calls what the server does without a call of the API. A call stands there under the action of its
//! operation (`vigie_kvs::Operation::action`), a command at the machine under that of
//! [`FolderCommand`](super::FolderCommand).

/// What the server does by itself, or lets somebody do without a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ServerAction {
    /// The first start makes the root key.
    CreateRootKey,
    /// The link of a demonstration is used.
    ConsoleSignIn,
    /// A share link is opened, or somebody tries one that does not hold.
    OpenShareLink,
    /// Somebody signs in with a name and a password, or is refused.
    PasswordSignIn,
    /// Media of a deleted stream goes for good.
    EraseMedia,
}

impl ServerAction {
    /// In the audit log.
    pub(crate) const fn action(self) -> &'static str {
        match self {
            Self::CreateRootKey => "vigie:CreateRootKey",
            Self::ConsoleSignIn => "vigie:ConsoleSignIn",
            Self::OpenShareLink => "vigie:OpenShareLink",
            Self::PasswordSignIn => "vigie:PasswordSignIn",
            Self::EraseMedia => "vigie:EraseMedia",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::FolderCommand;
    use super::*;

    /// Words such as `vigie:Backup`.
    fn actions_in(text: &str) -> BTreeSet<&str> {
        let ends = |rest: &str| rest.find(|c: char| !c.is_ascii_alphanumeric());
        let starts = text.match_indices("vigie:").map(|(at, prefix)| (at, at + prefix.len()));
        let words = starts.map(|(at, name)| {
            let length = ends(&text[name..]).unwrap_or(text.len() - name);
            &text[at..name + length]
        });
        words.filter(|word| word["vigie:".len()..].starts_with(char::is_uppercase)).collect()
    }

    #[test]
    fn the_document_tells_of_every_action_and_of_no_other() {
        let server = [
            ServerAction::CreateRootKey,
            ServerAction::ConsoleSignIn,
            ServerAction::OpenShareLink,
            ServerAction::PasswordSignIn,
            ServerAction::EraseMedia,
        ];
        let commands = [
            FolderCommand::Backup,
            FolderCommand::Restore,
            FolderCommand::AcceptMetadata,
            FolderCommand::RepairIndex,
            FolderCommand::DiscardMedia,
        ];
        let actions = server.map(ServerAction::action).into_iter();
        let actions = actions.chain(commands.map(FolderCommand::action)).collect();
        let document = include_str!("../../../../docs/access.md");
        assert_eq!(actions_in(document), actions, "docs/access.md, The audit log");
    }
}
