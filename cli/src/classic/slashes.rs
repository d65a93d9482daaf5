//! Command lines as the Windows Script Host takes them: `/name:value`, names in any case and whole.

use super::parameter::{Bound, Given, Parameter, Takes};
use super::powershell::add;
use super::problem::Problem;
use super::value;

/// Gives the arguments to the switches of a script.
pub(super) fn bind(command: &'static str, table: &[Parameter], args: &[String]) -> Result<Bound, Problem> {
    let mut bound = Bound::default();
    for arg in args {
        let Some(named) = arg.strip_prefix('/') else {
            return Err(Problem::Loose { command, found: arg.clone() });
        };
        let (name, text) = named.split_once(':').map_or((named, None), |(name, text)| (name, Some(text)));
        let known = table.iter().find(|p| p.name.eq_ignore_ascii_case(name));
        let parameter = known.ok_or_else(|| unknown(command, table, name))?;
        add(&mut bound, *parameter, given(parameter, text)?).map_err(|_| Problem::Twice(shown(parameter)))?;
    }
    let missing = table.iter().filter(|parameter| parameter.mandatory && !bound.has(parameter.name));
    let missing: Vec<_> = missing.map(shown).collect();
    if missing.is_empty() { Ok(bound) } else { Err(Problem::Missing { command, missing }) }
}

fn shown(parameter: &Parameter) -> String {
    format!("/{}", parameter.name)
}

fn given(parameter: &Parameter, text: Option<&str>) -> Result<Given, Problem> {
    match (parameter.takes, text) {
        (Takes::Switch, None) => Ok(Given { on: true, ..Given::default() }),
        (Takes::Switch, Some(text)) => {
            let problem = || Problem::Value(shown(parameter), format!("{text:?} is neither true nor false"));
            Ok(Given { on: value::truth(text).ok_or_else(problem)?, ..Given::default() })
        }
        (_, None | Some("")) => Err(Problem::NoValue(shown(parameter))),
        (Takes::One, Some(text)) => Ok(Given { texts: vec![value::unquoted(text)], ..Given::default() }),
        (_, Some(text)) => Ok(Given { texts: value::parts(text, &[',']), ..Given::default() }),
    }
}

fn unknown(command: &'static str, table: &[Parameter], name: &str) -> Problem {
    let alike = |p: &Parameter| strsim::normalized_damerau_levenshtein(&name.to_lowercase(), p.name);
    let scored = table.iter().map(|p| (alike(p), p)).filter(|(score, _)| *score >= 0.6 && name.len() < 60);
    let best = scored.max_by(|(a, _), (b, _)| a.total_cmp(b));
    Problem::Unknown { command, found: format!("/{name}"), similar: best.map(|(_, p)| shown(p)) }
}
