//! Who judges what code cannot: endpoints, what they cost, and how good they are.

use crate::endpoint::{EndpointConfig, EndpointLimits, EndpointModel, EndpointName, InvalidEndpoint};
use amend_eval::{
    Progress,
    follow::{
        FollowSuite,
        judge::{CalibrationSet, Judge, JudgeOptions, JudgePanel, JudgeStop, Language, PanelError},
        report::{Price, PriceTable},
        run::Cache,
    },
};
use amend_proto::ModelId;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, sync::Arc};

/// The version of the file's form.
const VERSION: u32 = 1;
/// More would cost more than they tell.
const MOST_JUDGES: usize = 9;

/// The judges that an operator named; none, unless given. They decide by majority.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Judges {
    endpoints: Vec<EndpointConfig>,
    prices: PriceTable,
}

/// A judge in a file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct JudgeEntry {
    /// `URL#NAME`.
    model: EndpointName,
    /// The environment variable with its key.
    #[serde(default)]
    key_env: Option<String>,
    /// What a million tokens of prompts cost; without it the cost is not known.
    #[serde(default)]
    input_price: Option<f64>,
    /// What a million tokens of replies cost; as the prompts', unless given.
    #[serde(default)]
    output_price: Option<f64>,
}

/// The file of judges.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct JudgesFile {
    version: u32,
    /// The money of the prices.
    #[serde(default = "dollars")]
    currency: String,
    judges: Vec<JudgeEntry>,
}

fn dollars() -> String {
    "USD".to_owned()
}

/// Why there are no judges.
#[derive(Debug, thiserror::Error)]
pub enum JudgesError {
    /// The file.
    #[error("{0}")]
    File(String),
    /// One cannot be asked.
    #[error(transparent)]
    Endpoint(#[from] InvalidEndpoint),
    /// They make no panel.
    #[error(transparent)]
    Panel(#[from] PanelError),
    /// One cannot be rated.
    #[error(transparent)]
    Stopped(#[from] JudgeStop),
}

impl Judges {
    /// One, whose price is not known.
    #[must_use]
    pub fn one(endpoint: EndpointConfig) -> Self {
        Self { endpoints: vec![endpoint], prices: PriceTable::default() }
    }

    /// Reads a file of judges (TOML).
    ///
    /// # Errors
    /// [`JudgesError`], whose text names the line and the field.
    pub fn parse(text: &str) -> Result<Self, JudgesError> {
        let file: JudgesFile = toml::from_str(text).map_err(|error| JudgesError::File(error.to_string()))?;
        if file.version != VERSION {
            let message =
                format!("version {} is not known; this build reads version {VERSION}", file.version);
            return Err(JudgesError::File(message));
        }
        if file.judges.is_empty() || file.judges.len() > MOST_JUDGES {
            return Err(JudgesError::File(format!("judges: there must be 1 to {MOST_JUDGES}")));
        }
        let (mut endpoints, mut per_million) = (Vec::new(), BTreeMap::new());
        for judge in file.judges {
            if judge.output_price.is_some() && judge.input_price.is_none() {
                let message = format!("{} has an output_price and no input_price", judge.model);
                return Err(JudgesError::File(message));
            }
            if let Some(prompt) = judge.input_price {
                let price = Price { prompt, completion: judge.output_price.unwrap_or(prompt) };
                let valid = |price: f64| price.is_finite() && price >= 0.0;
                if !valid(price.prompt) || !valid(price.completion) {
                    let message = format!("the prices of {} must be numbers from 0 up", judge.model);
                    return Err(JudgesError::File(message));
                }
                let known = per_million.insert(judge.model.model.to_string(), price);
                if known.is_some_and(|known| known != price) {
                    let message = format!("the model {} has two prices", judge.model.model);
                    return Err(JudgesError::File(message));
                }
            }
            endpoints.push(judge.model.with_key(judge.key_env));
        }
        let judges = Self { endpoints, prices: PriceTable { currency: file.currency, per_million } };
        judges.seated(Language::English)?;
        Ok(judges)
    }

    /// Their names, as verdicts hold for them.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.endpoints.iter().map(|judge| format!("{}#{}", judge.url, judge.model)).collect()
    }

    /// What they cost, and a model beside them, if that is known. Where no judge has a price there is no money to count in.
    #[must_use]
    pub fn prices_beside(&self, (model, price): (&ModelId, Option<Price>)) -> PriceTable {
        let mut prices = self.prices.clone();
        if let Some(price) = price.filter(|_| !prices.per_million.is_empty()) {
            prices.per_million.entry(model.to_string()).or_insert(price);
        }
        prices
    }

    /// Ready to be asked, without a rating; none where none is named.
    ///
    /// # Errors
    /// [`JudgesError`] when the variable of a key is not set, or two have one name.
    pub fn seated(&self, language: Language) -> Result<Option<JudgePanel>, JudgesError> {
        if self.endpoints.is_empty() {
            return Ok(None);
        }
        let mut judges = Vec::with_capacity(self.endpoints.len());
        for (endpoint, name) in self.endpoints.iter().zip(self.names()) {
            let model = EndpointModel::new(endpoint.clone(), EndpointLimits::once())?;
            judges.push(Judge::new(name, Arc::new(model), language));
        }
        Ok(Some(JudgePanel::new(judges, JudgeOptions::default())?))
    }

    /// The panel for a suite that needs one, each judge rated first on answers with known verdicts. They are English: a judge
    /// of a Chinese suite is asked in other words, and stays without a rating.
    ///
    /// # Errors
    /// [`JudgesError`].
    pub async fn panel_for(
        &self,
        suite: &FollowSuite,
        cache: Option<Arc<dyn Cache>>,
        progress: &dyn Progress,
    ) -> Result<Option<JudgePanel>, JudgesError> {
        if !suite.needs_judge() {
            return Ok(None);
        }
        let language = Language::of(suite);
        match (self.seated(language)?, language) {
            (Some(panel), Language::English) => {
                Ok(Some(panel.rated(&CalibrationSet::shipped(), cache, progress).await?))
            }
            (panel, _) => Ok(panel),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = r#"
        version = 1
        currency = "EUR"
        [[judges]]
        model = "https://one.example/v1#big"
        input_price = 0.5
        output_price = 1.5
        [[judges]]
        model = "http://127.0.0.1:9/v1#small"
    "#;

    #[test]
    fn a_file_names_judges_and_what_they_cost() {
        let judges = Judges::parse(TWO).unwrap();
        assert_eq!(judges.names(), ["https://one.example/v1#big", "http://127.0.0.1:9/v1#small"]);
        let free = Price { prompt: 0.0, completion: 0.0 };
        let here = ("atlas".parse().unwrap(), "big".parse().unwrap());
        assert_eq!(judges.prices_beside((&here.0, Some(free))).per_million.len(), 2);
        assert_eq!(Judges::default().prices_beside((&here.0, Some(free))), PriceTable::default());
        // A judge's price stays its own.
        let prices = judges.prices_beside((&here.1, Some(free)));
        assert_eq!((prices.currency.as_str(), prices.per_million.len()), ("EUR", 1));
        assert_eq!(prices.per_million["big"], Price { prompt: 0.5, completion: 1.5 });
        assert_eq!(judges.seated(Language::English).unwrap().unwrap().judges().len(), 2);
        assert!(Judges::default().seated(Language::English).unwrap().is_none());
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said() {
        for (text, said) in [
            ("version = 2\njudges = []", "version 2"),
            ("version = 1\njudges = []", "1 to 9"),
            (&TWO.replace("currency", "money"), "money"),
            (&TWO.replace("#big", ""), "name the model"),
            (&TWO.replace("0.5", "-0.5"), "from 0 up"),
            (
                &TWO.replace("http://127.0.0.1:9/v1#small", "https://one.example/v1#big"),
                "two judges are called https://one.example/v1#big",
            ),
            (&TWO.replace("input_price = 0.5", ""), "no input_price"),
            (&TWO.replace("#small\"", "#big\"\ninput_price = 7"), "two prices"),
            (&TWO.replace("input_price", "key_env = \"AMEND_NOT_SET\"\ninput_price"), "AMEND_NOT_SET"),
        ] {
            let error = Judges::parse(text).unwrap_err().to_string();
            assert!(error.contains(said), "{said}: {error}");
        }
    }
}
