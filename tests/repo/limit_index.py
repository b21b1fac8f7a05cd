"""Which test tries each limit of the server at the limit and one beyond: the second table of the settings' page.

`python -m tests.repo.limit_index` writes it between the two marks of `docs/operations/settings.md`; a test compares,
and looks whether each of these tests is there.
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/operations/settings.md"
START, END = "<!-- limits -->\n", "<!-- end -->\n"
_REAL, _GUARDS = "tests/integration/test_limits.py", "tests/unit/voting_server/plumbing/test_guards.py"
_CASTS, _BATCHES = "tests/integration/casting/test_casts.py", "tests/unit/voting_server/casting/test_batches.py"
_ROLES, _ACTS = (
    "tests/unit/voting_server/roles/test_entrance.py",
    "tests/unit/voting_server/elections/test_proposals.py",
)
_ELECTIONS, _LOG = "tests/unit/voting_server/elections/test_elections.py", "tests/integration/board/test_log_routes.py"
TESTS: dict[str, tuple[str, str]] = {
    "body_bytes": (_GUARDS, "test_a_body_may_be_as_large_as_the_limit_and_not_a_byte_larger"),
    "import_bytes": (_ELECTIONS, "test_a_founding_may_be_as_large_as_the_limit_and_not_a_byte_larger"),
    "header_bytes": (_REAL, "test_a_head_may_be_as_large_as_the_limit_and_not_a_byte_larger"),
    "header_ms": (_REAL, "test_a_head_in_time_is_answered_and_a_slow_one_ends_the_connection"),
    "body_ms": (_REAL, "test_a_body_that_comes_in_time_is_answered_and_a_slow_one_ends_the_connection"),
    "idle_s": (_REAL, "test_an_idle_connection_ends"),
    "connections": (_REAL, "test_as_many_connections_as_the_limit_and_not_one_more"),
    "backlog": (_REAL, "test_the_kernel_holds_as_many_connections_as_the_backlog_says"),
    "queue": (_CASTS, "test_as_many_entries_wait_as_the_limit_and_not_one_more"),
    "intake": (_BATCHES, "test_the_line_is_bounded"),
    "intake_ms": (_BATCHES, "test_the_first_waits_up_to_the_limit_and_not_a_moment_longer"),
    "batch": (_BATCHES, "test_as_many_are_handled_together_as_the_limit_and_not_one_more"),
    "streams": (_REAL, "test_as_many_live_streams_as_the_limit_and_not_one_more"),
    "streams_an_address": (
        "tests/integration/board/test_feed.py",
        "test_as_many_streams_as_the_limit_and_not_one_more",
    ),
    "answer_ms": (_REAL, "test_who_does_not_take_an_answer_loses_the_connection"),
    "session_s": (_REAL, "test_a_session_lives_to_its_last_millisecond_and_not_one_longer"),
    "role_session_s": (_ROLES, "test_a_roles_session_lives_to_its_last_millisecond_and_not_one_longer"),
    "role_tries_a_minute": (_ROLES, "test_an_address_may_try_as_often_as_the_limit_and_not_once_more"),
    "proposals": (_ACTS, "test_one_person_may_have_as_many_acts_waiting_as_the_limit_and_not_one_more"),
    "proposal_s": (_ACTS, "test_an_act_ends_with_its_time"),
    "threads": (_REAL, "test_as_many_requests_compute_at_a_time_as_the_limit_and_the_next_waits"),
    "pool": (_REAL, "test_a_process_holds_as_many_database_connections_as_the_limit_and_not_one_more"),
    "skew_ms": ("tests/unit/voting_server/plumbing/test_database.py", "test_clocks_may_differ_by_the_limit"),
    "casts_a_minute": (_CASTS, "test_limits_are_a_credentials_own"),
    "nonces_a_minute": (_CASTS, "test_limits_are_a_credentials_own"),
    "spoils_an_hour": ("tests/integration/casting/test_challenges.py", "test_ten_challenges_an_hour"),
    "logins_a_minute": ("tests/integration/casting/test_login.py", "test_log_ins_of_a_credential_are_limited"),
    "entries_a_minute": (_ELECTIONS, "test_a_key_may_send_as_many_entries_as_the_limit_and_not_one_more"),
    "enrolments_a_minute": ("tests/integration/voters/test_enrolment.py", "test_nobody_locks_a_chosen_voter_out"),
    "session_requests_a_minute": (
        _GUARDS,
        "test_a_known_session_counts_for_itself_and_an_invented_cookie_by_its_address",
    ),
    "requests_a_minute": (_GUARDS, "test_an_address_may_ask_as_often_as_the_limit_and_not_once_more"),
}
FIXED: dict[str, tuple[str, str]] = {
    "5,000 slots a page of a registrar's list": (
        "tests/integration/voters/test_rotation.py",
        "test_slots_come_in_pages",
    ),
    "500 blocks a page of `/log/blocks`": (_LOG, "test_a_page_of_blocks_holds_as_many_as_the_limit"),
    "256 KiB an answer of an identity provider or time-stamping authority": (
        "tests/integration/test_fetching.py",
        "test_an_answer_may_be_as_large_as_the_limit_and_not_a_byte_larger",
    ),
    "500 characters a field of the roll": (
        "tests/integration/voters/test_roll_import.py",
        "test_a_field_may_be_as_long_as_the_limit_and_not_a_sign_longer",
    ),
}
"""Limits that no setting changes."""


def link(path: str, name: str) -> str:
    """Return a link to a test."""
    return f"[`{name}`](../../{path})"


def render() -> str:
    """Return the table."""
    lines = ["| limit | tried at it and one beyond by |", "|---|---|"]
    lines += [f"| `{limit}` | {link(*place)} |" for limit, place in TESTS.items()]
    lines += [f"| {limit} (no setting) | {link(path, name)} |" for limit, (path, name) in FIXED.items()]
    return "\n".join(lines) + "\n"


def replaced(page: str) -> str:
    """Return the page with the table as it is now."""
    before, _, rest = page.partition(START)
    return f"{before}{START}{render()}{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(replaced(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
