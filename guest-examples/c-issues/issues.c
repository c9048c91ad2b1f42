/* Prints the open issues of a repository of GitHub and comments on one of them.
 *
 * It is a reactor, not a command: the host calls `run`. The functions it calls, and their types,
 * are made from the world in `wit` by `wit-bindgen c`. It has no HTTP client and no token. */
#include <stdio.h>
#include <stdlib.h>

#include "bindings/commenter.h"

/* A string's parts in the order of `%.*s`. */
#define TEXT(string) (int)(string).len, (const char *)(string).ptr

/* Turns an error into the text that `run` fails with. */
static void explain(const agentbox_host_errors_error_t *error, commenter_string_t *text) {
    char line[512];
    switch (error->tag) {
    case AGENTBOX_HOST_ERRORS_ERROR_DENIED:
        snprintf(line, sizeof line, "denied %.*s: %.*s", TEXT(error->val.denied.code),
                 TEXT(error->val.denied.message));
        break;
    case AGENTBOX_HOST_ERRORS_ERROR_UPSTREAM:
        snprintf(line, sizeof line, "%d: %.*s", error->val.upstream.status,
                 TEXT(error->val.upstream.message));
        break;
    case AGENTBOX_HOST_ERRORS_ERROR_LIMIT:
        snprintf(line, sizeof line, "limit `%.*s` is used up", TEXT(error->val.limit.name));
        break;
    default:
        snprintf(line, sizeof line, "%.*s", TEXT(error->val.unavailable));
    }
    commenter_string_dup(text, line);
}

bool exports_commenter_run(commenter_string_t *done, commenter_string_t *failed) {
    agentbox_host_errors_error_t error;

    github_issues_list_for_repo_params_t which = {0};
    commenter_string_set(&which.owner, "acme");
    commenter_string_set(&which.repo, "widgets");
    github_issues_list_for_repo_list_issue_t issues;
    if (!github_issues_list_for_repo_list_for_repo(&which, &issues, &error)) {
        explain(&error, failed);
        return false;
    }
    for (size_t i = 0; i < issues.len; i++) {
        printf("#%u %.*s (%zu labels)\n", issues.ptr[i].number, TEXT(issues.ptr[i].title),
               issues.ptr[i].labels.len);
    }
    fflush(stdout);

    github_issues_create_comment_params_t what = {0};
    what.owner = which.owner;
    what.repo = which.repo;
    what.issue_number = 7;
    commenter_string_set(&what.body, "Seen, from C.");
    github_issues_create_comment_comment_t comment;
    if (!github_issues_create_comment_create_comment(&what, &comment, &error)) {
        explain(&error, failed);
        return false;
    }
    commenter_string_dup_n(done, (const char *)comment.html_url.ptr, comment.html_url.len);
    return true;
}
