//! What the command line asks of the bench.

use std::time::Duration;

/// The programs, as columns of the table.
pub(crate) const PROGRAMS: [&str; 6] = ["proxy", "nginx", "haproxy", "envoy", "traefik", "caddy"];

/// What is measured, and how long.
#[derive(Debug)]
pub(crate) struct Options {
    /// Parts of the names of figures; empty is all.
    pub(crate) only: Vec<String>,
    /// The programs, the proxy first.
    pub(crate) programs: Vec<String>,
    /// Interleaved rounds.
    pub(crate) rounds: usize,
    /// How long one program is measured in a round.
    pub(crate) window: Duration,
    /// How long it runs before that.
    pub(crate) warm: Duration,
    /// Tunnels that are held open.
    pub(crate) tunnels: usize,
    /// Reloads with tunnels open.
    pub(crate) reloads: usize,
    /// Whether the table goes into README.
    pub(crate) write: bool,
}

impl Options {
    /// Reads the command line.
    ///
    /// # Errors
    /// A sentence that says what may be written.
    pub(crate) fn read(arguments: &[String]) -> Result<Self, String> {
        let mut options = Self {
            only: Vec::new(),
            programs: PROGRAMS.map(str::to_owned).to_vec(),
            rounds: 10,
            window: Duration::from_secs(1),
            warm: Duration::from_millis(200),
            tunnels: 9_500,
            reloads: 100,
            write: false,
        };
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            let mut value = || {
                let missing = || format!("`{word}` needs a value");
                words.next().ok_or_else(missing).map(String::as_str)
            };
            let number = |text: &str| {
                let unfit = |_| format!("`{word}` needs a number, not `{text}`");
                text.parse::<u32>().map_err(unfit)
            };
            match word.as_str() {
                // Cargo's own word.
                "--bench" => {}
                "--write" => options.write = true,
                "--only" => options.only = list(value()?),
                "--programs" => {
                    options.programs = vec!["proxy".to_owned()];
                    for name in list(value()?) {
                        if !PROGRAMS.contains(&name.as_str()) {
                            return Err(format!("`{name}` is none of {}", PROGRAMS.join(", ")));
                        }
                        if name != "proxy" {
                            options.programs.push(name);
                        }
                    }
                }
                "--rounds" => options.rounds = number(value()?)?.max(1) as usize,
                "--window" => options.window = Duration::from_millis(number(value()?)?.into()),
                "--tunnels" => options.tunnels = number(value()?)? as usize,
                "--reloads" => options.reloads = number(value()?)? as usize,
                "--smoke" => {
                    options.rounds = 1;
                    options.window = Duration::from_millis(100);
                    options.warm = Duration::from_millis(50);
                    options.tunnels = 50;
                    options.reloads = 3;
                }
                _ => {
                    return Err(format!(
                        "`{word}` is none of --write, --only FIGURES, --programs NAMES, --rounds N, --window MILLISECONDS, --tunnels N, --reloads N, --smoke"
                    ));
                }
            }
        }
        Ok(options)
    }

    /// Whether a figure is asked for.
    pub(crate) fn wants(&self, figure: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|part| figure.contains(part.as_str()))
    }
}

fn list(text: &str) -> Vec<String> {
    text.split(',').map(|word| word.trim().to_owned()).collect()
}
