//! The JSON schema of the main file, for completion and first mistakes in editors.
//!
//! Owns what of the language a schema can say. It never refuses what the parser accepts; much
//! that the parser refuses passes here.

use serde_json::{Map, Value, json};

use crate::config::{Key, Presence, Section, Shape, reference};

/// The schema: JSON Schema draft 7, which editors' TOML plug-ins know.
#[must_use]
pub fn schema() -> Value {
    let sections = reference();
    let mut definitions = Map::new();
    let mut root = json!({});
    for section in &sections {
        for key in &section.keys {
            if !is_table(key) {
                definitions.insert(definition(section, key), one(key.shape));
            }
        }
        let object = object(section);
        if section.name.is_empty() {
            root = object;
        } else {
            definitions.insert(section.name.to_owned(), object);
        }
    }
    if let Some(root) = root.as_object_mut() {
        let head = [
            ("$schema", json!("http://json-schema.org/draft-07/schema#")),
            ("title", json!("The configuration of xdp-fw")),
            ("definitions", Value::Object(definitions)),
        ];
        root.extend(head.map(|(key, value)| (key.to_owned(), value)));
    }
    root
}

/// The name of the definition of one value of a key.
fn definition(section: &Section, key: &Key) -> String {
    match section.name {
        "" => format!("value.{}", key.name),
        name => format!("value.{name}.{}", key.name),
    }
}

fn is_table(key: &Key) -> bool {
    matches!(
        key.shape,
        Shape::Table | Shape::NamedTables | Shape::ListOfTables
    )
}

fn object(section: &Section) -> Value {
    let keys = section.keys.iter();
    let properties: Map<String, Value> = keys
        .map(|key| (key.name.to_owned(), property(section, key)))
        .collect();
    let required = section.keys.iter();
    let required: Vec<_> = required
        .filter(|key| key.presence == Presence::Required)
        .map(|key| key.name)
        .collect();
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
        "required": required,
    })
}

fn property(section: &Section, key: &Key) -> Value {
    let table = || json!({ "$ref": format!("#/definitions/{}", key.name) });
    let mut property = match key.shape {
        Shape::Table => json!({ "allOf": [table()] }),
        Shape::NamedTables => json!({ "type": "object", "additionalProperties": table() }),
        Shape::ListOfTables => json!({ "type": "array", "items": table() }),
        _ => {
            let one = json!({ "$ref": format!("#/definitions/{}", definition(section, key)) });
            if key.is_list {
                let many = json!({ "type": "array", "items": one, "minItems": 1 });
                json!({ "anyOf": [one, many] })
            } else {
                json!({ "allOf": [one] })
            }
        }
    };
    if let Some(property) = property.as_object_mut() {
        property.insert("description".into(), key.doc.into());
        // The defaults are words and flags, which TOML and JSON write alike.
        if let Presence::Default(value) = key.presence
            && let Ok(value) = serde_json::from_str(value)
        {
            property.insert("default".into(), value);
        }
    }
    property
}

/// One value, not a list.
fn one(shape: Shape) -> Value {
    let text = || json!({ "type": "string" });
    match shape {
        Shape::Flag => json!({ "type": "boolean" }),
        Shape::Choice(words) => json!({ "enum": words }),
        Shape::Words(words) => json!({ "anyOf": [{ "enum": words() }, text()] }),
        Shape::Number { min, max, words } => number(min, max, &words()),
        Shape::NumberOrFalse => json!({ "anyOf": [
            { "type": "integer", "minimum": 1 },
            { "enum": [false] },
        ] }),
        Shape::WordsOrFlag(words) => {
            let word = || json!({ "anyOf": [{ "enum": words() }, text()] });
            let words = json!({ "type": "array", "items": word(), "minItems": 1 });
            json!({ "anyOf": [{ "type": "boolean" }, word(), words] })
        }
        Shape::TextOrFalse => json!({ "anyOf": [text(), { "enum": [false] }] }),
        Shape::Text | Shape::Table | Shape::NamedTables | Shape::ListOfTables => text(),
    }
}

fn number(min: u32, max: u32, words: &[&str]) -> Value {
    let number = json!({ "type": "integer", "minimum": min, "maximum": max });
    let range = json!({ "type": "string", "pattern": "^!?[0-9]+(-[0-9]+)?$" });
    if words.is_empty() {
        return json!({ "anyOf": [number, range] });
    }
    // In any case, and with `!`.
    let word = json!({ "type": "string", "pattern": "^!?[A-Za-z][A-Za-z0-9.+-]*$" });
    let mut words = words.to_vec();
    words.sort_unstable();
    words.dedup();
    json!({ "anyOf": [number, { "enum": words }, range, word] })
}
