//! What holds at a place: NGINX's blocks in each other, the innermost asked first.

use super::syntax::Directive;

/// The blocks around a place, the outermost first.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope<'a> {
    levels: Vec<&'a [Directive]>,
}

impl<'a> Scope<'a> {
    /// The same with one more block inside.
    pub(super) fn inner(&self, block: &'a [Directive]) -> Self {
        let mut levels = self.levels.clone();
        levels.push(block);
        Self { levels }
    }

    /// The same without the innermost block.
    pub(super) fn outer(&self) -> Self {
        let mut levels = self.levels.clone();
        levels.pop();
        Self { levels }
    }

    /// The directive of this name that holds: that of the innermost block that has one.
    pub(super) fn find(&self, name: &str) -> Option<&'a Directive> {
        self.all(&[name]).first().copied()
    }

    /// All directives of these names in the innermost block that has any: NGINX inherits such lists whole or not at all.
    pub(super) fn all(&self, names: &[&str]) -> Vec<&'a Directive> {
        let named = |level: &&'a [Directive]| -> Vec<&'a Directive> {
            let found = level.iter().filter(|it| names.contains(&it.name.as_str()));
            found.collect()
        };
        let found = self.levels.iter().rev().map(named);
        found
            .into_iter()
            .find(|found| !found.is_empty())
            .unwrap_or_default()
    }

    /// All directives of this name in every block, the innermost first.
    pub(super) fn everywhere(&self, name: &str) -> Vec<&'a Directive> {
        let levels = self.levels.iter().rev();
        levels
            .flat_map(|level| level.iter().filter(|it| it.name == name))
            .collect()
    }

    /// The innermost block's own directives of this name: what is not inherited.
    pub(super) fn own<'n>(
        &self,
        name: &'n str,
    ) -> impl Iterator<Item = &'a Directive> + use<'a, 'n> {
        let level = self.levels.last().copied().unwrap_or_default();
        level.iter().filter(move |it| it.name == name)
    }

    /// Whether a switch is on.
    pub(super) fn is_on(&self, name: &str) -> bool {
        self.find(name).is_some_and(|it| it.arg(0) == "on")
    }
}
