//! A table of DynamoDB in memory: `GetItem`, `Query` and `UpdateItem` with the expressions that the
//! ledger writes. Any other expression is a mistake of the test, told in the answer.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a table of tests: what it does not know is a mistake of theirs"
)]

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde_json::{Map, Value, json};

use super::{Answer, Call};

type Item = Map<String, Value>;

/// A table, shared by all its copies.
#[derive(Debug, Clone, Default)]
pub struct Table(Arc<Mutex<BTreeMap<String, Item>>>);

impl Table {
    /// The answer to a call; `None` where it is none of DynamoDB's.
    ///
    /// # Panics
    /// When the call is none that the ledger may make.
    pub fn answer(&self, call: &Call) -> Option<Answer> {
        let parameters = &call.parameters;
        let key = &parameters["Key"];
        let (id, part) = (&key["id"]["S"], &key["part"]["S"]);
        let (id, part) = (
            id.as_str().unwrap_or_default(),
            part.as_str().unwrap_or_default(),
        );
        let name = &name_of(id, part);
        let mut items = self.items();
        match call.operation.as_str() {
            "GetItem" => {
                assert_eq!(
                    parameters["ConsistentRead"], true,
                    "reads of the ledger decide"
                );
                Some(Answer::json(
                    match items.get(name) {
                        Some(item) => json!({ "Item": item }),
                        None => json!({}),
                    }
                    .to_string(),
                ))
            }
            "Query" => {
                assert_eq!(
                    parameters["ConsistentRead"], true,
                    "reads of the ledger decide"
                );
                let condition = parameters["KeyConditionExpression"].as_str();
                let condition = condition.expect("a Query of one id");
                assert!(condition.starts_with("#id = :id"), "{condition}");
                let is_found =
                    |item: &&Item| Condition::of(parameters, Some(item), condition).holds();
                let found: Vec<&Item> = items.values().filter(is_found).collect();
                Some(Answer::json(json!({ "Items": found }).to_string()))
            }
            "UpdateItem" => {
                assert!(!id.is_empty() && !part.is_empty(), "the whole key");
                let old = items.get(name).cloned();
                let condition = parameters["ConditionExpression"].as_str();
                let condition = condition.expect("conditional writes only");
                let is_met = Condition::of(parameters, old.as_ref(), condition).holds();
                if !is_met {
                    let mut body = json!({
                        "__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException",
                        "message": "The conditional request failed",
                    });
                    if let Some(old) = old {
                        body["Item"] = old.into();
                    }
                    return Some(Answer::refused(&body));
                }
                let mut item = old.unwrap_or_default();
                item.insert("id".to_owned(), json!({ "S": id }));
                item.insert("part".to_owned(), json!({ "S": part }));
                update(parameters, &mut item);
                let answer = match parameters["ReturnValues"].as_str() {
                    Some("UPDATED_NEW") => json!({ "Attributes": item }),
                    _ => json!({}),
                };
                items.insert(name.to_owned(), item);
                Some(Answer::json(answer.to_string()))
            }
            _ => None,
        }
    }

    /// Another table with the same entries.
    #[must_use]
    pub fn copy(&self) -> Self {
        Self(Arc::new(Mutex::new(self.items().clone())))
    }

    /// An attribute of an entry, text or number as a text. The entry is named as by [`Self::keys`].
    pub fn attribute(&self, entry: &str, name: &str) -> Option<String> {
        let items = self.items();
        let value = items.get(entry)?.get(name)?;
        let value = value.get("S").or_else(|| value.get("N"))?;
        value.as_str().map(str::to_owned)
    }

    /// The keys of all entries, in order: the `id`, and behind a space the part, where there is one.
    pub fn keys(&self) -> Vec<String> {
        self.items().keys().cloned().collect()
    }

    fn items(&self) -> MutexGuard<'_, BTreeMap<String, Item>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn name_of(id: &str, part: &str) -> String {
    match part {
        "-" => id.to_owned(),
        part => format!("{id} {part}"),
    }
}

fn name(parameters: &Value, word: &str) -> String {
    let name = &parameters["ExpressionAttributeNames"][word];
    let name = name.as_str();
    name.unwrap_or_else(|| panic!("{word} is no name"))
        .to_owned()
}

fn value(parameters: &Value, word: &str) -> Value {
    let value = &parameters["ExpressionAttributeValues"][word];
    assert!(!value.is_null(), "{word} is no value");
    value.clone()
}

fn update(parameters: &Value, item: &mut Item) {
    let expression = parameters["UpdateExpression"].as_str().unwrap_or_default();
    let spaced = expression.replace(',', " , ");
    let mut clause = "";
    let mut words = spaced.split_whitespace().filter(|word| *word != ",");
    while let Some(word) = words.next() {
        match word {
            "SET" | "ADD" | "REMOVE" => clause = word,
            _ => {
                let name = name(parameters, word);
                match clause {
                    "SET" => {
                        assert_eq!(words.next(), Some("="), "{expression}");
                        let new = words.next().unwrap_or_default();
                        item.insert(name, value(parameters, new));
                    }
                    "ADD" => {
                        let more = value(parameters, words.next().unwrap_or_default());
                        let sum =
                            number(item.get(&name)).unwrap_or(0) + number(Some(&more)).unwrap_or(0);
                        item.insert(name, json!({ "N": sum.to_string() }));
                    }
                    "REMOVE" => {
                        item.remove(&name);
                    }
                    _ => panic!("{expression}"),
                }
            }
        }
    }
}

fn number(value: Option<&Value>) -> Option<i64> {
    value?["N"].as_str()?.parse().ok()
}

/// A condition, read from left to right.
struct Condition<'a> {
    parameters: &'a Value,
    item: Option<&'a Item>,
    words: Vec<String>,
    next: usize,
}

impl<'a> Condition<'a> {
    fn of(parameters: &'a Value, item: Option<&'a Item>, expression: &str) -> Self {
        let mut spaced = expression.to_owned();
        for sign in ["(", ")", ","] {
            spaced = spaced.replace(sign, &format!(" {sign} "));
        }
        Self {
            parameters,
            item,
            words: spaced.split_whitespace().map(str::to_owned).collect(),
            next: 0,
        }
    }

    fn holds(mut self) -> bool {
        let holds = self.any();
        assert_eq!(self.next, self.words.len(), "{:?}", self.words);
        holds
    }

    fn word(&mut self) -> String {
        let word = self.words.get(self.next).cloned().unwrap_or_default();
        self.next += 1;
        word
    }

    fn skip(&mut self, word: &str) -> bool {
        let is_next = self.words.get(self.next).is_some_and(|next| next == word);
        self.next += usize::from(is_next);
        is_next
    }

    fn any(&mut self) -> bool {
        let mut holds = self.all();
        while self.skip("OR") {
            holds |= self.all();
        }
        holds
    }

    fn all(&mut self) -> bool {
        let mut holds = self.one();
        while self.skip("AND") {
            holds &= self.one();
        }
        holds
    }

    fn one(&mut self) -> bool {
        if self.skip("NOT") {
            return !self.one();
        }
        if self.skip("(") {
            let holds = self.any();
            assert!(self.skip(")"), "{:?}", self.words);
            return holds;
        }
        let word = self.word();
        if let "attribute_exists" | "attribute_not_exists" | "begins_with" = word.as_str() {
            assert!(self.skip("("), "{:?}", self.words);
            let found = self.operand();
            let holds = match word.as_str() {
                "attribute_exists" => found.is_some(),
                "attribute_not_exists" => found.is_none(),
                _ => {
                    assert!(self.skip(","), "{:?}", self.words);
                    let start = self.operand();
                    let text = |value: &Value| value["S"].as_str().map(str::to_owned);
                    let found = found.as_ref().and_then(text);
                    let start = start.as_ref().and_then(text);
                    matches!((found, start), (Some(found), Some(start)) if found.starts_with(&start))
                }
            };
            assert!(self.skip(")"), "{:?}", self.words);
            return holds;
        }
        self.next -= 1;
        let left = self.operand();
        let sign = self.word();
        let right = self.operand();
        // In DynamoDB a missing attribute differs from every value, and is neither less nor more.
        let (Some(left), Some(right)) = (left, right) else {
            return sign == "<>";
        };
        let order = match (number(Some(&left)), number(Some(&right))) {
            (Some(left), Some(right)) => left.cmp(&right),
            (None, None) => left["S"].as_str().cmp(&right["S"].as_str()),
            _ => return sign == "<>",
        };
        match sign.as_str() {
            "=" => order.is_eq(),
            "<>" => order.is_ne(),
            "<" => order.is_lt(),
            "<=" => order.is_le(),
            ">" => order.is_gt(),
            ">=" => order.is_ge(),
            _ => panic!("{:?}", self.words),
        }
    }

    fn operand(&mut self) -> Option<Value> {
        let word = self.word();
        if word.starts_with(':') {
            return Some(value(self.parameters, &word));
        }
        self.item?.get(&name(self.parameters, &word)).cloned()
    }
}
