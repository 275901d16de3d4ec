//! Warm reads through the Rust binding: see ../../bindings.py.
//!
//!     read CONFIG MACHINE

use std::error::Error;
use std::io::{self, BufRead};
use std::time::Instant;

use cordon::json::Value;
use cordon::{Client, Options};

/// The time of a call in microseconds.
fn median(client: &Client, machine: &str, count: usize) -> cordon::Result<f64> {
    let mut took = Vec::with_capacity(count);
    for _ in 0..count {
        let start = Instant::now();
        client.read("get_machine", Value::object([("machine_id", machine.into())]), &Options::default())?;
        took.push(start.elapsed());
    }
    took.sort();
    Ok(took[count / 2].as_secs_f64() * 1e6)
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let client = Client::open(&std::fs::read_to_string(&arguments[1])?)?;
    println!("ready");
    for line in io::stdin().lock().lines() {
        println!("{:.1}", median(&client, &arguments[2], line?.trim().parse()?)?);
    }
    Ok(())
}
