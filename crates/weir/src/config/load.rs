//! Reads defaults, `weir.toml`, the environment and flags; what is wrong in any of them is told at once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use weir_core::validate::nearest::nearest;

use super::Config;
use super::settings::{Kind, Setting, settings};
use super::value::{Source, Valued};

/// The variable that names the configuration file.
const CONFIG_FILE: &str = "WEIR_CONFIG";

/// Variables of the family that are no settings.
const OTHER_VARIABLES: [&str; 4] = [CONFIG_FILE, "WEIR_SERVER", "WEIR_KEY", "WEIR_WORKSPACE"];

/// The tests and the benchmarks have variables of their own.
const OTHER_FAMILIES: [&str; 2] = ["WEIR_TEST_", "WEIR_BENCH_"];

/// The file that is read when none is named.
const DEFAULT_FILE: &str = "weir.toml";

/// The longest configuration file, and the longest file a variable may name, in bytes.
const LONGEST_FILE: u64 = 1024 * 1024;

/// What the command line says about the configuration.
#[derive(Debug, Default)]
pub(crate) struct Overrides {
    /// The configuration file, which must then be there.
    pub(crate) file: Option<PathBuf>,
    /// Key, value and the flag that said so.
    pub(crate) flags: Vec<(String, String, String)>,
}

/// The configuration with the origin of each value.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) config: Config,
    pub(crate) values: Vec<Valued>,
    /// The configuration file that was read.
    pub(crate) file: Option<PathBuf>,
}

/// Puts the configuration together.
///
/// # Errors
/// Everything that is wrong in it, a line each.
pub(crate) fn load(overrides: &Overrides, environment: &BTreeMap<String, String>) -> Result<Loaded, Vec<String>> {
    let mut problems = Vec::new();
    let named = overrides.file.clone().or_else(|| environment.get(CONFIG_FILE).map(PathBuf::from));
    let file = named.or_else(|| Some(PathBuf::from(DEFAULT_FILE)).filter(|file| file.exists()));
    let mut given = BTreeMap::new();
    if let Some(file) = &file {
        from_file(file, &mut given, &mut problems);
    }
    from_environment(environment, &mut given, &mut problems);
    from_flags(overrides, &mut given, &mut problems);

    let mut config = Config::default();
    let mut values = Vec::new();
    for setting in settings() {
        let (text, source) = given.remove(setting.key).unwrap_or_else(|| {
            let data_dir = config.data_dir.display().to_string();
            (setting.default.replace("{data_dir}", &data_dir), Source::Default)
        });
        let valued = Valued { setting, text, source };
        if let Err(reason) = (setting.put)(&mut config, &valued.text) {
            let shown = if setting.secret { String::new() } else { format!(" is {:?}", valued.text) };
            problems.push(format!("{} (from {}){shown}: {reason}", setting.key, valued.source));
        }
        values.push(valued);
    }
    if problems.is_empty() { Ok(Loaded { config, values, file }) } else { Err(problems) }
}

type Given = BTreeMap<&'static str, (String, Source)>;

fn from_file(file: &Path, given: &mut Given, problems: &mut Vec<String>) {
    let text = match read_limited(file) {
        Ok(text) => text,
        Err(reason) => return problems.push(format!("cannot read {}: {reason}", file.display())),
    };
    let table: toml::Table = match text.parse() {
        Ok(table) => table,
        Err(error) => return problems.push(format!("{} is no TOML: {error}", file.display())),
    };
    flatten("", table, &mut |key, value| {
        let Some(setting) = find(&key) else {
            problems.push(format!("{}: {}", file.display(), unknown(&key)));
            return;
        };
        match text_of(setting, &value) {
            Some(text) => drop(given.insert(setting.key, (text, Source::File(file.to_path_buf())))),
            None => problems.push(format!(
                "{}: {key} must be {}, for example {}",
                file.display(),
                match setting.kind {
                    Kind::Text => "a text",
                    Kind::Number => "a whole number",
                    Kind::List => "an array of texts",
                },
                setting.in_toml(setting.default)
            )),
        }
    });
}

/// Calls `see` with every value that is no table, under its dotted key.
fn flatten(prefix: &str, table: toml::Table, see: &mut impl FnMut(String, toml::Value)) {
    for (name, value) in table {
        let key = if prefix.is_empty() { name } else { format!("{prefix}.{name}") };
        match value {
            toml::Value::Table(inner) if find(&key).is_none() => flatten(&key, inner, see),
            value => see(key, value),
        }
    }
}

fn text_of(setting: &Setting, value: &toml::Value) -> Option<String> {
    match (setting.kind, value) {
        (Kind::Text, toml::Value::String(text)) => Some(text.clone()),
        (Kind::Number, toml::Value::Integer(number)) => Some(number.to_string()),
        (Kind::List, toml::Value::Array(items)) => {
            let items: Option<Vec<&str>> = items.iter().map(toml::Value::as_str).collect();
            Some(items?.join(","))
        }
        _ => None,
    }
}

fn from_environment(environment: &BTreeMap<String, String>, given: &mut Given, problems: &mut Vec<String>) {
    let mut known: Vec<String> = OTHER_VARIABLES.iter().map(|&name| name.to_owned()).collect();
    for setting in settings() {
        let mut found = None;
        for variable in setting.variables() {
            let plain = environment.get(&variable).map(|text| (text.clone(), Source::Variable(variable.clone())));
            let file = format!("{variable}_FILE");
            let named = environment.get(&file).filter(|_| setting.secret).and_then(|path| {
                let path = PathBuf::from(path);
                match read_limited(&path) {
                    Ok(text) => Some((text.trim().to_owned(), Source::FileOf { variable: file.clone(), path })),
                    Err(reason) => {
                        problems.push(format!("{file}: cannot read {}: {reason}", path.display()));
                        None
                    }
                }
            });
            if plain.is_some() && named.is_some() {
                problems.push(format!("both {variable} and {file} are set: unset one of them"));
            }
            found = found.or(plain).or(named);
            if variable.starts_with("WEIR_") {
                known.push(variable);
                if setting.secret {
                    known.push(file);
                }
            }
        }
        if let Some(found) = found {
            given.insert(setting.key, found);
        }
    }
    let others = environment.keys().filter(|name| name.starts_with("WEIR_") && !known.contains(name));
    for name in others.filter(|name| !OTHER_FAMILIES.iter().any(|family| name.starts_with(family))) {
        problems.push(format!("unknown variable {name}{}", did_you_mean(name, known.iter().map(String::as_str))));
    }
}

fn from_flags(overrides: &Overrides, given: &mut Given, problems: &mut Vec<String>) {
    for (key, text, flag) in &overrides.flags {
        match find(key) {
            Some(setting) => drop(given.insert(setting.key, (text.clone(), Source::Flag(flag.clone())))),
            None => problems.push(format!("{flag}: {}", unknown(key))),
        }
    }
}

fn find(key: &str) -> Option<&'static Setting> {
    settings().find(|setting| setting.key == key)
}

fn unknown(key: &str) -> String {
    format!("unknown key {key}{}", did_you_mean(key, settings().map(|setting| setting.key)))
}

fn did_you_mean<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(name, candidates)
        .map_or_else(|| "; `weir config` lists what can be set".to_owned(), |found| format!("; did you mean {found}?"))
}

fn read_limited(path: &Path) -> Result<String, String> {
    let size = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
    if size > LONGEST_FILE {
        return Err(format!("it has {size} bytes; {LONGEST_FILE} are allowed"));
    }
    std::fs::read_to_string(path).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> BTreeMap<String, String> {
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn from(variables: &[(&str, &str)]) -> Result<Loaded, Vec<String>> {
        load(&Overrides::default(), &environment(variables))
    }

    fn value(loaded: &Loaded, key: &str) -> (String, String) {
        let valued = loaded.values.iter().find(|valued| valued.setting.key == key).unwrap();
        (valued.text.clone(), valued.source.to_string())
    }

    #[test]
    fn defaults_lie_in_the_data_directory_and_agree_with_the_crates() {
        let loaded = from(&[("WEIR_DATA_DIR", "/srv/weir")]).unwrap();
        assert_eq!(value(&loaded, "database_url"), ("sqlite:/srv/weir/weir.db".to_owned(), "default".to_owned()));
        let config = loaded.config;
        assert_eq!(config.objects_url, "file:/srv/weir/objects");
        let http = weir_outbound::HttpAccess::default();
        assert_eq!((config.http.allow, config.http.max_response_bytes), (http.allow, http.max_response_bytes));
        assert_eq!(format!("{:?}", config.engine), format!("{:?}", weir_engine::Config::default()));
    }

    #[test]
    fn flags_win_over_weirs_variables_and_these_over_those_of_others_and_these_over_the_file() {
        let folder = tempfile::TempDir::new().unwrap();
        let file = folder.path().join("weir.toml");
        std::fs::write(&file, "port = 1\nhost = \"::1\"\n[http]\nallow = [\"a:1\", \"10.0.0.0/8\"]\n").unwrap();
        let mut overrides = Overrides { file: Some(file.clone()), flags: Vec::new() };
        let loaded = load(&overrides, &environment(&[])).unwrap();
        assert_eq!(value(&loaded, "port"), ("1".to_owned(), file.display().to_string()));
        assert_eq!(loaded.config.http.allow.len(), 2);
        let loaded = load(&overrides, &environment(&[("PORT", "2")])).unwrap();
        assert_eq!(value(&loaded, "port"), ("2".to_owned(), "PORT".to_owned()));
        let both = environment(&[("PORT", "2"), ("WEIR_PORT", "3")]);
        assert_eq!(value(&load(&overrides, &both).unwrap(), "port"), ("3".to_owned(), "WEIR_PORT".to_owned()));
        overrides.flags.push(("port".to_owned(), "4".to_owned(), "--port".to_owned()));
        assert_eq!(value(&load(&overrides, &both).unwrap(), "port"), ("4".to_owned(), "--port".to_owned()));
    }

    #[test]
    fn a_secret_may_come_from_a_file_but_not_twice() {
        let folder = tempfile::TempDir::new().unwrap();
        let file = folder.path().join("url");
        std::fs::write(&file, "postgres://weir:geheim@db/weir\n").unwrap();
        let path = file.to_str().unwrap();
        let loaded = from(&[("DATABASE_URL_FILE", path)]).unwrap();
        assert_eq!(loaded.config.database_url, "postgres://weir:geheim@db/weir");
        assert_eq!(value(&loaded, "database_url").1, format!("DATABASE_URL_FILE={path}"));
        let problems = from(&[("DATABASE_URL_FILE", path), ("DATABASE_URL", "sqlite:x")]).unwrap_err();
        assert_eq!(problems, ["both DATABASE_URL and DATABASE_URL_FILE are set: unset one of them"]);
        let problems = from(&[("WEIR_DATABASE_URL_FILE", "/nowhere")]).unwrap_err();
        assert!(problems[0].starts_with("WEIR_DATABASE_URL_FILE: cannot read /nowhere: "), "{problems:?}");
    }

    #[test]
    fn everything_wrong_is_told_at_once_and_secrets_are_not() {
        let folder = tempfile::TempDir::new().unwrap();
        let file = folder.path().join("weir.toml");
        std::fs::write(&file, "prot = 1\n[log]\nlevel = 3\n[http]\nalow = []\n").unwrap();
        let overrides = Overrides { file: Some(file.clone()), flags: Vec::new() };
        let variables =
            [("WEIR_PROT", "1"), ("PORT", "x"), ("DATABASE_URL", "mysql://u:geheim@h"), ("WEIR_TEST_X", "1")];
        let problems = load(&overrides, &environment(&variables)).unwrap_err();
        let file = file.display();
        assert_eq!(
            problems,
            [
                format!("{file}: unknown key http.alow; did you mean http.allow?"),
                format!("{file}: log.level must be a text, for example \"info\""),
                format!("{file}: unknown key prot; did you mean port?"),
                "unknown variable WEIR_PROT; did you mean WEIR_PORT?".to_owned(),
                "database_url (from DATABASE_URL): expected sqlite:PATH or postgres://USER@HOST/DATABASE".to_owned(),
                "port (from PORT) is \"x\": expected a port, 0 to 65535".to_owned(),
            ]
        );
    }
}
