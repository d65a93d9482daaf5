//! Command lines as PowerShell binds them.
//!
//! Names and words in any case; abbreviations as far as one parameter is meant; `-Name value`, `-Name:value`;
//! lists in one argument or over several; what stands without a name goes to the free positions in their order.
//! ("about_Parameters", "about_CommonParameters", "about_Arrays" of PowerShell.) The shell that runs this program
//! has taken the outer quotes away; what is left of them is taken away here.

use std::iter::Peekable;
use std::slice::Iter;

use super::parameter::{Becomes, Bound, Given, Parameter, Takes};
use super::problem::Problem;
use super::value;

/// The dashes that PowerShell takes for one: texts that were pasted often have another.
const DASHES: [char; 4] = ['-', '\u{2013}', '\u{2014}', '\u{2015}'];

const QUIETLY: &str = "errors, warnings and progress are always shown on standard error, and nothing else";
const ALWAYS: &str = "an error always ends the run, with an exit code";
const VARIABLES: &str = "there are no variables to put it into";

/// What every command of PowerShell has.
pub(super) const COMMON: [Parameter; 11] = [
    Parameter::switch("Verbose", Becomes::Nothing(QUIETLY)).alias(&["vb"]),
    Parameter::switch("Debug", Becomes::Nothing(QUIETLY)).alias(&["db"]),
    Parameter::one("ErrorAction", Becomes::Nothing(ALWAYS)).alias(&["ea"]),
    Parameter::one("WarningAction", Becomes::Nothing(QUIETLY)).alias(&["wa"]),
    Parameter::one("InformationAction", Becomes::Nothing(QUIETLY)).alias(&["infa"]),
    Parameter::one("ErrorVariable", Becomes::Nothing(VARIABLES)).alias(&["ev"]),
    Parameter::one("WarningVariable", Becomes::Nothing(VARIABLES)).alias(&["wv"]),
    Parameter::one("InformationVariable", Becomes::Nothing(VARIABLES)).alias(&["iv"]),
    Parameter::one("OutVariable", Becomes::Nothing(VARIABLES)).alias(&["ov"]),
    Parameter::one("OutBuffer", Becomes::Nothing("there is no pipeline")).alias(&["ob"]),
    Parameter::one("PipelineVariable", Becomes::Nothing("there is no pipeline")).alias(&["pv"]),
];

/// Gives the arguments to the parameters of a command.
pub(super) fn bind(command: &'static str, table: &[Parameter], args: &[String]) -> Result<Bound, Problem> {
    let known: Vec<Parameter> = table.iter().chain(&COMMON).copied().collect();
    let binder = Binder { command, known: &known };
    let (mut bound, mut loose) = (Bound::default(), Vec::new());
    let mut rest = args.iter().peekable();
    while let Some(arg) = rest.next() {
        let Some((name, inline)) = flag(arg) else {
            loose.push(arg.clone());
            continue;
        };
        let parameter = binder.find(name, args)?;
        let given = binder.value(&parameter, inline, &mut rest)?;
        add(&mut bound, parameter, given)?;
    }
    binder.place(&mut bound, &loose)?;
    check(command, &known, &bound)?;
    Ok(bound)
}

/// Takes a parameter among those that were given.
pub(super) fn add(bound: &mut Bound, parameter: Parameter, given: Given) -> Result<(), Problem> {
    if bound.has(parameter.name) {
        return Err(Problem::Twice(format!("-{}", parameter.name)));
    }
    bound.given.push((parameter, given));
    Ok(())
}

/// What is missing, and what is there without the word that it belongs to.
fn check(command: &'static str, known: &[Parameter], bound: &Bound) -> Result<(), Problem> {
    let missing = known.iter().filter(|parameter| parameter.mandatory && !bound.has(parameter.name));
    let in_force = missing.filter(|parameter| applies(parameter, bound));
    let missing: Vec<_> = in_force.map(|parameter| format!("-{}", parameter.name)).collect();
    if !missing.is_empty() {
        return Err(Problem::Missing { command, missing });
    }
    match bound.given.iter().find(|(parameter, _)| !applies(parameter, bound)) {
        Some((Parameter { name, with: Some((other, words)), .. }, _)) => {
            Err(Problem::Without { parameter: format!("-{name}"), other: format!("-{other}"), words })
        }
        _ => Ok(()),
    }
}

fn applies(parameter: &Parameter, bound: &Bound) -> bool {
    parameter.with.is_none_or(|(other, words)| words.iter().any(|word| bound.is(other, word)))
}

/// The name and what stands behind its colon, if this is the name of a parameter. `-5` is a value.
fn flag(arg: &str) -> Option<(&str, Option<&str>)> {
    let name = arg.strip_prefix(DASHES)?;
    if !name.starts_with(|c: char| c.is_alphabetic() || c == '_') {
        return None;
    }
    Some(name.split_once(':').map_or((name, None), |(name, value)| (name, Some(value))))
}

type Args<'a> = Peekable<Iter<'a, String>>;

struct Binder<'t> {
    command: &'static str,
    known: &'t [Parameter],
}

impl Binder<'_> {
    /// The parameter of this name: whole names go before abbreviations, and parameters that are always there
    /// before those of a word.
    fn find(&self, name: &str, args: &[String]) -> Result<Parameter, Problem> {
        let lower = name.to_lowercase();
        let whole = |p: &&Parameter| p.names().any(|known| known.eq_ignore_ascii_case(name));
        if let Some(parameter) = self.known.iter().find(whole) {
            return Ok(*parameter);
        }
        if let Some(parameter) = self.abbreviated(&lower, |p| p.with.is_none())? {
            return Ok(parameter);
        }
        let there = |p: &Parameter| p.with.is_some_and(|with| self.is_said(with, args));
        if let Some(parameter) = self.abbreviated(&lower, there)? {
            return Ok(parameter);
        }
        self.abbreviated(&lower, |p| p.with.is_some())?.ok_or_else(|| self.unknown(name))
    }

    fn abbreviated(&self, name: &str, among: impl Fn(&Parameter) -> bool) -> Result<Option<Parameter>, Problem> {
        let starts = |p: &&Parameter| p.names().any(|known| known.to_lowercase().starts_with(name));
        let found: Vec<_> = self.known.iter().filter(|p| !p.foreign && among(p)).filter(starts).collect();
        match found.as_slice() {
            [] => Ok(None),
            [one] => Ok(Some(**one)),
            several => Err(Problem::Ambiguous {
                found: format!("-{name}"),
                candidates: several.iter().map(|p| format!("-{}", p.name)).collect(),
            }),
        }
    }

    /// Whether the arguments, wherever in them, give a parameter one of these words.
    fn is_said(&self, (other, words): (&str, &[&str]), args: &[String]) -> bool {
        let is_other = |name: &str| {
            let lower = name.to_lowercase();
            let found = self.abbreviated(&lower, |p| p.with.is_none());
            name.eq_ignore_ascii_case(other) || found.is_ok_and(|p| p.is_some_and(|p| p.name == other))
        };
        let is_word = |value: &str| words.iter().any(|word| word.eq_ignore_ascii_case(&value::unquoted(value)));
        args.iter().enumerate().any(|(n, arg)| match flag(arg) {
            Some((name, Some(value))) if !value.is_empty() => is_other(name) && is_word(value),
            Some((name, _)) => is_other(name) && args.get(n + 1).is_some_and(|next| is_word(next)),
            None => false,
        })
    }

    fn unknown(&self, name: &str) -> Problem {
        let lower = name.to_lowercase();
        let names = self.known.iter().flat_map(Parameter::names);
        let alike = |known: &str| strsim::normalized_damerau_levenshtein(&lower, &known.to_lowercase());
        let scored = names.map(|known| (alike(known), known)).filter(|(score, _)| *score >= 0.6 && lower.len() < 60);
        let best = scored.max_by(|(a, _), (b, _)| a.total_cmp(b));
        Problem::Unknown {
            command: self.command,
            found: format!("-{name}"),
            similar: best.map(|(_, known)| format!("-{known}")),
        }
    }

    fn value(&self, parameter: &Parameter, inline: Option<&str>, rest: &mut Args<'_>) -> Result<Given, Problem> {
        let name = format!("-{}", parameter.name);
        if parameter.takes == Takes::Switch {
            let text = match inline {
                None => return Ok(Given { on: true, ..Given::default() }),
                Some("") => rest.next().map(String::as_str).unwrap_or_default(),
                Some(text) => text,
            };
            let problem = || "$true or $false was expected behind the colon; in sh and bash quote the $".to_owned();
            let on = value::truth(text).ok_or_else(|| Problem::Value(name, problem()))?;
            return Ok(Given { on, ..Given::default() });
        }
        let first = match inline {
            Some(text) if !text.is_empty() => text.to_owned(),
            _ => rest.next_if(|next| flag(next).is_none()).cloned().ok_or(Problem::NoValue(name))?,
        };
        read(parameter, first, rest)
    }

    /// Gives the values without names to the free positions.
    fn place(&self, bound: &mut Bound, loose: &[String]) -> Result<(), Problem> {
        let mut free: Vec<_> = self.known.iter().filter(|p| p.position.is_some() && !bound.has(p.name)).collect();
        free.sort_by_key(|p| p.position);
        let (mut free, mut rest) = (free.into_iter(), loose.iter().peekable());
        while let Some(first) = rest.next() {
            let command = self.command;
            let parameter = free.next().ok_or_else(|| Problem::Loose { command, found: first.clone() })?;
            let given = read(parameter, first.clone(), &mut rest)?;
            add(bound, *parameter, given)?;
        }
        Ok(())
    }
}

/// The value that starts with this argument.
fn read(parameter: &Parameter, first: String, rest: &mut Args<'_>) -> Result<Given, Problem> {
    let name = || format!("-{}", parameter.name);
    let texts = |texts: Vec<String>| Given { texts, ..Given::default() };
    let whole = match parameter.takes {
        Takes::One | Takes::Switch => return Ok(texts(vec![value::unquoted(&first)])),
        Takes::Commands => return commands(parameter, first, rest).map(texts),
        Takes::Many | Takes::Paths => gathered(first, rest),
    };
    if parameter.takes == Takes::Paths && whole.starts_with("@{") {
        let pairs = value::pairs(&whole)
            .ok_or_else(|| Problem::Value(name(), format!("{whole:?} is no table such as @{{ 'C:\\a' = 'dir' }}")))?;
        return Ok(Given { pairs, ..Given::default() });
    }
    let list = value::list(&whole);
    list.map(texts).ok_or_else(|| Problem::Value(name(), format!("{whole:?} has an element with nothing in it")))
}

/// A list or table that may go on in the next arguments.
fn gathered(first: String, rest: &mut Args<'_>) -> String {
    let mut whole = first;
    let close = match whole.as_str() {
        text if text.starts_with("@{") => Some('}'),
        text if text.starts_with("@(") || text.starts_with('(') => Some(')'),
        _ => None,
    };
    let goes_on = |whole: &str, next: &str| match close {
        Some(close) => !whole.ends_with(close),
        None => whole.ends_with(',') || next.starts_with(','),
    };
    while let Some(next) = rest.next_if(|next| goes_on(&whole, next)) {
        whole.push(' ');
        whole.push_str(next);
    }
    whole
}

/// Commands of one argument, or of several that a comma at the end ties together.
fn commands(parameter: &Parameter, first: String, rest: &mut Args<'_>) -> Result<Vec<String>, Problem> {
    let (mut all, mut arg) = (Vec::new(), gathered_commands(first, rest));
    loop {
        let (text, more) = arg.strip_suffix(',').map_or((arg.as_str(), false), |text| (text, true));
        let several = value::commands(text).ok_or_else(|| {
            let problem = "is the comma part of one command, or between two? put each command in quotes of its own \
                           within the argument, as in \"'one','two'\"";
            Problem::Value(format!("-{}", parameter.name), problem.to_owned())
        })?;
        all.extend(several);
        match rest.next_if(|_| more) {
            Some(next) => arg.clone_from(next),
            None => return Ok(all),
        }
    }
}

/// `@(` goes on to its `)`.
fn gathered_commands(first: String, rest: &mut Args<'_>) -> String {
    if first.starts_with("@(") { gathered(first, rest) } else { first }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SELECTOR: &str = "Method";
    const KEY: Becomes = Becomes::Keys(&[], |_, _| Ok(()));
    const TABLE: [Parameter; 9] = [
        Parameter::one("Kind", KEY).at(0),
        Parameter::many("Names", KEY).at(1).alias(&["List"]),
        Parameter::switch("Development", KEY),
        Parameter::switch("Defender", KEY),
        Parameter::one(SELECTOR, KEY),
        Parameter::commands("Run", KEY),
        Parameter::paths("Copy", KEY),
        Parameter::one("DevPort", KEY).with(SELECTOR, &["Net"]).mandatory(),
        Parameter::one("Kinds", KEY).foreign(),
    ];

    fn words(args: &[&str]) -> Result<String, String> {
        let args: Vec<_> = args.iter().map(|&arg| arg.to_owned()).collect();
        let bound = bind("Test-It", &TABLE, &args).map_err(|problem| problem.to_string())?;
        let shown = bound.given.iter().map(|(parameter, given)| match parameter.takes {
            Takes::Switch => format!("{}={}", parameter.name, given.on),
            _ if !given.pairs.is_empty() => format!("{}={:?}", parameter.name, given.pairs),
            _ => format!("{}={}", parameter.name, given.texts.join("|")),
        });
        Ok(shown.collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn as_powershell_binds() {
        for (args, expected) in [
            (&["-Kind", "a"][..], "Kind=a"),
            (&["-KIND:a"], "Kind=a"),
            (&["-kind:", "a"], "Kind=a"),
            (&["\u{2013}ki", "'a'"], "Kind=a"),
            (&["a", "b,c"], "Kind=a Names=b|c"),
            (&["-Names", "b", "a"], "Names=b Kind=a"),
            (&["-Kind", "a", "b,", "c"], "Kind=a Names=b|c"),
            (&["-list", "a", ",b"], "Names=a|b"),
            (&["-Names:a,b"], "Names=a|b"),
            (&["-Names", "@('a',", "'b')"], "Names=a|b"),
            (&["-dev"], "Development=true"),
            (&["-Def:$false", "-Deve:True"], "Defender=false Development=true"),
            (&["-Def:", "$true"], "Defender=true"),
            (&["-Kind", "-5"], "Kind=-5"),
            (&["-Kind:-a"], "Kind=-a"),
            (&["-Run", "a b, c"], "Run=a b, c"),
            (&["-Run", "'a','b'"], "Run=a|b"),
            (&["-Run", "a b,", "c"], "Run=a b|c"),
            (&["-Copy", "@{ a = 'b' }"], "Copy=[(\"a\", \"b\")]"),
            (&["-Copy", "@{", "a", "=", "b", "}"], "Copy=[(\"a\", \"b\")]"),
            (&["-Copy", "a,b"], "Copy=a|b"),
            (&["-DevP", "1", "-Me", "net"], "DevPort=1 Method=net"),
            (&["-Kinds", "x"], "Kinds=x"),
            (&["-ea", "Stop", "-Debug"], "ErrorAction=Stop Debug=true"),
        ] {
            assert_eq!(words(args).as_deref(), Ok(expected), "{args:?}");
        }
    }

    #[test]
    fn as_powershell_refuses() {
        for (args, expected) in [
            (&["-De"][..], "-de may stand for -Development, -Defender, -Debug"),
            (&["-Knid", "a"], "Test-It has no parameter -Knid; is -Kind meant?"),
            (&["-xyzzy"], "Test-It has no parameter -xyzzy"),
            (&["-Kind"], "-Kind needs a value"),
            (&["-Kind", "-Defender"], "-Kind needs a value"),
            (&["-Kind", "a", "-ki", "b"], "-Kind is given twice"),
            (&["a", "b", "c"], "Test-It has no parameter that takes \"c\""),
            (
                &["a", "b", "-Def", "$false"],
                "Test-It has no parameter that takes \"$false\"; a switch takes it behind a colon, as in -Switch:$false",
            ),
            (&["-Def:"], "-Defender: $true or $false was expected behind the colon; in sh and bash quote the $"),
            (&["-Names", "a,,b"], "-Names: \"a,,b\" has an element with nothing in it"),
            (&["-Method", "Net"], "-DevPort is missing, which Test-It needs"),
            (&["-DevPort", "1", "-Method", "Usb"], "-DevPort belongs to -Method Net"),
            (&["-Copy", "@{a}"], "-Copy: \"@{a}\" is no table such as @{ 'C:\\a' = 'dir' }"),
        ] {
            assert_eq!(words(args), Err(expected.to_owned()), "{args:?}");
        }
        assert!(words(&["-Run", "a,b"]).unwrap_err().contains("put each command in quotes"));
    }
}
