//! JSON as requests and answers need it: values, a strict parser, a writer.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// A JSON value. Members of objects are sorted by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// `null`, and what [`Value::get`] gives for a member that is not there.
    #[default]
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number without fraction and exponent that fits.
    Integer(i64),
    /// Any other number.
    Float(f64),
    /// A text.
    Text(String),
    /// An array.
    Array(Vec<Value>),
    /// An object.
    Object(BTreeMap<String, Value>),
}

static NULL: Value = Value::Null;

/// Nesting beyond this is refused, so that a small stack is enough.
const DEEPEST: usize = 64;

impl Value {
    /// An object of these members: `Value::object([("machine_id", machine.into())])`.
    pub fn object<'a>(members: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
        let named = |(name, value): (&str, Value)| (name.to_string(), value);
        Value::Object(members.into_iter().map(named).collect())
    }

    /// A member of an object; null if there is none.
    pub fn get(&self, name: &str) -> &Value {
        match self {
            Value::Object(members) => members.get(name).unwrap_or(&NULL),
            _ => &NULL,
        }
    }

    /// The text, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number, if it is an integer.
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Value::Integer(number) => Some(*number),
            _ => None,
        }
    }

    /// The truth, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(truth) => Some(*truth),
            _ => None,
        }
    }

    /// The elements, if it is an array.
    pub fn as_array(&self) -> Option<&[Value]> {
        match self {
            Value::Array(elements) => Some(elements),
            _ => None,
        }
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.get(name).as_str()
    }

    pub(crate) fn object_at(&self, name: &str) -> Option<&Value> {
        Some(self.get(name)).filter(|value| matches!(value, Value::Object(_)))
    }

    pub(crate) fn texts(&self, name: &str) -> BTreeMap<String, String> {
        match self.get(name) {
            Value::Object(members) => {
                members.iter().filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_string()))).collect()
            }
            _ => BTreeMap::new(),
        }
    }

    /// Reads one value. The error says at which byte it goes wrong.
    pub fn parse(text: &str) -> std::result::Result<Value, String> {
        let mut parser = Parser { text, at: 0 };
        let value = parser.value(0)?;
        parser.blanks();
        if parser.at < text.len() {
            return parser.wrong("more than one value");
        }
        Ok(value)
    }
}

/// Whole milliseconds, rounded up so that a short time is not "none".
pub(crate) fn milliseconds(time: Duration) -> Value {
    let count = (time.as_nanos() + 999_999) / 1_000_000;
    Value::Integer(i64::try_from(count).unwrap_or(i64::MAX))
}

/// Null for `None`.
pub(crate) fn optional<T: Into<Value>>(value: Option<T>) -> Value {
    value.map_or(Value::Null, Into::into)
}

impl From<&i64> for Value {
    fn from(number: &i64) -> Value {
        Value::Integer(*number)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::Text(text.to_string())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::Text(text)
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Value {
        Value::Text(text.clone())
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Value {
        Value::Bool(truth)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Value {
        Value::Integer(number)
    }
}

impl From<Vec<Value>> for Value {
    fn from(elements: Vec<Value>) -> Value {
        Value::Array(elements)
    }
}

impl From<&BTreeMap<String, String>> for Value {
    fn from(members: &BTreeMap<String, String>) -> Value {
        Value::Object(members.iter().map(|(name, text)| (name.clone(), text.into())).collect())
    }
}

impl fmt::Display for Value {
    /// Writes it without blanks.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => out.write_str("null"),
            Value::Bool(truth) => write!(out, "{truth}"),
            Value::Integer(number) => write!(out, "{number}"),
            Value::Float(number) if number.is_finite() => write!(out, "{number:?}"),
            Value::Float(_) => out.write_str("null"),
            Value::Text(text) => write_text(out, text),
            Value::Array(elements) => {
                out.write_str("[")?;
                for (number, element) in elements.iter().enumerate() {
                    let comma = if number > 0 { "," } else { "" };
                    write!(out, "{comma}{element}")?;
                }
                out.write_str("]")
            }
            Value::Object(members) => {
                out.write_str("{")?;
                for (number, (name, value)) in members.iter().enumerate() {
                    out.write_str(if number > 0 { "," } else { "" })?;
                    write_text(out, name)?;
                    write!(out, ":{value}")?;
                }
                out.write_str("}")
            }
        }
    }
}

fn write_text(out: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    out.write_str("\"")?;
    for character in text.chars() {
        match character {
            '"' => out.write_str("\\\"")?,
            '\\' => out.write_str("\\\\")?,
            '\n' => out.write_str("\\n")?,
            '\r' => out.write_str("\\r")?,
            '\t' => out.write_str("\\t")?,
            control if u32::from(control) < 0x20 => write!(out, "\\u{:04x}", u32::from(control))?,
            other => write!(out, "{other}")?,
        }
    }
    out.write_str("\"")
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

type Parsed<T> = std::result::Result<T, String>;

impl Parser<'_> {
    fn wrong<T>(&self, what: &str) -> Parsed<T> {
        Err(format!("JSON, byte {}: {what}", self.at))
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Goes behind `expected` if it is next.
    fn take(&mut self, expected: &str) -> bool {
        let found = self.text[self.at..].starts_with(expected);
        if found {
            self.at += expected.len();
        }
        found
    }

    fn value(&mut self, depth: usize) -> Parsed<Value> {
        if depth > DEEPEST {
            return self.wrong("nested too deeply");
        }
        self.blanks();
        match self.peek() {
            Some(b'{') => self.members(depth),
            Some(b'[') => self.elements(depth),
            Some(b'"') => Ok(Value::Text(self.string()?)),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ if self.take("null") => Ok(Value::Null),
            _ if self.take("true") => Ok(Value::Bool(true)),
            _ if self.take("false") => Ok(Value::Bool(false)),
            _ => self.wrong("a value is missing"),
        }
    }

    fn members(&mut self, depth: usize) -> Parsed<Value> {
        let mut members = BTreeMap::new();
        self.at += 1;
        self.blanks();
        if self.take("}") {
            return Ok(Value::Object(members));
        }
        loop {
            self.blanks();
            if self.peek() != Some(b'"') {
                return self.wrong("a member's name is missing");
            }
            let name = self.string()?;
            self.blanks();
            if !self.take(":") {
                return self.wrong("a colon is missing");
            }
            let value = self.value(depth + 1)?;
            if members.insert(name, value).is_some() {
                return self.wrong("a member is there twice");
            }
            self.blanks();
            if self.take("}") {
                return Ok(Value::Object(members));
            }
            if !self.take(",") {
                return self.wrong("a comma or the object's end is missing");
            }
        }
    }

    fn elements(&mut self, depth: usize) -> Parsed<Value> {
        let mut elements = Vec::new();
        self.at += 1;
        self.blanks();
        if self.take("]") {
            return Ok(Value::Array(elements));
        }
        loop {
            elements.push(self.value(depth + 1)?);
            self.blanks();
            if self.take("]") {
                return Ok(Value::Array(elements));
            }
            if !self.take(",") {
                return self.wrong("a comma or the array's end is missing");
            }
        }
    }

    fn digits(&mut self) -> Parsed<()> {
        if !matches!(self.peek(), Some(b'0'..=b'9')) {
            return self.wrong("a digit is missing");
        }
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        Ok(())
    }

    fn number(&mut self) -> Parsed<Value> {
        let start = self.at;
        let mut whole = true;
        self.take("-");
        if !self.take("0") {
            self.digits()?;
        }
        if self.take(".") {
            whole = false;
            self.digits()?;
        }
        if self.take("e") || self.take("E") {
            whole = false;
            if !self.take("+") {
                self.take("-");
            }
            self.digits()?;
        }
        let text = &self.text[start..self.at];
        if let (true, Ok(number)) = (whole, text.parse()) {
            return Ok(Value::Integer(number));
        }
        match text.parse() {
            Ok(number) => Ok(Value::Float(number)),
            Err(_) => self.wrong("no number"),
        }
    }

    fn string(&mut self) -> Parsed<String> {
        let mut string = String::new();
        self.at += 1;
        loop {
            let rest = &self.text[self.at..];
            let character = match rest.chars().next() {
                Some(character) => character,
                None => return self.wrong("a text has no end"),
            };
            self.at += character.len_utf8();
            match character {
                '"' => return Ok(string),
                '\\' => string.push(self.escape()?),
                control if u32::from(control) < 0x20 => {
                    return self.wrong("a control character in a text");
                }
                other => string.push(other),
            }
        }
    }

    fn escape(&mut self) -> Parsed<char> {
        let kind = match self.peek() {
            Some(kind) => kind,
            None => return self.wrong("a text has no end"),
        };
        self.at += 1;
        Ok(match kind {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.code_point(),
            _ => return self.wrong("an unknown escape"),
        })
    }

    fn code_unit(&mut self) -> Parsed<u32> {
        let digits = self.text.get(self.at..self.at + 4);
        let all_hex = |text: &&str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
        match digits.filter(all_hex).map(|text| u32::from_str_radix(text, 16)) {
            Some(Ok(unit)) => {
                self.at += 4;
                Ok(unit)
            }
            _ => self.wrong("four hexadecimal digits are missing"),
        }
    }

    fn code_point(&mut self) -> Parsed<char> {
        let mut point = self.code_unit()?;
        if (0xd800..0xdc00).contains(&point) && self.take("\\u") {
            let low = self.code_unit()?;
            if (0xdc00..0xe000).contains(&low) {
                point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
            }
        }
        match char::from_u32(point) {
            Some(character) => Ok(character),
            None => self.wrong("half a surrogate pair"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_the_same() {
        let text = r#"{"a":[1,-2,0.5,1e+30,true,false,null],"b":{"c":"q\" \\ \n \u0001 ü 😀"},"d":{},"e":[]}"#;
        let value = Value::parse(text).unwrap();
        assert_eq!(Value::parse(&value.to_string()).unwrap(), value);
        assert_eq!(value.get("a").as_array().unwrap()[1].as_integer(), Some(-2));
        assert_eq!(value.get("b").get("c").as_str(), Some("q\" \\ \n \u{1} ü 😀"));
        assert_eq!(Value::parse(r#""\ud83d\ude00\u00fc""#).unwrap(), "😀ü".into());
        assert_eq!(value.get("none").get("deeper"), &Value::Null);
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for text in [
            "",
            "{",
            "[1,]",
            "{\"a\":1,}",
            "{\"a\":1,\"a\":2}",
            "01",
            "1.",
            "1e",
            "-",
            "\"a",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\ud800\"",
            "\"\t\"",
            "nul",
            "1 2",
            "{a:1}",
            "\"\\",
            "\"\\u00\u{e9}1\"",
        ] {
            assert!(Value::parse(text).is_err(), "{text}");
        }
        assert!(Value::parse(&"[".repeat(100_000)).is_err());
    }

    #[test]
    fn a_number_that_does_not_fit_an_integer_is_a_float() {
        assert_eq!(Value::parse("9223372036854775807").unwrap(), Value::Integer(i64::MAX));
        assert_eq!(Value::parse("9223372036854775808").unwrap(), Value::Float(9223372036854775808.0));
    }
}
