//! `vigie users`: the people who sign in to a server, whether it runs or not.
//!
//! A password comes from the terminal, unseen, or from standard input: never from an argument, which others on the machine can
//! read.

use std::io::Read;

use serde::Serialize;
use vigie_engine::clock::Clock;
use vigie_kvs::Sensitive;
use vigie_kvs::iam::StreamScope;
use vigie_kvs::shapes::users::Role;
use vigie_server::auth::{check_password, hash_password};
use vigie_server::db::User;
use vigie_server::{
    NewUser, ServerConfig, UserChange, create_user, list_users, remove_user, update_user,
};

use super::operator::operator;
use crate::cli::{
    PasswordOptions, UserOptions, UserRole, UserScopeOptions, UsersCreateOptions, UsersListOptions,
    UsersPasswordOptions, UsersUpdateOptions,
};
use crate::failure::{Doing, Failure};
use crate::output;
use crate::stop;
use crate::system::SystemClock;
use crate::zone;

/// More than any password has, and its line end.
const STDIN_BYTES_MAX: u64 = 4096;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct UserLine {
    user_name: String,
    user_id: String,
    role: Role,
    /// Null where the role is for all streams, or a tag chooses.
    stream_names: Option<Vec<String>>,
    /// `KEY=VALUE`.
    stream_tag: Option<String>,
    disabled: bool,
    /// RFC 3339, UTC, as are those below.
    created_at: String,
    password_changed_at: String,
    last_sign_in_at: Option<String>,
}

pub fn create(options: &UsersCreateOptions) -> Result<(), Failure> {
    let config = ServerConfig::new(&options.user.data_dir);
    let name = &options.user.name;
    // The folder before the password: nobody is asked for one that no server is to have.
    let runtime = stop::runtime()?;
    runtime.block_on(list_users(&config)).doing(reading(&config))?;
    let new = NewUser {
        name: name.clone(),
        password_hash: new_password(name, &options.password)?,
        role: role(options.role),
        scope: scope(&options.scope)?,
    };
    let now = SystemClock::new().now().wall;
    let user =
        runtime.block_on(create_user(&config, new, &operator(), now)).doing("create a user")?;
    output::line(&format!("{} is {}", user.name, what(&user)))
}

pub fn list(options: &UsersListOptions) -> Result<(), Failure> {
    let config = ServerConfig::new(&options.data_dir);
    let users = stop::runtime()?.block_on(list_users(&config)).doing(reading(&config))?;
    if options.json {
        let lines: Vec<_> = users.into_iter().map(json_line).collect();
        return output::json(&lines);
    }
    let rows: Vec<_> = users.iter().map(row).collect();
    output::table(["NAME", "ROLE", "STREAMS", "CREATED", "LAST SIGN-IN", "DISABLED"], &rows)
}

pub fn update(options: &UsersUpdateOptions) -> Result<(), Failure> {
    let role = match options.role {
        Some(chosen) => Some((role(chosen), scope(&options.scope)?)),
        None => None,
    };
    let is_disabled = match (options.disable, options.enable) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        _ => None,
    };
    let user = change(&options.user, UserChange { role, password_hash: None, is_disabled })?;
    output::line(&format!("{} is {}; its sessions have ended", user.name, what(&user)))
}

pub fn set_password(options: &UsersPasswordOptions) -> Result<(), Failure> {
    let password_hash = Some(new_password(&options.user.name, &options.password)?);
    let user = change(&options.user, UserChange { password_hash, ..UserChange::default() })?;
    output::line(&format!("{} has another password; its sessions have ended", user.name))
}

pub fn sign_out(options: &UserOptions) -> Result<(), Failure> {
    let user = change(options, UserChange::default())?;
    output::line(&format!("the sessions of {} have ended", user.name))
}

pub fn remove(options: &UserOptions) -> Result<(), Failure> {
    let config = ServerConfig::new(&options.data_dir);
    let now = SystemClock::new().now().wall;
    let user = stop::runtime()?
        .block_on(remove_user(&config, &options.name, &operator(), now))
        .doing("remove a user")?;
    output::line(&format!("{} is removed", user.name))
}

fn change(options: &UserOptions, change: UserChange) -> Result<User, Failure> {
    let config = ServerConfig::new(&options.data_dir);
    let now = SystemClock::new().now().wall;
    stop::runtime()?
        .block_on(update_user(&config, &options.name, change, &operator(), now))
        .doing("change a user")
}

fn reading(config: &ServerConfig) -> String {
    format!("read the users in {}", config.data_dir.display())
}

/// The hash of a password that is asked for.
fn new_password(name: &str, options: &PasswordOptions) -> Result<Sensitive, Failure> {
    let password = match options.password_stdin {
        true => from_stdin()?,
        false => from_terminal(name)?,
    };
    check_password(name, &password).doing("set the password")?;
    hash_password(&password).doing("set the password")
}

fn from_terminal(name: &str) -> Result<Sensitive, Failure> {
    let ask = |prompt: &str| {
        let answer = rpassword::prompt_password(prompt).map(Sensitive::new);
        answer.doing("ask for a password on a terminal (or give --password-stdin)")
    };
    let password = ask(&format!("Password of {name}: "))?;
    match password == ask("The same again: ")? {
        true => Ok(password),
        false => Err(Failure::other("the two passwords differ; nothing has been changed")),
    }
}

/// The first line, without its end.
fn from_stdin() -> Result<Sensitive, Failure> {
    let mut text = String::new();
    let read = std::io::stdin().lock().take(STDIN_BYTES_MAX).read_to_string(&mut text);
    let text = Sensitive::new(read.map(|_| text).doing("read a password from standard input")?);
    let line = text.expose().split('\n').next().unwrap_or_default();
    Ok(Sensitive::new(line.trim_end_matches('\r')))
}

fn role(role: UserRole) -> Role {
    match role {
        UserRole::Viewer => Role::Viewer,
        UserRole::Operator => Role::Operator,
        UserRole::Administrator => Role::Administrator,
    }
}

fn scope(options: &UserScopeOptions) -> Result<StreamScope, Failure> {
    match &options.tag {
        None if options.stream.is_empty() => Ok(StreamScope::All),
        None => Ok(StreamScope::Names(options.stream.clone())),
        Some(tag) => {
            let (key, value) =
                tag.split_once('=').ok_or_else(|| Failure::usage("--tag is KEY=VALUE"))?;
            Ok(StreamScope::Tag { key: key.to_owned(), value: value.to_owned() })
        }
    }
}

/// What somebody may do, in a sentence that begins with its name and "is".
fn what(user: &User) -> String {
    let article = if user.role == Role::Viewer { "a" } else { "an" };
    let role = user.role.as_str().to_ascii_lowercase();
    let disabled = if user.is_disabled { "disabled, and " } else { "" };
    format!("{disabled}{article} {role} of {}", streams(user))
}

fn streams(user: &User) -> String {
    match &user.scope {
        StreamScope::All => "all streams".to_owned(),
        StreamScope::Names(names) => names.join(", "),
        StreamScope::Tag { key, value } => format!("streams tagged {key}={value}"),
    }
}

fn json_line(user: User) -> UserLine {
    let (stream_names, stream_tag) = match user.scope {
        StreamScope::All => (None, None),
        StreamScope::Names(names) => (Some(names), None),
        StreamScope::Tag { key, value } => (None, Some(format!("{key}={value}"))),
    };
    UserLine {
        user_name: user.name,
        user_id: user.id,
        role: user.role,
        stream_names,
        stream_tag,
        disabled: user.is_disabled,
        created_at: zone::utc_text(user.created_at),
        password_changed_at: zone::utc_text(user.password_changed_at),
        last_sign_in_at: user.last_sign_in_at.map(zone::utc_text),
    }
}

fn row(user: &User) -> [String; 6] {
    [
        user.name.clone(),
        user.role.as_str().to_ascii_lowercase(),
        streams(user),
        zone::utc_text(user.created_at),
        user.last_sign_in_at.map_or_else(|| "-".to_owned(), zone::utc_text),
        if user.is_disabled { "yes" } else { "-" }.to_owned(),
    ]
}
