//! Looks through the open issues of repositories: an issue without a label gets the label `triage`
//! and, where nobody has commented on it yet, a first comment.
//!
//! It calls GitHub's operations as functions, with the types of their WIT. It knows no URL, no JSON
//! and no token: those are the host's. What it may not do comes back as an error that says why, and
//! it goes on with the next repository.
//!
//! Usage: `triage OWNER/REPO...`; it returns how many issues it has triaged.

wit_bindgen::generate!({ world: "triage-bot", path: "wit", generate_all });

use agentbox::host::errors::Error;
use github::issues::types::Issue;
use github::issues::{add_labels, create_comment, get, list_comments, list_for_repo};

struct Program;

export!(Program);

/// What an issue gets that nobody has looked at.
const LABEL: &str = "triage";

impl Guest for Program {
    fn run() -> Result<String, String> {
        let repositories: Vec<String> = std::env::args().skip(1).collect();
        if repositories.is_empty() {
            return Err("usage: triage OWNER/REPO...".to_owned());
        }
        let mut triaged = 0;
        for name in &repositories {
            let Some((owner, repo)) = name.split_once('/') else {
                return Err(format!("`{name}` is not OWNER/REPO"));
            };
            match triage(owner, repo) {
                Ok(count) => triaged += count,
                Err(error) => println!("{name}: {}", explain(&error)),
            }
        }
        Ok(format!("{triaged} triaged"))
    }
}

/// Goes through the open issues of one repository.
fn triage(owner: &str, repo: &str) -> Result<usize, Error> {
    let issues = list_for_repo::list_for_repo(&list_for_repo::Params {
        owner: owner.to_owned(),
        repo: repo.to_owned(),
        state: Some("open".to_owned()),
        per_page: Some(50),
    })?;
    println!("{owner}/{repo}: {} open issues", issues.len());
    let mut triaged = 0;
    for issue in issues {
        println!("  #{} {}: {}", issue.number, issue.title, labels(&issue));
        if issue.labels.is_empty() {
            answer(owner, repo, issue.number)?;
            triaged += 1;
        }
    }
    Ok(triaged)
}

/// Labels an issue, and comments on it if nobody has.
fn answer(owner: &str, repo: &str, issue_number: u32) -> Result<(), Error> {
    let (owner, repo) = (owner.to_owned(), repo.to_owned());
    let labels = add_labels::add_labels(&add_labels::Params {
        owner: owner.clone(),
        repo: repo.clone(),
        issue_number,
        labels: vec![LABEL.to_owned()],
    })?;
    println!("    labelled {}", labels.join(", "));
    let comments = list_comments::list_comments(&list_comments::Params {
        owner: owner.clone(),
        repo: repo.clone(),
        issue_number,
        per_page: None,
        page: None,
    })?;
    if let Some(first) = comments.first() {
        let author = first.author.as_deref().unwrap_or("somebody");
        println!("    {author} has commented: {}", first.body);
        return Ok(());
    }
    // Titles and bodies are what anybody may write: nothing of them is repeated.
    let issue = get::get(&get::Params {
        owner: owner.clone(),
        repo: repo.clone(),
        issue_number,
    })?;
    let body = match issue.body {
        Some(_) => "Thank you. Somebody will look at this.",
        None => "Thank you. Could you say what you did, and what happened?",
    };
    let comment = create_comment::create_comment(&create_comment::Params {
        owner,
        repo,
        issue_number,
        body: body.to_owned(),
    })?;
    println!("    commented {}", comment.html_url);
    Ok(())
}

fn labels(issue: &Issue) -> String {
    if issue.labels.is_empty() {
        return "no label".to_owned();
    }
    issue.labels.join(", ")
}

/// Why a call has no result, on one line.
fn explain(error: &Error) -> String {
    match error {
        Error::Denied(denial) => format!("denied {}: {}", denial.code, denial.message),
        Error::Limit(limit) => format!("limit `{}` is used up", limit.name),
        Error::Upstream(upstream) => match upstream.retry_after_ms {
            Some(wait) => format!("{}: {}, in {wait} ms", upstream.status, upstream.message),
            None => format!("{}: {}", upstream.status, upstream.message),
        },
        Error::InvalidReply(what) => format!("invalid reply: {what}"),
        Error::Unavailable(what) => format!("unavailable: {what}"),
    }
}
