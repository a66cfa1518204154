//! The negative log-likelihood with its gradient, asked by a line of JSON:
//!     rustc -O -o nll scripts/clients/nll.rs
//!     ebm-ref check --command ./nll --as nll
//! A question holds few things, so that no parser of JSON is needed to find them.
use std::io::{stdin, stdout, BufRead, Write};

/// What stands behind "name": in the line.
fn after<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    line.split_once(&format!("\"{name}\": ")).map(|(_, rest)| rest)
}

/// A number; "nan", "inf" and "-inf" stand in quotes.
fn number(word: &str) -> Option<f64> {
    word.trim_matches(|c| c == '"' || c == ' ').parse().ok()
}

fn scalar(line: &str, name: &str) -> Option<f64> {
    number(after(line, name)?.split([',', '}']).next()?)
}

fn array(line: &str, name: &str) -> Option<Vec<f64>> {
    let inside = after(line, name)?.strip_prefix('[')?.split(']').next()?;
    inside.split(',').map(number).collect()
}

/// E_y - F, all energies counted from the lowest, and the shares of the answers.
fn nll(e: &[f64], y: usize, beta: f64) -> (f64, Vec<f64>) {
    let lowest = e.iter().cloned().fold(f64::INFINITY, f64::min);
    let weights: Vec<f64> = e.iter().map(|x| (-beta * (x - lowest)).exp()).collect();
    let sum: f64 = weights.iter().sum();
    let first = e.iter().position(|x| *x == lowest).unwrap_or(0);
    let others: f64 = weights.iter().enumerate().filter(|(j, _)| *j != first).map(|(_, w)| w).sum();
    let wrong: f64 = weights.iter().enumerate().filter(|(j, _)| *j != y).map(|(_, w)| w).sum();
    let slope = |j: usize| if j == y { wrong / sum } else { -weights[j] / sum };
    ((e[y] - lowest) + others.ln_1p() / beta, (0..e.len()).map(slope).collect())
}

fn word(x: f64) -> String {
    if x.is_finite() {
        format!("{x:e}")
    } else if x.is_nan() {
        "\"nan\"".into()
    } else {
        format!("\"{}inf\"", if x > 0.0 { "" } else { "-" })
    }
}

fn answer(line: &str) -> Option<String> {
    let (energies, label) = (array(line, "energies")?, scalar(line, "label")?);
    let beta = scalar(line, "beta")?;
    if label < 0.0 || label as usize >= energies.len() || !(beta > 0.0) {
        return Some("\"error\": \"label or beta out of range\"".into());
    }
    let (value, slopes) = nll(&energies, label as usize, beta);
    let slopes: Vec<String> = slopes.into_iter().map(word).collect();
    Some(format!("\"value\": {}, \"gradients\": {{\"energies\": [{}]}}", word(value), slopes.join(", ")))
}

fn main() {
    for line in stdin().lock().lines().map_while(Result::ok) {
        let id = after(&line, "id").and_then(|rest| rest.split([',', '}']).next()).unwrap_or("null");
        let said = answer(&line).unwrap_or("\"error\": \"no question of mine\"".into());
        println!("{{\"id\": {id}, {said}}}");
        stdout().flush().unwrap();
    }
}
