//! That the schema for editors and the parser speak of the same language.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use xdp_fw::config::{FileError, Files, Problems, Role, Shape, generated, load, reference};

/// Whether a value is what a schema says: the keywords that ours has, but for patterns.
fn conforms(value: &Value, schema: &Value, root: &Value) -> bool {
    let check = |value: &Value, schema: &Value| conforms(value, schema, root);
    let each = |key: &str, test: &dyn Fn(&Value) -> bool| {
        let schemas = schema.get(key).and_then(Value::as_array);
        schemas.map(|schemas| schemas.iter().filter(|schema| test(schema)).count())
    };
    let referred = schema
        .get("$ref")
        .and_then(Value::as_str)
        .is_none_or(|path| {
            let target = root.pointer(path.trim_start_matches('#'));
            check(value, target.unwrap())
        });
    let is_type = schema
        .get("type")
        .and_then(Value::as_str)
        .is_none_or(|kind| match kind {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "integer" => value.is_i64(),
            other => panic!("a type that the test does not know: {other}"),
        });
    let bound = |key: &str| schema.get(key).and_then(Value::as_i64);
    let number = value.as_i64();
    let within = number.is_none_or(|number| {
        bound("minimum").is_none_or(|min| number >= min)
            && bound("maximum").is_none_or(|max| number <= max)
    });
    let items = value.as_array().is_none_or(|items| {
        let fits = |item| schema.get("items").is_none_or(|schema| check(item, schema));
        items.len() as i64 >= bound("minItems").unwrap_or(0) && items.iter().all(fits)
    });
    let is_listed = schema.get("enum").and_then(Value::as_array);
    referred
        && is_type
        && within
        && items
        && is_listed.is_none_or(|words| words.contains(value))
        && each("anyOf", &|schema| check(value, schema)).is_none_or(|count| count > 0)
        && each("allOf", &|schema| check(value, schema)).is_none_or(|count| count == 1)
        && has_its_keys(value, schema, &check)
}

fn has_its_keys(value: &Value, schema: &Value, check: &dyn Fn(&Value, &Value) -> bool) -> bool {
    let Some(object) = value.as_object() else {
        return true;
    };
    let required = schema.get("required").and_then(Value::as_array);
    let required = required.into_iter().flatten().filter_map(Value::as_str);
    let others = schema.get("additionalProperties");
    required.into_iter().all(|key| object.contains_key(key))
        && object.iter().all(|(key, value)| {
            let known = schema.pointer(&format!("/properties/{key}"));
            match (known, others) {
                (Some(schema), _) => check(value, schema),
                (None, Some(Value::Bool(allowed))) => *allowed,
                (None, Some(schema)) => check(value, schema),
                (None, None) => true,
            }
        })
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn accepted_by_schema(text: &str) -> bool {
    let table: toml::Table = text.parse().unwrap();
    let schema = generated::schema();
    conforms(&serde_json::to_value(table).unwrap(), &schema, &schema)
}

#[test]
fn each_good_configuration_conforms_to_the_schema() {
    let mut count = 0;
    for directory in ["tests/config/good", "../config", "../config/examples"] {
        for entry in fs::read_dir(folder(directory)).unwrap() {
            let path = entry.unwrap().path();
            if path
                .extension()
                .is_some_and(|extension| extension == "toml")
            {
                let text = fs::read_to_string(&path).unwrap();
                assert!(accepted_by_schema(&text), "{}", path.display());
                count += 1;
            }
        }
    }
    assert!(count >= 8, "{count}");
}

#[test]
fn what_a_schema_can_see_is_refused_by_it() {
    for name in [
        "wrong-types",
        "unknown-keys",
        "unknown-words",
        "empty-lists",
        "no-interfaces",
        "include-of-wrong-type",
        "sections-of-wrong-types",
        "rule-is-not-an-array",
    ] {
        let text =
            fs::read_to_string(folder("tests/config/bad").join(format!("{name}.toml"))).unwrap();
        assert!(!accepted_by_schema(&text), "{name}");
    }
    let rule = "interfaces = \"eth0\"\n[[rule]]\nname = \"a\"\naction = \"drop\"\n";
    assert!(accepted_by_schema(rule));
    for line in [
        "ttl = 256",
        "vlan = 0",
        "dscp = [64]",
        "icmp_type = -1",
        "shadow = 1",
        "length = true",
    ] {
        assert!(!accepted_by_schema(&format!("{rule}{line}\n")), "{line}");
    }
}

struct Text(String);

impl Files for Text {
    fn read(&self, _: &Path, _: Role) -> Result<String, FileError> {
        Ok(self.0.clone())
    }

    fn glob(&self, _: &Path) -> Result<Vec<PathBuf>, FileError> {
        Ok(Vec::new())
    }
}

#[test]
fn each_word_that_the_schema_suggests_is_one_that_the_parser_knows() {
    for section in reference() {
        for key in section.keys {
            let words = match key.shape {
                Shape::Choice(words) => words.to_vec(),
                Shape::Words(words) | Shape::Number { words, .. } => words(),
                _ => continue,
            };
            for word in words {
                let header = section.header.replace("\"PATTERN\"", "eth0");
                let text = format!("{header}\n{} = \"{word}\"\n", key.name);
                let problems = match load(Path::new("fw.toml"), &Text(text)) {
                    Ok(_) => continue,
                    Err(Problems { problems, .. }) => problems,
                };
                // Other keys are missing, and a code lacks its type; the word itself is fine.
                let about = |message: &str| {
                    message.starts_with("unknown") || message.contains("` cannot be `")
                };
                let wrong = problems.iter().find(|problem| about(&problem.message));
                assert_eq!(wrong, None, "{} = {word}", key.name);
            }
        }
    }
}

#[test]
fn each_bound_that_the_schema_names_is_the_parsers() {
    for section in reference() {
        for key in section.keys {
            let Shape::Number { min, max, .. } = key.shape else {
                continue;
            };
            let fits = |number: i64| {
                let header = section.header;
                let text = format!("{header}\n{} = {number}\n", key.name);
                let problems = load(Path::new("fw.toml"), &Text(text))
                    .unwrap_err()
                    .problems;
                let about =
                    |message: &str| message.contains("out of range") || message.contains("VLAN id");
                !problems.iter().any(|problem| about(&problem.message))
            };
            let (min, max) = (i64::from(min), i64::from(max));
            assert!(fits(min) && fits(max), "{}", key.name);
            if key.name != "family" {
                assert!(!fits(min - 1) && !fits(max + 1), "{}", key.name);
            }
        }
    }
}

#[test]
fn every_key_is_in_the_schema_and_on_the_page_with_its_sentence() {
    let (schema, page) = (generated::schema(), generated::page());
    for section in reference() {
        let object = match section.name {
            "" => schema.clone(),
            name => schema["definitions"][name].clone(),
        };
        let properties = object["properties"].as_object().unwrap();
        assert_eq!(properties.len(), section.keys.len());
        for key in section.keys {
            assert_eq!(properties[key.name]["description"], json!(key.doc));
            assert!(page.contains(&format!("| `{}` | ", key.name)) && page.contains(key.doc));
        }
    }
}
