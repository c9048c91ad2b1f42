//! What is wrong with a policy, where, and what to do about it.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use miette::{Diagnostic, LabeledSpan, NamedSource, Severity, SourceCode};

use crate::code::Code;

/// One mistake, or one warning, with its place in the text.
#[derive(Clone, Debug)]
pub struct PolicyProblem {
    code: Code,
    message: String,
    hint: Option<String>,
    source: Arc<NamedSource<String>>,
    span: Range<usize>,
    // A second place, and what it has to do with the first.
    also: Option<(Range<usize>, &'static str)>,
}

impl PolicyProblem {
    pub(crate) fn new(
        code: Code,
        source: &Arc<NamedSource<String>>,
        span: Range<usize>,
        message: impl Into<String>,
    ) -> Self {
        let end = source.inner().len();
        let span = span.start.min(end)..span.end.min(end);
        let source = Arc::clone(source);
        Self {
            code,
            message: message.into(),
            hint: None,
            source,
            span,
            also: None,
        }
    }

    pub(crate) fn advise(&mut self, hint: impl Into<String>) -> &mut Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn also(&mut self, span: Range<usize>, label: &'static str) -> &mut Self {
        self.also = Some((span, label));
        self
    }

    /// Whether the policy can be used all the same.
    #[must_use]
    pub fn is_warning(&self) -> bool {
        (Code::SHARED_KEY..Code::CREDENTIAL_MISSING).contains(&self.code)
    }

    pub(crate) fn place(&self) -> (&str, usize, usize) {
        (self.source.name(), self.span.start, self.span.end)
    }

    /// The stable code; `AB03xx` is a warning.
    #[must_use]
    pub fn code(&self) -> Code {
        self.code
    }

    /// What is wrong: one line, lower case.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do about it, or what was probably meant.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// The file, as it was named when the policy was parsed.
    #[must_use]
    pub fn file(&self) -> &str {
        self.source.name()
    }

    /// The line, counted from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.before().matches('\n').count() + 1
    }

    /// The column in characters, counted from 1.
    #[must_use]
    pub fn column(&self) -> usize {
        let before = self.before();
        let line = before.rsplit('\n').next().unwrap_or(before);
        line.chars().count() + 1
    }

    /// The bytes of the file it is about.
    #[must_use]
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    fn before(&self) -> &str {
        let text = self.source.inner();
        let start = (0..=self.span.start)
            .rev()
            .find(|at| text.is_char_boundary(*at))
            .unwrap_or(0);
        text.get(..start).unwrap_or_default()
    }
}

impl fmt::Display for PolicyProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for PolicyProblem {}

impl Diagnostic for PolicyProblem {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.code))
    }

    fn severity(&self) -> Option<Severity> {
        let warning = Code::SHARED_KEY..Code::CREDENTIAL_MISSING;
        Some(if warning.contains(&self.code) {
            Severity::Warning
        } else {
            Severity::Error
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.hint
            .as_ref()
            .map(|hint| Box::new(hint) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&*self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let first = LabeledSpan::new_primary_with_span(None, self.span.clone());
        let also = self.also.as_ref().map(|(span, label)| {
            LabeledSpan::new_with_span(Some((*label).to_owned()), span.clone())
        });
        Some(Box::new(std::iter::once(first).chain(also)))
    }
}

/// All that is wrong with a policy; at least one problem, in the order of the text.
#[derive(Clone, Debug)]
pub struct PolicyErrors {
    // INVARIANT: not empty.
    problems: Vec<PolicyProblem>,
}

impl PolicyErrors {
    pub(crate) fn new(mut problems: Vec<PolicyProblem>) -> Option<Self> {
        problems.sort_by(|one, other| one.place().cmp(&other.place()));
        (!problems.is_empty()).then_some(Self { problems })
    }

    /// One problem alone.
    pub(crate) fn of(problem: PolicyProblem) -> Self {
        Self {
            problems: vec![problem],
        }
    }

    /// The problems.
    #[must_use]
    pub fn problems(&self) -> &[PolicyProblem] {
        &self.problems
    }

    /// The first problem's code, for where one code has to stand for all.
    #[must_use]
    pub fn code(&self) -> Code {
        self.problems.first().map_or(Code::BUG, PolicyProblem::code)
    }
}

impl IntoIterator for PolicyErrors {
    type Item = PolicyProblem;
    type IntoIter = std::vec::IntoIter<PolicyProblem>;

    fn into_iter(self) -> Self::IntoIter {
        self.problems.into_iter()
    }
}

impl fmt::Display for PolicyErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            let (file, line, column) = (problem.file(), problem.line(), problem.column());
            write!(
                f,
                "error[{}]: {}: {file}:{line}:{column}",
                problem.code(),
                problem.message()
            )?;
        }
        Ok(())
    }
}

impl std::error::Error for PolicyErrors {}

impl Diagnostic for PolicyErrors {
    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        Some(Box::new(
            self.problems
                .iter()
                .map(|problem| problem as &dyn Diagnostic),
        ))
    }
}
